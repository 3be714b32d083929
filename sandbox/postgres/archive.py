"""
What a server can be restored from: a copy of it, and all that it has written since.

Nothing is archived before it is wanted: then the server is copied once, and from then on what it
writes is received as it writes it. A moment before that copy is restored to what the copy holds.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, Process
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from sandbox.guard import dismiss, guard
from sandbox.postgres.binaries import Binaries
from sandbox.postgres.server import HOST, Server, environment

RECEIVED_LIMIT_S, PROMOTED_LIMIT_S, LOOK_EVERY_S = 60.0, 60.0, 0.02
#: pg_receivewal calls a segment that is not whole yet so.
RESTORE = "cp '{wal}/%f' '%p' || cp '{wal}/%f.partial' '%p'"
RECEIVES = """
    SELECT count(*) FROM pg_stat_replication
    WHERE application_name = 'pg_receivewal' AND state <> 'startup'
"""


class Archive:
    """Of one server. `login`: as a superuser, without a host and port."""

    def __init__(self, binaries: Binaries, folder: Path, server: Server, login: Any) -> None:
        self._binaries, self._server, self._login = binaries, server, login
        self._copy, self._wal = folder / "copy", folder / "wal"
        self._copied_at: datetime | None = None
        self._process: Process | None = None
        self._guard: Process | None = None
        for one in (folder, self._copy, self._wal):
            one.mkdir(0o700)
            binaries.own(one)

    async def begin(self) -> None:
        """
        Ends when the copy is there and what is written is received: what was written before it
        began to receive it would never get.
        """
        await self.receive()
        await self._receives()
        await self._server.run(
            *("pg_basebackup", "-D", str(self._copy), "-h", HOST, "-p", str(self._server.port)),
            *("-U", self._login["user"], "--checkpoint=fast", "--wal-method=stream"),
            *("--no-sync", "--no-verify-checksums"),
            PGPASSWORD=self._login["password"],
        )
        self._copied_at = datetime.now(UTC)

    async def receive(self) -> None:
        """Goes on where it was."""
        self._process = await asyncio.create_subprocess_exec(
            self._binaries.program("pg_receivewal"),
            *("-D", str(self._wal), "-h", HOST, "-p", str(self._server.port)),
            *("-U", self._login["user"], "--no-sync"),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            cwd="/",
            env=environment() | {"PGPASSWORD": self._login["password"]},
            start_new_session=True,
            **self._binaries.identity,
        )
        self._guard = await guard(self._process.pid, "TERM", **self._binaries.identity)

    async def stop(self) -> None:
        """Its server may be stopped now."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            await process.wait()
        guarding, self._guard = self._guard, None
        await dismiss(guarding)

    async def restore(self, to: Server, at: datetime) -> None:
        """Starts `to` as this server was then, and ends when it takes writes."""
        is_later = self._copied_at is not None and at > self._copied_at
        target = f"recovery_target_time = '{at.astimezone(UTC).isoformat()}'" if is_later else ""
        if is_later and not await self._is_received():
            target = "recovery_target_timeline = 'latest'"
        await asyncio.to_thread(
            self._lay_out, to.folder, target or "recovery_target = 'immediate'"
        )
        await to.start()
        async with asyncio.timeout(PROMOTED_LIMIT_S):
            connection = await self._connected(to)
            try:
                while await connection.fetchval("SELECT pg_is_in_recovery()"):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)
            finally:
                await connection.close()

    def _lay_out(self, folder: Path, target: str) -> None:
        shutil.copytree(self._copy, folder, dirs_exist_ok=True)
        settings = (
            f"restore_command = {_quoted(RESTORE.format(wal=self._wal))}",
            "recovery_target_action = promote",
            target,
        )
        with (folder / "postgresql.auto.conf").open("a") as conf:
            conf.write("\n".join(settings) + "\n")
        (folder / "recovery.signal").touch()
        for place, _, files in os.walk(folder):
            self._binaries.own(Path(place))
            for name in files:
                self._binaries.own(Path(place) / name)
        folder.chmod(0o700)

    async def _receives(self) -> None:
        connection = await self._connected(self._server)
        try:
            async with asyncio.timeout(RECEIVED_LIMIT_S):
                while not await connection.fetchval(RECEIVES):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await connection.close()

    async def _is_received(self) -> bool:
        """A transaction of now is in the archive: a recovery stops before it. No server, none."""
        try:
            connection = await self._connected(self._server)
        except (OSError, asyncpg.PostgresError):
            return False
        try:
            await connection.execute("SELECT pg_current_xact_id()")
            segment = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        finally:
            await connection.close()
        async with asyncio.timeout(RECEIVED_LIMIT_S):
            while not (self._wal / segment).exists():  # noqa: ASYNC110 - it says so in a file
                await asyncio.sleep(LOOK_EVERY_S)
        return True

    async def _connected(self, server: Server) -> Any:
        return await asyncpg.connect(
            host=HOST, port=server.port, database="postgres", timeout=10, **self._login
        )


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
