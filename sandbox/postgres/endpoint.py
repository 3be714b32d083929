"""
An address that stays while the server behind it changes, as a cluster's endpoint does.

When it is pointed elsewhere, connections to the server before are cut, as a failover cuts them.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
PART = 65536


@dataclass
class Mishap:
    """
    Of the next statement with this word. `parts`: 2 for one that is prepared before it is carried
    out, so that it is the second thing said. `held_s`: for so long it is on its way, whatever
    becomes of who sent it; 0: it is carried out, and its answer does not come.
    """

    word: bytes
    parts: int
    held_s: float = 0.0
    has_come: bool = False


class Endpoint:
    """`slow_s`: seconds that every part of an answer is late."""

    def __init__(self) -> None:
        self.port, self.slow_s = 0, 0.0
        self.mishaps: list[Mishap] = []
        self._to = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, to: int) -> None:
        self._to = to
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._cut()
            await self._server.wait_closed()
            self._server = None

    async def point_to(self, port: int) -> None:
        self._to = port
        await self._cut()

    async def _cut(self) -> None:
        open_ones = list(self._open)
        for one in open_ones:
            one.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self._to)
        except OSError:
            writer.transport.abort()  # A reset: as near to "refused" as an open port comes.
            return
        talk = _Talk(self)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(talk.say(reader, back))
                group.create_task(talk.answer(there, writer))
        finally:
            back.close()


class _Talk:
    """What goes to and fro on one connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._said: dict[int, int] = {}  #: By mishap: parts since its word.
        self._is_deaf = False

    async def say(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while part := await reader.read(PART):
                for mishap in [one for one in self._endpoint.mishaps if self._meets(one, part)]:
                    self._endpoint.mishaps.remove(mishap)
                    mishap.has_come = True
                    self._is_deaf = not mishap.held_s
                    await asyncio.sleep(mishap.held_s)
                back.write(part)
                await back.drain()
        _end(back)

    async def answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while part := await there.read(PART):
                if self._is_deaf:
                    writer.transport.abort()
                    return
                await asyncio.sleep(self._endpoint.slow_s)
                writer.write(part)
                await writer.drain()
        _end(writer)

    def _meets(self, mishap: Mishap, part: bytes) -> bool:
        said = self._said.get(id(mishap), 0)
        if said or mishap.word in part:
            self._said[id(mishap)] = said + 1
            return said + 1 == mishap.parts
        return False


def _end(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, RuntimeError):
        writer.write_eof()
