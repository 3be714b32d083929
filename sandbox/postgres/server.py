"""
One PostgreSQL server as a child process: made, started, paused and stopped, by its process id.

It listens on loopback only, and ends when we end, however we end. Durability is off: this data is
nobody's.
"""

import asyncio
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from sandbox.guard import dismiss, guard
from sandbox.postgres.binaries import Binaries

HOST = "127.0.0.1"
START_LIMIT_S = STOP_LIMIT_S = 60.0
LOOK_EVERY_S = 0.01
#: The line of postmaster.pid that says how far the server is.
STATUS_LINE = 7

SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_prepared_transactions": "4",
    "max_wal_size": "256MB",
    "wal_keep_size": "256MB",  #: For whoever streams it and is late on a busy machine.
    "autovacuum_naptime": "10s",
    "logging_collector": "off",
    "log_min_messages": "fatal",
    "timezone": "UTC",
}
SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Server:
    def __init__(self, binaries: Binaries, folder: Path, connections: int) -> None:
        self.folder, self._binaries = folder, binaries
        self._settings = {**SETTINGS, "max_connections": str(connections)}
        self.port = _free_port()
        self._log = folder.with_suffix(".log")
        self._process: Process | None = None
        self._guard: Process | None = None
        self.is_paused = False

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def make(self, user: str, password: str) -> None:
        """A new, empty cluster with this superuser."""
        secret = self.folder.with_suffix(".pw")
        secret.touch(0o600)
        self._binaries.own(secret)
        secret.write_text(password)
        try:
            await self.run(
                *("initdb", "-D", str(self.folder), "-U", user, f"--pwfile={secret}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
                *("--no-sync", "--no-instructions", "--data-checksums"),
            )
        finally:
            secret.unlink()

    async def copy_from(self, primary: "Server", user: str, password: str) -> None:
        """A streaming replica of a primary that runs."""
        await self.run(
            *("pg_basebackup", "-D", str(self.folder), "-h", HOST, "-p", str(primary.port)),
            *("-U", user, "--checkpoint=fast", "--wal-method=stream", "--no-sync", "-R"),
            PGPASSWORD=password,
        )

    async def start(self) -> None:
        """Ends when it takes connections. Raises RuntimeError with the end of its log."""
        settings = [part for one in self._settings.items() for part in ("-c", "=".join(one))]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._binaries.program("postgres"),
                *("-D", str(self.folder), "-p", str(self.port), *settings),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                cwd="/",
                env=environment(),
                start_new_session=True,
                **self._binaries.identity,
            )
        self.is_paused = False
        self._guard = await guard(self._process.pid, "QUIT", **self._binaries.identity)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while not self._is_ready():  # noqa: ASYNC110 - it says so in a file
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            await self.stop("immediate")
            raise RuntimeError(f"PostgreSQL did not start within {START_LIMIT_S:g} s") from None

    async def stop(self, how: Literal["fast", "immediate"] = "fast") -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(SIGNALS[how])
            self.resume()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_LIMIT_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        guarding, self._guard = self._guard, None
        await dismiss(guarding)

    def pause(self) -> None:
        """Whoever connects from now on waits; sessions that are open go on."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGSTOP)
            self.is_paused = True

    def resume(self) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGCONT)
        self.is_paused = False

    async def run(self, program: str, *arguments: str, **more: str) -> None:
        """Runs one of PostgreSQL's programs. Raises RuntimeError with what it complained of."""
        child = await asyncio.create_subprocess_exec(
            self._binaries.program(program),
            *arguments,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            cwd="/",
            env=environment() | more,
            **self._binaries.identity,
        )
        try:
            said, _ = await child.communicate()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
        if child.returncode != 0:
            raise RuntimeError(f"{program} failed: {said.decode(errors='replace')[-1500:]}")

    def _is_ready(self) -> bool:
        if not self.is_running:
            log = self._log.read_text(errors="replace")[-1500:]
            raise RuntimeError(f"PostgreSQL did not start: {log}")
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        ours = self._process is not None and lines[:1] == [str(self._process.pid)]
        return ours and lines[STATUS_LINE : STATUS_LINE + 1] == ["ready   "]


def environment() -> dict[str, str]:
    """Nothing of whoever runs us: no PGHOST, no password file."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "HOME": "/nonexistent"}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
