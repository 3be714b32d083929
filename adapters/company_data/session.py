"""
Questions to the company's database, and the few transactions that alter it: a connection made anew
each time, with one limit for all of it. No message holds the address, the user or a value.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from adapters.plain import plain
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.vault import Credential, NotAccepted

WHO, APPLICATION = "The company's database", "runbook-bot/data"
#: A server stops working for a client that is gone, and nobody waits long for a lock.
SETTINGS = (
    "SET LOCAL client_connection_check_interval = '500ms'",
    "SET LOCAL lock_timeout = '2s'",
)
T = TypeVar("T")


class Database:
    def __init__(self, dsn: Credential | None, timeout_s: float) -> None:
        self._dsn, self._timeout_s = dsn, timeout_s

    async def rows(self, query: str, *values: object) -> Sequence[Any]:
        """Raises Unreachable, Refused."""

        async def ask(connection: Any) -> Sequence[Any]:
            found: Sequence[Any] = await connection.fetch(query, *values)
            return found

        return await self._use(ask, "BEGIN READ ONLY")

    async def alter(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """
        All of it, in one transaction, or nothing. Raises Refused and NothingDone when nothing was
        done; Unreachable when that is not known.
        """
        return await self._use(work, "BEGIN READ WRITE", writing=True)

    async def _use(
        self, work: Callable[[Any], Awaitable[T]], begin: str, writing: bool = False
    ) -> T:
        if not self._dsn:
            raise Refused(f"{WHO} was not asked: postgres.dsn is not set.")

        async def attempt(dsn: str) -> T:
            async with self._session(dsn, writing) as connection:
                await connection.execute(begin)
                for setting in SETTINGS:
                    await connection.execute(setting)
                done = await work(connection)
                await connection.execute("COMMIT")
                return done

        return await self._dsn.use(attempt)

    @asynccontextmanager
    async def _session(self, dsn: str, writing: bool) -> AsyncIterator[Any]:
        """What fails before there is a connection has done nothing."""
        limit = f"{WHO} did not answer within {self._timeout_s:g} s"
        connection = None
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await asyncpg.connect(
                    dsn,
                    timeout=self._timeout_s,
                    statement_cache_size=0,  # A pooler may hand each to another server.
                    server_settings={"application_name": APPLICATION},
                )
                try:
                    yield connection
                finally:
                    connection.terminate()  # A polite close would wait for a server that hangs.
        except TimeoutError:
            raise _unclear(limit, connection, writing) from None
        except TROUBLE as error:
            raise _named(error, connection, writing) from None


def _named(error: Exception, connection: object, writing: bool) -> Exception:
    """In our words: the driver's may hold the address, the user or a value."""
    if isinstance(
        error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError
    ):
        return NotAccepted(f"{WHO} does not accept our user or password. Nothing was done.")
    for kinds, says in CLEAR:
        if isinstance(error, kinds):
            named = plain(getattr(error, "message", ""), 120)
            return Refused(f"{WHO} {says} ({named}). Nothing was done.")
    if isinstance(error, asyncpg.LockNotAvailableError | asyncpg.QueryCanceledError):
        return NothingDone(f"{WHO} is busy: others hold what was asked for. Nothing was done")
    if isinstance(error, socket.gaierror):
        return NothingDone(f"{WHO} cannot be found: its name is not known to the network")
    if connection is None and isinstance(error, ValueError):
        return Refused(f"{WHO} could not be asked: check postgres.dsn in the settings.")
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate:
        state = plain(error.sqlstate, 5)
        return _unclear(f"{WHO} answered with an error (SQLSTATE {state})", connection, writing)
    return _unclear(f"{WHO} cannot be reached, or broke the connection", connection, writing)


def _unclear(says: str, connection: object, writing: bool) -> Unreachable:
    if connection is None:
        return NothingDone(says)
    return Unreachable(f"{says}; it is not known whether it was done" if writing else says)


DENIED = (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
#: A clear no, and what it is about.
CLEAR: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((asyncpg.InsufficientPrivilegeError,), "does not let our user do this"),
    (
        (
            asyncpg.UndefinedTableError,
            asyncpg.UndefinedColumnError,
            asyncpg.InvalidSchemaNameError,
        ),
        "has not the tables that this bot knows",
    ),
    ((asyncpg.ReadOnlySQLTransactionError,), "takes no writes from us: it is read-only"),
    ((asyncpg.InvalidCatalogNameError,), "is not there under this name"),
)
TROUBLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ValueError,
    OverflowError,
    LookupError,
    TypeError,
    AttributeError,
)
