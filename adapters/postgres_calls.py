"""
Connections to the company's PostgreSQL, made anew the way the applications make them.

Everything that is asked in one has one time limit, for connecting and the answers together, and is
asked in a transaction that only reads. No message holds the address, the user or the password.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from adapters.plain import plain
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import Credential, NotAccepted

APPLICATION = "runbook-bot/connectivity"
#: A server goes on working for a client that is gone unless it is told to look. In a transaction,
#: so that a pooler in between keeps nothing of it.
BEGIN = (
    "BEGIN READ ONLY; SET LOCAL statement_timeout = '{ms}ms'; SET LOCAL lock_timeout = '{ms}ms';"
    " SET LOCAL client_connection_check_interval = '500ms'"
)

Cause = Literal[
    "", "refused", "timed out", "too many connections", "authentication", "starting", "other"
]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    cause: Cause
    says: str


class NoAnswer(Unreachable):
    def __init__(self, failure: Failure) -> None:
        super().__init__(f"The database {failure.says}")
        self.cause = failure.cause


class PostgresCalls:
    """`timeout_s` is for one question. A password that is not accepted is read again."""

    def __init__(self, dsn: Credential, timeout_s: float) -> None:
        self._dsn, self._timeout_s = dsn, timeout_s

    async def rows(
        self, query: str, *values: object, application: str = APPLICATION
    ) -> Sequence[Row]:
        """Raises Unreachable, or Refused when the database is not as docs/install.md has it."""
        return await self._dsn.use(lambda dsn: self._rows(dsn, application, query, values))

    async def _rows(
        self, dsn: str, application: str, query: str, values: Sequence[object]
    ) -> Sequence[Row]:
        try:
            async with session(dsn, self._timeout_s, application) as connection:
                return await look(connection, self._timeout_s, query, *values)
        except NOT_AS_AGREED as error:
            raise Refused(
                "The database does not let us read what is needed, or has it under another name"
                f" (SQLSTATE {plain(error.sqlstate, 5)}). See docs/install.md, PostgreSQL."
            ) from None
        except TROUBLE as error:
            raise no_answer(error, self._timeout_s) from None


async def connect(
    dsn: str, timeout_s: float, application: str, settings: Mapping[str, str] | None = None
) -> Any:
    """`settings` of the session; a pooler that cannot keep them refuses it."""
    return await asyncpg.connect(
        dsn,
        timeout=timeout_s,
        statement_cache_size=0,  # A pooler may hand each statement to another server.
        server_settings={"application_name": application, **(settings or {})},
    )


@asynccontextmanager
async def session(
    dsn: str, timeout_s: float, application: str = APPLICATION
) -> AsyncIterator[Any]:
    """A new connection. All that is done in it has one limit."""
    try:
        async with asyncio.timeout(timeout_s):
            connection = await connect(dsn, timeout_s, application)
            try:
                yield connection
            finally:
                connection.terminate()  # A polite close would wait for a server that hangs.
    except STUMBLES:
        raise asyncpg.InternalClientError from None


async def look(connection: Any, timeout_s: float, query: str, *values: object) -> list[Row]:
    """
    When it fails the connection is cut, and that ends the transaction. The driver's own would say
    ROLLBACK first, and wait for a server that hangs, without a limit.
    """
    await connection.execute(BEGIN.format(ms=int(timeout_s * 1000)))
    rows = await connection.fetch(query, *values)
    await connection.execute("COMMIT")
    return [dict(row) for row in rows]


def no_answer(error: Exception, timeout_s: float) -> NoAnswer | NotAccepted:
    failure = failure_of(error, timeout_s)
    if failure.cause == "authentication":
        return NotAccepted(f"The database {failure.says}")
    return NoAnswer(failure)


def failure_of(error: Exception, timeout_s: float) -> Failure:
    """In our words: the driver's may hold the address and the user."""
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return Failure("timed out", f"did not answer within {timeout_s:g} s")
    if type(error) is ConnectionError:
        return NOT_BEGUN
    for kinds, failure in FAILURES:
        if isinstance(error, kinds):
            return failure
    sqlstate = plain(getattr(error, "sqlstate", None) or "none", 5)
    return Failure("other", f"answered with an error (SQLSTATE {sqlstate})")


#: What the driver, or we, stumble over when what answers speaks something else than PostgreSQL.
STUMBLES = (AttributeError, LookupError, TypeError)
#: All that the driver raises when a server does not answer as it should.
TROUBLE = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ValueError,
    OverflowError,
)
#: A right, a table, a column or a function is missing, or is of another type.
NOT_AS_AGREED = (asyncpg.SyntaxOrAccessError,)
#: The driver has one bare ConnectionError for all of this.
NOT_BEGUN = Failure(
    "refused",
    "ended the talk before it had begun: it hung up, is no PostgreSQL, or takes no TLS as its"
    " DSN asks",
)
FAILURES: tuple[tuple[tuple[type[Exception], ...], Failure], ...] = (
    (
        (asyncpg.TooManyConnectionsError,),
        Failure("too many connections", "has no connection left for another client"),
    ),
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        Failure("authentication", "does not accept our user or password"),
    ),
    (
        (asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
        Failure("starting", "is starting up, shutting down or recovering"),
    ),
    ((asyncpg.InvalidCatalogNameError,), Failure("other", "has no database of that name")),
    ((socket.gaierror,), Failure("refused", "cannot be found: its name is not known")),
    ((ConnectionRefusedError,), Failure("refused", "refused the connection: nothing listens")),
    (
        (ssl.SSLError,),
        Failure("other", "cannot be trusted: its certificate was not accepted, or TLS failed"),
    ),
    (
        (ValueError, OverflowError),
        Failure("other", "could not be asked: check its DSN in the settings"),
    ),
    (
        (asyncpg.InternalClientError,),
        Failure("other", "answered with something that is not PostgreSQL's"),
    ),
    (
        (asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError, ConnectionError),
        Failure("refused", "broke the connection before it had answered"),
    ),
    ((OSError,), Failure("refused", "cannot be reached over the network")),
)
