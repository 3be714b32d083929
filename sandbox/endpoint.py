"""
The name that applications connect to: a TCP endpoint on loopback that leads to whichever server
writes, as a database's DNS name does. It can be made slow, and it moves with a failover.
"""

import asyncio
import contextlib
from collections.abc import Callable


class Endpoint:
    """`slow_s`: seconds that every piece of data waits on its way back."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.slow_s = 0.0
        self._target = target
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("The endpoint has not been started.")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def lead_to(self, target: tuple[str, int]) -> None:
        """From now on; what is connected is cut, as a failover cuts it."""
        self._target = target
        self._cut()

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        self._cut()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def _cut(self) -> None:
        for task in self._passing:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            try:
                there_reader, there_writer = await asyncio.open_connection(*self._target)
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pump(reader, there_writer, lambda: 0.0))
                    group.create_task(_pump(there_reader, writer, lambda: self.slow_s))
            except* OSError:
                pass
            finally:
                writer.close()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow_s: Callable[[], float]
) -> None:
    try:
        while data := await reader.read(65536):
            if delay := slow_s():
                await asyncio.sleep(delay)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
