"""
An address that stays while the server behind it changes, as a cluster's endpoint does.

When it is pointed elsewhere, connections to the server before are cut, as a failover cuts them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

HOST = "127.0.0.1"
PART = 65536


class Endpoint:
    """`slow_s`: seconds that every part of an answer is late."""

    def __init__(self) -> None:
        self.port, self.slow_s = 0, 0.0
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
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(reader, back, lambda: 0.0))
                group.create_task(_pass_on(there, writer, lambda: self.slow_s))
        finally:
            back.close()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow_s: Callable[[], float]
) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(PART):
            await asyncio.sleep(slow_s())
            writer.write(part)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()
