"""
The few transactions that alter the company's database, beside the questions that are put to it: a
connection made anew each time, with one limit for all of it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg

from adapters.plain import plain
from adapters.postgres_calls import (
    NOT_AS_AGREED,
    TROUBLE,
    PostgresCalls,
    Row,
    failure_of,
    session,
)
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.vault import Credential, NotAccepted

#: A server stops working for a client that is gone, and nobody waits long for a lock. The role may
#: read only unless it says otherwise.
BEGIN = (
    "BEGIN READ WRITE",
    "SET LOCAL client_connection_check_interval = '500ms'",
    "SET LOCAL lock_timeout = '2s'",
)
UNKNOWN = "it is not known whether it was done"
T = TypeVar("T")


class Database:
    """`timeout_s` is for one question, or one transaction. `setting`: what gives the DSN."""

    def __init__(
        self, dsn: Credential | None, timeout_s: float, setting: str = "postgres.dsn"
    ) -> None:
        self._dsn, self._timeout_s, self._setting = dsn, timeout_s, setting

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        """Raises Unreachable, Refused."""
        return await PostgresCalls(self._asked(), self._timeout_s).rows(query, *values)

    async def alter(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """
        All of it, in one transaction, or nothing. Raises Refused and NothingDone when nothing was
        done; Unreachable when that is not known.
        """
        return await self._asked().use(lambda dsn: self._alter(dsn, work))

    async def _alter(self, dsn: str, work: Callable[[Any], Awaitable[T]]) -> T:
        has_begun = False
        try:
            async with session(dsn, self._timeout_s) as connection:
                has_begun = True
                for statement in BEGIN:
                    await connection.execute(statement)
                done = await work(connection)
                await connection.execute("COMMIT")
                return done
        except NOT_AS_AGREED as error:
            raise Refused(
                "The database does not let us change this, or has it under another name (SQLSTATE"
                f" {plain(error.sqlstate, 5)}). Nothing was done. See docs/install.md, PostgreSQL."
            ) from None
        except asyncpg.LockNotAvailableError:
            raise NothingDone("Others hold what was to be changed. Nothing was done") from None
        except TROUBLE as error:
            failure = failure_of(error, self._timeout_s)
            if failure.cause == "authentication":
                raise NotAccepted(f"The database {failure.says}. Nothing was done.") from None
            if not has_begun:
                raise NothingDone(f"The database {failure.says}") from None
            raise Unreachable(f"The database {failure.says}; {UNKNOWN}") from None

    def _asked(self) -> Credential:
        if not self._dsn:
            raise Refused(f"The company's database was not asked: {self._setting} is not set.")
        return self._dsn
