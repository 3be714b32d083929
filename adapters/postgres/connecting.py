"""
Sessions with a PostgreSQL: each is made anew, bears the bot's name and has limits of its own.

A server goes on with a statement whose client is gone unless it is told to look whether it is
still there, so it always is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg

from adapters.postgres.failures import STUMBLES, TROUBLE, Failure, failure_of
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import Credential, NotAccepted

#: PostgreSQL cuts a session's name there.
LONGEST_NAME = 63
#: So every session of a run begins to be called.
OURS = "rb/"
#: In a transaction, so that a pooler in between keeps nothing of it.
BEGIN = (
    "BEGIN READ ONLY; SET LOCAL statement_timeout = '{ms}ms'; SET LOCAL lock_timeout = '{ms}ms';"
    " SET LOCAL client_connection_check_interval = '500ms'"
)
#: For a session that alters something. A pooler that would hand each statement to another server
#: refuses these, as it should.
WRITING = {"client_connection_check_interval": "500ms", "default_transaction_read_only": "off"}
MAY_NOT = "Our role may not read that: GRANT pg_monitor to it, as docs/install.md says."


def session_name(run: str, what: str) -> str:
    """What a session of a run is called, such as `rb/7F3K/vacuum/16432`."""
    return f"{OURS}{run}/{what}"[:LONGEST_NAME]


@asynccontextmanager
async def opened(
    dsn: str, name: str, limit_s: float, settings: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Any, float]]:
    """A new connection, and when connecting began. All that is done in it has one limit."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            connection = await connect(dsn, name, limit_s, settings)
            try:
                yield connection, began
            finally:
                connection.terminate()  # A polite close would wait for a server that hangs.
    except STUMBLES:
        raise asyncpg.InternalClientError from None


async def connect(
    dsn: str, name: str, limit_s: float, settings: Mapping[str, str] | None = None
) -> Any:
    return await asyncpg.connect(
        dsn,
        timeout=limit_s,
        statement_cache_size=0,  # A pooler may hand each statement to another server.
        server_settings={"application_name": name, **(settings or {})},
    )


async def look(connection: Any, limit_s: float, query: str, *values: object) -> list[Any]:
    """
    The rows that a constant query gives. When it fails the connection is cut, and that ends the
    transaction. The driver's own would say ROLLBACK first, and wait for a server that hangs,
    without a limit.
    """
    await connection.execute(BEGIN.format(ms=int(limit_s * 1000)))
    rows: list[Any] = await connection.fetch(query, *values)
    await connection.execute("COMMIT")
    return rows


class Source:
    """
    A database that is asked as one role. `limit_s` is for connecting and asking together. A
    password that is not accepted is read again where it is kept.
    """

    def __init__(self, dsn: Credential | None, setting: str, limit_s: float) -> None:
        self._dsn, self._setting, self._limit_s = dsn, setting, limit_s

    async def rows(
        self, name: str, query: str, *values: object, limit_s: float | None = None
    ) -> list[Any]:
        """Raises Unreachable without an answer, Refused when it says no."""
        limit = limit_s or self._limit_s

        async def ask(dsn: str) -> list[Any]:
            try:
                async with opened(dsn, name, limit) as (connection, _):
                    return await look(connection, limit, query, *values)
            except asyncpg.InsufficientPrivilegeError:
                raise Refused(MAY_NOT) from None
            except TROUBLE as error:
                raise no_answer(error, limit) from None

        return await self.credential.use(ask)

    async def connected(self, name: str, settings: Mapping[str, str]) -> Any:
        """A connection for a change. Raises Unreachable, Refused: then nothing was done."""

        async def make(dsn: str) -> Any:
            try:
                return await connect(dsn, name, self._limit_s, {**WRITING, **settings})
            except (*TROUBLE, *STUMBLES) as error:
                raise no_answer(error, self._limit_s) from None

        return await self.credential.use(make)

    @property
    def credential(self) -> Credential:
        """Raises Refused when none is configured."""
        if self._dsn is None:
            raise Refused(
                f"No database is configured for this, so nothing was done. Set {self._setting}."
            )
        return self._dsn


class NoAnswer(Unreachable):
    def __init__(self, failure: Failure) -> None:
        super().__init__(f"The database {failure.says}")
        self.cause = failure.cause


def no_answer(error: Exception, limit_s: float) -> NoAnswer | NotAccepted:
    failure = failure_of(error, limit_s)
    if failure.cause == "authentication":
        return NotAccepted(f"The database {failure.says}")
    return NoAnswer(failure)


def milliseconds(length: timedelta) -> str:
    """As PostgreSQL takes it."""
    return f"{length.total_seconds() * 1000:.0f}ms"
