"""
The company's database: a writer, a replica that streams from it, and what may fail of them.

Applications use `dsn` and `replica_dsn`, whose addresses stay while the servers behind change
places. `admin_dsn` is the way in for the sandbox itself. Every fault has a way back.
"""

import asyncio
import secrets
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from sandbox.postgres.archive import Archive
from sandbox.postgres.binaries import Binaries, find
from sandbox.postgres.data import Accounts, fill
from sandbox.postgres.endpoint import Endpoint, Mishap
from sandbox.postgres.server import HOST, Server
from sandbox.running import Running

NAME = "complyai"
ADMIN, APPLICATION, OWNER = "postgres", "complyai", "complyai_owner"
PROMOTE_LIMIT_S = 30


class Database(Running):
    """
    `organizations`: how many the company has, and so how large its data is; 0: no tables at all.
    `connections`: how many there may be.
    """

    def __init__(
        self, organizations: int = 300, with_replica: bool = True, connections: int = 100
    ) -> None:
        self._organizations, self._with_replica = organizations, with_replica
        self._connections = connections
        self._folder = Path()
        self._binaries: Binaries | None = None
        self._accounts = Accounts(APPLICATION, secrets.token_hex(12), OWNER, secrets.token_hex(12))
        self._admin_password = secrets.token_hex(12)
        self._writer: Server | None = None
        self._replica: Server | None = None
        self._write, self._read = Endpoint(), Endpoint()
        self._held: list[Any] = []
        self._made = 0
        self._archive: Archive | None = None
        self._archiving = asyncio.Lock()
        #: Servers that are not, or not any more, at the address: each with its replica.
        self._beside: dict[Server, Server | None] = {}

    @property
    def dsn(self) -> str:
        """The path the applications use."""
        return self._dsn(APPLICATION, self._accounts.password, self._write.port)

    @property
    def replica_dsn(self) -> str:
        """Empty when there is no replica."""
        if not self._with_replica:
            return ""
        return self._dsn(APPLICATION, self._accounts.password, self._read.port)

    @property
    def maintenance_dsn(self) -> str:
        """The same path, as whoever owns the tables and may end sessions."""
        return self._dsn(OWNER, self._accounts.owner_password, self._write.port)

    @property
    def admin_dsn(self) -> str:
        """Straight to the server that writes now, as superuser."""
        return self._dsn(ADMIN, self._admin_password, self.writer.port)

    @property
    def writer(self) -> Server:
        assert self._writer is not None, "the database is not started"
        return self._writer

    @property
    def replica(self) -> Server:
        assert self._replica is not None, "there is no replica"
        return self._replica

    async def start(self) -> None:
        """Fresh data, in some seconds."""
        self._folder = Path(tempfile.mkdtemp(prefix="runbook-sandbox-"))
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self.free_connections()
        await asyncio.gather(self._write.stop(), self._read.stop())
        await self._forget_archive()
        known = (self._writer, self._replica, *self._beside, *self._beside.values())
        await asyncio.gather(*(one.stop("immediate") for one in known if one is not None))
        self._writer = self._replica = None
        self._beside.clear()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def failover(self) -> None:
        """The replica becomes the writer; the writer before, alive or not, becomes its replica."""
        promoted, before = self.replica, self.writer
        await self._forget_archive()
        await self.free_connections()
        await before.stop("immediate")
        await self._promote(promoted)
        self._writer, self._replica = promoted, None
        await self._write.start(promoted.port)
        await asyncio.to_thread(shutil.rmtree, before.folder, ignore_errors=True)
        await self._make_replica()

    async def archive(self) -> Archive:
        """Of what is written from now on; what there is already is copied, once."""
        async with self._archiving:
            if self._archive is None:
                assert self._binaries is not None
                folder = self._folder / f"archive-{self._number()}"
                login = {"user": ADMIN, "password": self._admin_password}
                self._archive = Archive(self._binaries, folder, self.writer, login)
                await self._archive.begin()
            return self._archive

    async def restore(self, at: datetime) -> Server:
        """Another server, which holds what the writer held then, and takes writes."""
        archive, made = await self.archive(), self._server()
        self._beside[made] = None
        await archive.restore(made, at)
        return made

    async def leave(self) -> Server:
        """The address leads nowhere. The writer goes on beside it, and is returned."""
        before = self.writer
        await self._forget_archive()
        await asyncio.gather(self._write.stop(), self._read.stop())
        self._beside[before] = self._replica
        return before

    async def take_over(self, server: Server) -> None:
        """The address leads to this one, and the replica's to a replica of it."""
        self._writer, self._replica = server, self._beside.pop(server)
        await self._write.start(server.port)
        if self._replica is not None:
            await self._read.start(self._replica.port)
        elif self._with_replica:
            await self._make_replica()

    async def stop_writer(self) -> None:
        """Nothing listens at its address any more."""
        await self._write.stop()
        await self.writer.stop()

    async def start_writer(self) -> None:
        await self.writer.start()
        await self._write.start(self.writer.port)

    def pause_writer(self) -> None:
        """Whoever connects gets no answer at all."""
        self.writer.pause()

    def resume_writer(self) -> None:
        self.writer.resume()

    def slow_down(self, seconds: float) -> None:
        """Every answer of the writer is so much later; 0: as ever."""
        self._write.slow_s = seconds

    def lose_answer(self, word: bytes, parts: int = 1) -> Mishap:
        """The next statement to the writer with this word is carried out; its answer is lost."""
        return self._meet(Mishap(word, parts))

    def hold(self, word: bytes, seconds: float, parts: int = 1) -> Mishap:
        """The next one is on its way for so long, whatever becomes of who sent it."""
        return self._meet(Mishap(word, parts, seconds))

    def _meet(self, mishap: Mishap) -> Mishap:
        self._write.mishaps.append(mishap)
        return mishap

    async def exhaust_connections(self) -> int:
        """Holds every connection that an application may have. Returns how many those are."""
        while True:
            try:
                self._held.append(await asyncpg.connect(self.dsn, timeout=10))
            except asyncpg.TooManyConnectionsError:
                return len(self._held)

    async def free_connections(self) -> None:
        held, self._held = self._held, []
        for connection in held:
            connection.terminate()

    async def pause_replay(self) -> None:
        """The replica takes what is written and does not show it: it lags."""
        await self._execute(self.replica, "SELECT pg_wal_replay_pause()")

    async def resume_replay(self) -> None:
        await self._execute(self.replica, "SELECT pg_wal_replay_resume()")

    async def stop_replica(self) -> None:
        await self._read.stop()
        await self.replica.stop()

    async def start_replica(self) -> None:
        await self.replica.start()
        await self._read.start(self.replica.port)

    async def _start(self) -> None:
        self._folder.chmod(0o711)
        self._binaries = await asyncio.to_thread(find, self._folder)
        self._writer = self._server()
        await self._writer.make(ADMIN, self._admin_password)
        await self._writer.start()
        await self._fill()
        await self._write.start(self._writer.port)
        if self._with_replica:
            await self._make_replica()

    async def _fill(self) -> None:
        server = self._dsn(ADMIN, self._admin_password, self.writer.port, "postgres")
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(f"CREATE DATABASE {NAME}")
        finally:
            await connection.close()
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            await fill(connection, self._accounts, self._organizations)
        finally:
            await connection.close()

    async def _make_replica(self) -> None:
        self._replica = self._server()
        await self._replica.copy_from(self.writer, ADMIN, self._admin_password)
        await self.start_replica()

    async def _forget_archive(self) -> None:
        """It is of a server that is not the writer any more."""
        archive, self._archive = self._archive, None
        if archive is not None:
            await archive.stop()

    async def _promote(self, server: Server) -> None:
        """What the replica has received and not replayed yet is replayed first."""
        connection = await asyncpg.connect(self._dsn(ADMIN, self._admin_password, server.port))
        try:
            if await connection.fetchval("SELECT pg_is_wal_replay_paused()"):
                await connection.execute("SELECT pg_wal_replay_resume()")
            await self._write.stop()
            await self._read.stop()
            await connection.fetchval("SELECT pg_promote(true, $1)", PROMOTE_LIMIT_S)
        finally:
            await connection.close()

    async def _execute(self, server: Server, query: str) -> None:
        connection = await asyncpg.connect(self._dsn(ADMIN, self._admin_password, server.port))
        try:
            await connection.execute(query)
        finally:
            await connection.close()

    def _number(self) -> int:
        self._made += 1
        return self._made

    def _server(self) -> Server:
        assert self._binaries is not None
        folder = self._folder / f"server-{self._number()}"
        folder.mkdir(0o700)
        self._binaries.own(folder)
        return Server(self._binaries, folder, self._connections)

    def _dsn(self, user: str, password: str, port: int, name: str = NAME) -> str:
        return f"postgresql://{user}:{password}@{HOST}:{port}/{name}"
