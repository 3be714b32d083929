"""The bot as a process of its own, as it runs in production: it can be killed, and begin anew."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sandbox.box import Box
from tests.scenarios.stage import PATIENCE_S

ROOT = Path(__file__).parents[2]


class Lives:
    """One life after another, on the same store."""

    def __init__(self, box: Box, log: Path) -> None:
        self._box, self._log = box, log
        self._process: asyncio.subprocess.Process | None = None
        self.begun = 0

    async def begin(self) -> None:
        """Returns once it is connected."""
        with self._log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "app.py",
                cwd=ROOT,
                env={**os.environ, **self._box.environment()},
                stderr=log,
            )
        self.begun += 1
        ended = asyncio.create_task(self._process.wait())
        connected = asyncio.create_task(self._connected())
        await asyncio.wait((ended, connected), return_when=asyncio.FIRST_COMPLETED)
        connected.cancel()
        assert not ended.done(), f"the bot ended by itself:\n{self._log.read_text()}"
        ended.cancel()

    async def kill(self) -> None:
        """As the kernel does: between two instructions, without a word."""
        assert self._process
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._box.slack.wait_for(lambda: not self._box.slack.socket_mode.connections, 10)

    def fills_its_disk(self) -> None:
        """As far as it can see: no file that it writes to takes another byte."""
        self._limit_files(0)

    def has_room_again(self) -> None:
        self._limit_files(resource.RLIM_INFINITY)

    def _limit_files(self, length: int) -> None:
        assert self._process
        resource.prlimit(
            self._process.pid, resource.RLIMIT_FSIZE, (length, resource.RLIM_INFINITY)
        )

    async def end(self) -> int:
        """As an orchestrator asks it to. What it says to that."""
        assert self._process
        self._process.terminate()
        return await self._process.wait()

    async def _connected(self) -> None:
        await self._box.slack.wait_for(lambda: self._box.slack.socket_mode.connections, PATIENCE_S)

    def cut(self) -> None:
        """Nothing of it outlives the test."""
        if self._process and self._process.returncode is None:
            self._process.kill()


@asynccontextmanager
async def lives(box: Box, folder: Path) -> AsyncIterator[Lives]:
    found = Lives(box, folder / "bot.log")
    try:
        await found.begin()
        yield found
    finally:
        found.cut()
