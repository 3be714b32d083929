"""
Whether what a database holds can be read: every row of every table, as a sequential scan has it,
so that the server checks each page. Which is all that can be seen from outside: indexes and long
values that are kept apart are not read.

Asked of the database of the settings, or with their user and password at another address.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from adapters.plain import plain
from adapters.postgres.connecting import Source, session_name
from adapters.postgres.identifiers import qualified
from adapters.postgres_calls import TROUBLE, Row, failure_of, look, session
from bot.runbook import Facts, Table
from bot.runbook.errors import Refused
from bot.secrets.vault import Credential, NotAccepted

MOST_TABLES = 500
LOOK_S = 10.0  #: For connecting, and for what is asked of the catalogue.
#: SQLSTATEs of data that cannot be read: a page, an index.
DAMAGED = ("XX001", "XX002")

TABLES = """
    SELECT n.nspname AS schema_name, c.relname AS name,
           has_table_privilege(c.oid, 'SELECT') AS is_readable,
           EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attname = 'created_at' AND NOT a.attisdropped
                     AND a.atttypid = 'timestamptz'::regtype) AS is_dated
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY c.relpages DESC, 1, 2 LIMIT {most}
"""
#: The row as a whole is counted: an index alone cannot answer that.
ROWS = "SELECT count(t) AS rows, {newest} AS newest FROM ONLY {table} AS t"
STATE = """
    SELECT (SELECT checksum_failures FROM pg_stat_database
            WHERE datname = current_database()) AS checksum_failures,
           ARRAY(SELECT conrelid::regclass || '.' || conname FROM pg_constraint
                 WHERE NOT convalidated ORDER BY 1)::text[] AS unvalidated,
           ARRAY(SELECT indexrelid::regclass::text FROM pg_index
                 WHERE NOT indisvalid ORDER BY 1)::text[] AS invalid,
           ARRAY(SELECT DISTINCT application_name FROM pg_stat_activity
                 WHERE backend_type = 'client backend' AND application_name <> ''
                   AND datname = current_database() ORDER BY 1)::text[] AS clients
"""


CLIENTS = """
    SELECT DISTINCT application_name AS name FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND application_name <> ''
      AND datname = current_database() ORDER BY 1
"""


class TableContents(Facts):
    """`rows` is None when they could not be counted: then `error` says why."""

    name: str
    rows: int | None
    newest: datetime | None = None  #: By created_at, where there is one.
    error: str = ""
    is_damaged: bool = False


class Contents(Facts):
    """What a database holds. With an `error` it did not answer, and nothing is known of it."""

    error: str = ""
    tables: tuple[TableContents, ...] = ()
    is_complete: bool = True  #: False: there are more tables than were read.
    checksum_failures: int | None = None  #: That the server itself has counted; None: it does not.
    unvalidated: tuple[str, ...] = ()  #: Constraints that existing rows may break.
    invalid: tuple[str, ...] = ()  #: Indexes that nobody can use.
    clients: tuple[str, ...] = ()  #: Who is connected, by the name that they give.

    @property
    def newest(self) -> datetime | None:
        return max((one.newest for one in self.tables if one.newest), default=None)

    @property
    def damaged(self) -> tuple[TableContents, ...]:
        return tuple(one for one in self.tables if one.is_damaged)

    @property
    def unread(self) -> tuple[TableContents, ...]:
        return tuple(one for one in self.tables if one.rows is None and not one.is_damaged)

    @property
    def by_name(self) -> dict[str, TableContents]:
        return {one.name: one for one in self.tables}


class Comparison(Facts):
    """What was restored, beside what the live database holds, as far as that can be read."""

    restored: Contents
    live: Contents

    def table(self) -> Table:
        live = self.live.by_name
        rows = (
            (one.name, _shown(one), _shown(live.get(one.name)), one.newest, _newest(live, one))
            for one in self.restored.tables
        )
        columns = ("Table", "Rows restored", "Rows live", "Newest restored", "Newest live")
        return Table(columns, tuple(rows))


def _shown(table: TableContents | None) -> int | str:
    if table is None:
        return "not there"
    return table.rows if table.rows is not None else table.error


def _newest(live: Mapping[str, TableContents], one: TableContents) -> datetime | None:
    return live[one.name].newest if one.name in live else None


async def clients(source: Source, run: str) -> tuple[str, ...]:
    """Who is connected now, by the names that they give. Raises Unreachable, Refused."""
    rows = await source.rows(session_name(run, "clients"), CLIENTS)
    return tuple(row["name"] for row in rows)


async def contents(
    dsn: Credential | None,
    run: str,
    address: tuple[str, int] | None,
    per_table: timedelta,
    in_all: timedelta,
) -> Contents:
    """
    Reads for at most `in_all`, and one table for at most `per_table`. That it does not answer is a
    fact in it. Raises Refused when no database is configured, or its password is not accepted.
    """
    if dsn is None:
        raise Refused("No database is configured, so none was looked at. Set postgres.dsn.")
    reading = _Reading(session_name(run, "integrity"), per_table, in_all)
    return await dsn.use(lambda value: reading.of(at(value, address)))


def at(dsn: str, address: tuple[str, int] | None) -> str:
    """The same user, password, database and options at another host and port."""
    if address is None:
        return dsn
    parts = urlsplit(dsn)
    login, sign, _ = parts.netloc.rpartition("@")
    host, port = address
    return urlunsplit(parts._replace(netloc=f"{login}{sign}{host}:{port}"))


class _Reading:
    def __init__(self, name: str, per_table: timedelta, in_all: timedelta) -> None:
        self._name, self._per_table_s = name, per_table.total_seconds()
        self._until = time.monotonic() + in_all.total_seconds()

    async def of(self, dsn: str) -> Contents:
        """What the server itself counts is asked last. Raises NotAccepted."""
        try:
            tables = await self._asked(dsn, TABLES.format(most=MOST_TABLES))
            found = [await self._table(dsn, one) for one in tables]
            (state,) = await self._asked(dsn, STATE)
        except TROUBLE as error:
            failure = failure_of(error, LOOK_S)
            if failure.cause == "authentication":
                raise NotAccepted(f"The database {failure.says}") from None
            return Contents(error=f"it {failure.says}")
        return Contents(tables=tuple(found), is_complete=len(tables) < MOST_TABLES, **state)

    async def _asked(self, dsn: str, query: str) -> list[Row]:
        async with session(dsn, LOOK_S, self._name) as connection:
            return await look(connection, LOOK_S, query)

    async def _table(self, dsn: str, table: Any) -> TableContents:
        name = qualified(table["schema_name"], table["name"])
        limit_s = min(self._per_table_s, self._until - time.monotonic())
        if not table["is_readable"]:
            return TableContents(name=name, rows=None, error="we may not read it")
        if limit_s <= 0:
            return TableContents(name=name, rows=None, error="no time was left to read it")
        newest = "max(t.created_at)" if table["is_dated"] else "NULL::timestamptz"
        try:
            async with session(dsn, limit_s, self._name) as connection:
                query = ROWS.format(newest=newest, table=name)
                found = (await look(connection, limit_s, query))[0]
        except TROUBLE as error:
            sqlstate = getattr(error, "sqlstate", None) or ""
            is_damaged = sqlstate in DAMAGED
            says = plain(error, 160) if is_damaged else failure_of(error, limit_s).says
            return TableContents(name=name, rows=None, error=says, is_damaged=is_damaged)
        return TableContents(name=name, **found)
