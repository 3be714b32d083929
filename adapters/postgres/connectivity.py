"""
The database asked the way the applications ask it: a connection made anew.

Not answering is what this looks for, so it is a fact here and not an Unreachable. No message holds
the address, the user or the password.
"""

import asyncio
import time
from datetime import timedelta
from typing import Any

from adapters.postgres_calls import TROUBLE, Cause, failure_of, look, session
from bot.runbook import Facts
from bot.runbook.errors import Refused, StepError
from bot.secrets.vault import Credential, NotAccepted

#: For so long a replica is watched until it has what its primary had when it was asked.
CATCH_UP = timedelta(seconds=1)
CATCH_UP_EVERY_S = 0.05

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


async def connectivity(
    dsn: Credential | None, replica_dsn: Credential | None, limit_s: float
) -> Connectivity:
    """
    `limit_s` is for the primary as a whole, and once more for the replica. Raises Refused when no
    database is configured: that is no outage.
    """
    if not dsn:
        raise Refused("No database is configured, so none was looked at. Set postgres.dsn.")
    looking = _Look(replica_dsn, limit_s)
    used = await dsn.value()
    found = await looking.at(used)
    if found.cause == "authentication" and await dsn.renew(used):
        return await looking.at(await dsn.value())
    return found


class _Look:
    def __init__(self, replica_dsn: Credential | None, limit_s: float) -> None:
        self._replica_dsn, self._limit_s = replica_dsn, limit_s

    async def at(self, dsn: str) -> Connectivity:
        found: dict[str, Any] = {"answered_in": None}
        began = time.monotonic()
        try:
            async with session(dsn, self._limit_s) as connection:
                await connection.execute("SELECT 1")
                found["answered_in"] = timedelta(seconds=time.monotonic() - began)
                seen = (await look(connection, self._limit_s, LOOK))[0]
                found |= {key: value for key, value in seen.items() if key != "written"}
                written = seen["written"]
        except TROUBLE as error:
            failure = failure_of(error, self._limit_s)
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
            async with session(dsn, self._limit_s) as connection:
                return await self._lag(connection, written)
        except TROUBLE as error:
            failure = failure_of(error, self._limit_s)
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
            seen = (await look(connection, self._limit_s, LOOK_AT_REPLICA, written))[0]
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


def _ms(took: timedelta) -> str:
    seconds = took.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"
