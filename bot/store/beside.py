"""
Looks into a store beside a bot that may be running on it: changes nothing, keeps nobody waiting,
and takes no lock file.

It is always another process than the bot's, for the reason that bot/store/store.py gives; and only
SQLite's own code opens the file.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.store.store import BUSY_TIMEOUT_S, STORE_AWAY, Transaction

T = TypeVar("T")
P = ParamSpec("P")

#: SQLite's word for a copy in a folder where nothing can be written. Nobody changes it either.
NOTHING_CAN_BE_WRITTEN = "SQLITE_READONLY_DIRECTORY"


class NoStore(Exception):
    """It cannot be looked into, and says why."""


class NotThere(NoStore):
    """There is none."""


class Look:
    """Every `read` sees the store as it is at one moment."""

    def __init__(self, within: Callable[[Callable[[sa.Connection], Any]], Any]) -> None:
        self._within = within

    async def read(self, run: Transaction[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises NoStore."""
        try:
            found: T = await self._within(lambda c: run(c, *args, **kwargs))
        except STORE_AWAY as error:
            why = getattr(error, "orig", None) or error
            raise NoStore(
                f"The store cannot be read: {why}. If an older version of the bot made it, start"
                " this one on it once."
            ) from None
        return found


@asynccontextmanager
async def beside(url: sa.URL) -> AsyncIterator[Look]:
    """Raises NotThere when there is no such file."""
    if url.get_backend_name() == "sqlite":
        yield Look(_of_file(Path(url.database or "")))
        return
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        poolclass=NullPool,
        execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    )

    async def within(run: Callable[[sa.Connection], T]) -> T:
        async with engine.connect() as connection:
            return await connection.run_sync(run)

    yield Look(within)


def _of_file(path: Path) -> Callable[[Callable[[sa.Connection], Any]], Any]:
    if not path.is_file():
        raise NotThere(f"There is no store {path}.")
    engine = sa.create_engine("sqlite://", creator=lambda: _connect(path), poolclass=NullPool)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("begin"))

    async def within(run: Callable[[sa.Connection], T]) -> T:
        with engine.connect() as connection:
            return run(connection)

    return within


def _connect(path: Path) -> sqlite3.Connection:
    address = f"{path.resolve().as_uri()}?mode=ro"
    connection = _opened(address)
    try:
        connection.execute("select 1 from sqlite_master")
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorname != NOTHING_CAN_BE_WRITTEN:
            raise
        connection = _opened(f"{address}&immutable=1")
    return connection


def _opened(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)
