"""
The production PostgreSQL, asked the way the applications ask it: a connection made anew.

Not answering is what this looks for, so it is a fact here and not an Unreachable. No message holds
the address, the user or the password.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import asyncpg

from adapters.plain import plain
from bot.runbook import Adapter, Facts
from bot.runbook.errors import Refused, StepError
from bot.secrets.vault import Credential, NotAccepted

APPLICATION = "runbook-bot/connectivity"
#: For so long a replica is watched until it has what its primary had when it was asked.
CATCH_UP = timedelta(seconds=1)
CATCH_UP_EVERY_S = 0.05

#: A server stops working for a client that is gone. One by one: in a transaction, so that a pooler
#: in between keeps nothing of it.
SESSION = (
    "SET LOCAL statement_timeout = '{ms}ms'",
    "SET LOCAL client_connection_check_interval = '500ms'",
)
#: Sessions are counted so that a role without pg_monitor sees them all.
LOOK = """
    SELECT pg_is_in_recovery() AS in_recovery,
           current_setting('max_connections')::int AS max_connections,
           (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,
           CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END AS written
"""
LOOK_AT_REPLICA = """
    SELECT pg_is_in_recovery() AS in_recovery,
           pg_last_wal_replay_lsn() >= $1::text::pg_lsn AS has_all,
           clock_timestamp() - pg_last_xact_replay_timestamp() AS behind
"""

Cause = Literal[
    "", "refused", "timed out", "too many connections", "authentication", "starting", "other"
]


class Connectivity(Facts):
    """`answered_in` is of connecting and SELECT 1 together."""

    answered_in: timedelta | None  #: None: no answer; then `error` says why.
    error: str = ""
    cause: Cause = ""  #: Of the error.
    in_recovery: bool | None = None  #: None: it answered SELECT 1 and then no more.
    connections: int | None = None
    max_connections: int | None = None
    replica_lag: timedelta | None = None  #: None: no replica is configured, or not known.
    replica_error: str = ""  #: Why it is not known.

    @property
    def share_of_connections(self) -> float:
        """Of all there may be, 0 to 1; 0 when not known."""
        return (self.connections or 0) / (self.max_connections or 1)

    def says(self) -> str:
        if self.answered_in is None:
            return f"SELECT 1 failed: {self.error}"
        parts = [f"SELECT 1 answered in {_ms(self.answered_in)}"]
        if self.connections is None:
            parts.append(f"and then no more: {self.error}")
        else:
            parts.append(f"{self.connections} of {self.max_connections} connections")
        if self.in_recovery:
            parts.append("in recovery, takes no writes")
        if self.replica_lag is not None:
            parts.append(f"replica {_ms(self.replica_lag)} behind")
        elif self.replica_error:
            parts.append(f"replica not known: {self.replica_error}")
        return ", ".join(parts)


@dataclass(frozen=True)
class _Failure:
    cause: Cause
    says: str


class Postgres(Adapter):
    """
    `timeout_s` is for the primary as a whole, and once more for the replica. A password that is
    not accepted is read again where it is kept.
    """

    def __init__(
        self,
        dsn: Credential | None,
        replica_dsn: Credential | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._dsn, self._replica_dsn, self._timeout_s = dsn, replica_dsn, timeout_s

    async def connectivity(self) -> Connectivity:
        """Raises Refused when no database is configured: that is no outage."""
        if not self._dsn:
            raise Refused("No database is configured, so none was looked at. Set postgres.dsn.")
        used = await self._dsn.value()
        found = await self._connectivity(used)
        if found.cause == "authentication" and await self._dsn.renew(used):
            return await self._connectivity(await self._dsn.value())
        return found

    async def _connectivity(self, dsn: str) -> Connectivity:
        found: dict[str, Any] = {"answered_in": None}
        try:
            async with self._session(dsn) as (connection, began):
                await connection.execute("SELECT 1")
                found["answered_in"] = timedelta(seconds=time.monotonic() - began)
                seen = await self._look(connection, LOOK)
                found |= {key: seen[key] for key in seen if key != "written"}
                written = seen["written"]
        except TROUBLE as error:
            failure = self._failure(error)
            return Connectivity(**found, error=failure.says, cause=failure.cause)
        return Connectivity(**found, **await self._replica(written))

    async def _replica(self, written: str | None) -> dict[str, Any]:
        if not self._replica_dsn:
            return {}
        if written is None:
            return {"replica_error": "the primary is in recovery itself"}
        try:
            return await self._replica_dsn.use(lambda dsn: self._lag_of(dsn, written))
        except StepError as error:
            return {"replica_error": str(error)}

    async def _lag_of(self, dsn: str, written: str) -> dict[str, Any]:
        """Raises NotAccepted for the password."""
        try:
            async with self._session(dsn) as (connection, _):
                return await self._lag(connection, written)
        except TROUBLE as error:
            failure = self._failure(error)
            if failure.cause == "authentication":
                raise NotAccepted(f"it {failure.says}") from None
            return {"replica_error": f"it {failure.says}"}

    async def _lag(self, connection: Any, written: str) -> dict[str, Any]:
        """
        How long it took to get what the primary had when asked. Too long for that: how old the
        last transaction is that it has, which is at most so much, for nobody may have written.
        """
        began = time.monotonic()
        while True:
            seen = await self._look(connection, LOOK_AT_REPLICA, written)
            waited = timedelta(seconds=time.monotonic() - began)
            if not seen["in_recovery"]:
                return {"replica_error": "it is no replica: it takes writes of its own"}
            if seen["has_all"]:
                return {"replica_lag": waited}
            if waited > CATCH_UP:
                break
            await asyncio.sleep(CATCH_UP_EVERY_S)
        if seen["behind"] is None:
            return {"replica_error": "it lags, and has no transaction to tell by how much"}
        return {"replica_lag": max(seen["behind"], waited)}

    @asynccontextmanager
    async def _session(self, dsn: str) -> AsyncIterator[tuple[Any, float]]:
        """A new connection, and when connecting began. All that is done in it has one limit."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await asyncpg.connect(
                    dsn,
                    timeout=self._timeout_s,
                    statement_cache_size=0,  # A pooler may hand each statement to another server.
                    server_settings={"application_name": APPLICATION},
                )
                try:
                    yield connection, began
                finally:
                    connection.terminate()  # A polite close would wait for a server that hangs.
        except STUMBLES:
            raise asyncpg.InternalClientError from None

    async def _look(self, connection: Any, query: str, *values: object) -> dict[str, Any]:
        """
        When it fails the connection is cut, and that ends the transaction. The driver's own would
        say ROLLBACK first, and wait for a server that hangs, without a limit.
        """
        await connection.execute("BEGIN READ ONLY")
        for setting in SESSION:
            await connection.execute(setting.format(ms=int(self._timeout_s * 1000)))
        row = await connection.fetchrow(query, *values)
        await connection.execute("COMMIT")
        return dict(row)

    def _failure(self, error: Exception) -> _Failure:
        """In our words: the driver's may hold the address and the user."""
        if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
            return _Failure("timed out", f"did not answer within {self._timeout_s:g} s")
        if type(error) is ConnectionError:
            return NOT_BEGUN
        for kinds, failure in FAILURES:
            if isinstance(error, kinds):
                return failure
        sqlstate = plain(getattr(error, "sqlstate", None) or "none", 5)
        return _Failure("other", f"answered with an error (SQLSTATE {sqlstate})")


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
#: The driver has one bare ConnectionError for all of this.
NOT_BEGUN = _Failure(
    "refused",
    "ended the talk before it had begun: it hung up, is no PostgreSQL, or takes no TLS as its"
    " DSN asks",
)
FAILURES: tuple[tuple[tuple[type[Exception], ...], _Failure], ...] = (
    (
        (asyncpg.TooManyConnectionsError,),
        _Failure("too many connections", "has no connection left for another client"),
    ),
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        _Failure("authentication", "does not accept our user or password"),
    ),
    (
        (asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
        _Failure("starting", "is starting up, shutting down or recovering"),
    ),
    ((asyncpg.InvalidCatalogNameError,), _Failure("other", "has no database of that name")),
    ((socket.gaierror,), _Failure("refused", "cannot be found: its name is not known")),
    ((ConnectionRefusedError,), _Failure("refused", "refused the connection: nothing listens")),
    (
        (ssl.SSLError,),
        _Failure("other", "cannot be trusted: its certificate was not accepted, or TLS failed"),
    ),
    (
        (ValueError, OverflowError),
        _Failure("other", "could not be asked: check its DSN in the settings"),
    ),
    (
        (asyncpg.InternalClientError,),
        _Failure("other", "answered with something that is not PostgreSQL's"),
    ),
    (
        (asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError, ConnectionError),
        _Failure("refused", "broke the connection before it had answered"),
    ),
    ((OSError,), _Failure("refused", "cannot be reached over the network")),
)


def _ms(took: timedelta) -> str:
    seconds = took.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"
