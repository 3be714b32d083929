"""
How the company's PostgreSQL is connected to on behalf of a run: as a role, under the run's name,
and for a change with limits of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from adapters.postgres_calls import STUMBLES, TROUBLE, PostgresCalls, Row, connect, no_answer
from bot.runbook.errors import Refused
from bot.secrets.vault import Credential

#: PostgreSQL cuts a session's name there.
LONGEST_NAME = 63
#: For a session that alters something. A pooler that would hand each statement to another server
#: refuses these, as it should.
WRITING = {"client_connection_check_interval": "500ms", "default_transaction_read_only": "off"}


def session_name(run: str, what: str) -> str:
    """What a session of a run is called, such as `rb/7F3K/vacuum/16432`."""
    return f"rb/{run}/{what}"[:LONGEST_NAME]


class Source:
    """
    A database that is asked as one role. `limit_s` is for connecting and asking together. A
    password that is not accepted is read again where it is kept.
    """

    def __init__(self, dsn: Credential | None, setting: str, limit_s: float) -> None:
        self._dsn, self._setting, self._limit_s = dsn, setting, limit_s

    async def rows(
        self, name: str, query: str, *values: object, limit_s: float | None = None
    ) -> Sequence[Row]:
        """Raises Unreachable without an answer, Refused when it says no."""
        calls = PostgresCalls(self._credential, limit_s or self._limit_s)
        return await calls.rows(query, *values, application=name)

    async def connected(self, name: str, settings: Mapping[str, str]) -> Any:
        """A connection for a change. Raises Unreachable, Refused: then nothing was done."""

        async def make(dsn: str) -> Any:
            try:
                return await connect(dsn, self._limit_s, name, {**WRITING, **settings})
            except (*TROUBLE, *STUMBLES) as error:
                raise no_answer(error, self._limit_s) from None

        return await self._credential.use(make)

    @property
    def _credential(self) -> Credential:
        """Raises Refused when none is configured."""
        if self._dsn is None:
            raise Refused(
                f"No database is configured for this, so nothing was done. Set {self._setting}."
            )
        return self._dsn


def milliseconds(length: timedelta) -> str:
    """As PostgreSQL takes it."""
    return f"{length.total_seconds() * 1000:.0f}ms"
