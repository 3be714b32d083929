"""
Where the bot's rows are: one SQLite file, or PostgreSQL when there are several replicas.

Transactions are synchronous functions of a connection. On SQLite one thread writes and one reads,
so a transaction never waits for the event loop and the loop never waits for the disk. What waits
at the same time is committed together: fifty commands at once are written once.

No secret becomes a row: every text on its way into a statement is redacted here.
"""

import asyncio
import fcntl
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from bot.store.clean import redact
from bot.store.migrate import migrate
from bot.store.postgres import Postgres
from bot.store.postgres import StoreAway as StoreAway
from bot.store.unusable import StoreUnusable, unusable

T = TypeVar("T")
P = ParamSpec("P")
Transaction = Callable[Concatenate[sa.Connection, P], T]

#: Seconds a statement waits for another process's lock on the file, such as a backup's.
BUSY_TIMEOUT_S = 30
DAMAGED = "database disk image is malformed"  #: As SQLite itself says it.
#: Seconds after which no more transactions join those that are committed together.
TOGETHER_S = 0.01


class StoreInUse(StoreUnusable):
    """Another bot has this SQLite file open: stop it, or use PostgreSQL."""


#: What a store raises that does not answer now, or takes nothing.
STORE_AWAY = (StoreAway, OSError, sa.exc.DBAPIError, sa.exc.TimeoutError)


class Store:
    """Call `open` before anything else and `close` at the end."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._side: _Sqlite | Postgres = (
            _Sqlite(self._url) if self.is_sqlite else Postgres(self._url)
        )

    async def open(self) -> None:
        """Raises StoreUnusable, which is StoreInUse when another bot has the SQLite file."""
        try:
            await self._side.open()
            await self._side.change(migrate)
        except STORE_AWAY as error:
            await self._side.close()
            raise self.unusable(error) from None

    def unusable(self, error: BaseException) -> StoreUnusable:
        """What whoever starts the bot is told of one of STORE_AWAY."""
        return unusable(self._url.render_as_string(), error)

    async def tx(self, run: Transaction[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `run(connection, ...)` as one transaction that writes."""
        return await self._side.tx(False, run, *args, **kwargs)

    async def tx_first(self, run: Transaction[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `tx`, before whatever waits to be written: for what somebody waits for."""
        return await self._side.tx(True, run, *args, **kwargs)

    async def read(self, run: Transaction[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `run(connection, ...)` where it only reads."""
        return await self._side.read(run, *args, **kwargs)

    async def listen(self, hear: Callable[[str], None]) -> None:
        """
        What other replicas tell (bot/store/others.py), until cancelled. Raises one of STORE_AWAY
        when the connection ends: what was told meanwhile is not heard.
        """
        await self._side.listen(hear)

    async def close(self) -> None:
        await self._side.close()


@dataclass
class _Asked:
    """One transaction among those that are committed together: it fails alone."""

    call: Callable[[sa.Connection], Any]
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: BaseException | None = None

    def run(self, connection: sa.Connection) -> None:
        """Raises when SQLite has taken everything back, as it does when the disk is full."""
        connection.exec_driver_sql("savepoint one")
        try:
            self.result = self.call(connection)
        except BaseException as error:
            self.error = error
            connection.exec_driver_sql("rollback to one")
        connection.exec_driver_sql("release one")

    def answer(self) -> None:
        if self.error:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Sqlite:
    def __init__(self, url: sa.URL) -> None:
        self._path = Path(url.database or "")
        self._url = sa.URL.create("sqlite", database=str(self._path))
        self._writer_thread = ThreadPoolExecutor(1, "store-write")
        self._reader_thread = ThreadPoolExecutor(1, "store-read")
        self._first: deque[_Asked] = deque()
        self._asked: deque[_Asked] = deque()
        self._engines: list[sa.Engine] = []
        self._lock: int | None = None

    async def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._claim()
        self._create_private()
        self._writer, self._reader = self._engine(), self._engine()
        sa.event.listen(self._writer, "begin", _begin_immediate)
        await self.tx(False, _check)

    async def change(self, schema: Callable[[sa.Connection], None]) -> None:
        await self.tx(False, schema)

    async def tx(self, first: bool, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        asked = _Asked(lambda connection: run(connection, *args, **kwargs))
        (self._first if first else self._asked).append(asked)
        asyncio.get_running_loop().run_in_executor(self._writer_thread, self._write)
        written: T = await asyncio.wrap_future(asked.future)
        return written

    def _write(self) -> None:
        """Whatever waits by now, in one commit, and no answer before it."""
        asked = self._next()
        if asked is None:
            return  # It went with what was asked before it.
        taken = [asked]
        try:
            with self._writer.begin() as connection:
                until = time.monotonic() + TOGETHER_S
                asked.run(connection)
                while time.monotonic() < until and (asked := self._next()):
                    taken.append(asked)
                    asked.run(connection)
        except BaseException as error:  # Not committed: whoever was in it is told so.
            for asked in taken:
                asked.future.set_exception(asked.error or error)
        else:
            for asked in taken:
                asked.answer()

    def _next(self) -> _Asked | None:
        """The next one that was not given up meanwhile."""
        while waiting := self._first or self._asked:
            asked = waiting.popleft()
            if asked.future.set_running_or_notify_cancel():
                return asked
        return None

    async def read(self, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        def whole() -> T:
            with self._reader.connect() as connection:
                return run(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._reader_thread, whole)

    async def listen(self, _hear: Callable[[str], None]) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        for thread in (self._writer_thread, self._reader_thread):
            await asyncio.to_thread(thread.shutdown)
        for engine in self._engines:
            engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _claim(self) -> None:
        """On a file beside the database: see _create_private for why never on the file itself."""
        lock = os.open(f"{self._path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise StoreInUse(
                f"Another bot has {self._path} open. One file serves one bot: stop the other one,"
                " or give this one its own store."
            ) from error
        self._lock = lock

    def _create_private(self) -> None:
        """
        Only when absent and before any connection: closing any descriptor of the live file drops
        this process's POSIX locks on it, and a foreign reader then removes the WAL.
        """
        if not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _engine(self) -> sa.Engine:
        engine = sa.create_engine(
            self._url,
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
            hide_parameters=True,
        )
        sa.event.listen(engine, "connect", _pragmas)
        redact(engine)
        self._engines.append(engine)
        return engine


def _pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
        "journal_mode=wal",
        "synchronous=full",
        "temp_store=memory",
    ):
        connection.execute(f"pragma {pragma}")


def _check(connection: sa.Connection) -> None:
    """A file that is damaged somewhere is found at the start, and not in the next incident."""
    found = connection.exec_driver_sql("pragma quick_check(1)").scalar()
    if found != "ok":
        raise OSError(f"{DAMAGED}: {found}")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("begin immediate")
