"""
Dead rows, and what keeps VACUUM from taking them away: whoever may still need to see them, such as
an old transaction, a replication slot or a prepared transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from adapters.plain import plain
from adapters.postgres.changes import Vacuum
from adapters.postgres.connecting import Source, session_name
from adapters.postgres.identifiers import qualified
from bot.runbook import Facts, Table
from bot.runbook.showing import duration_text

MOST_TABLES, MOST_HOLDERS = 50, 20
#: A slot that is read holds back this many transactions at most, give or take.
KEPT_BY_A_SLOT_THAT_IS_READ = 100_000

BLOAT = """
    SELECT n.nspname AS schema, c.relname AS table, c.oid::bigint AS oid, s.n_dead_tup AS dead,
           s.n_live_tup AS live, pg_table_size(c.oid) AS bytes,
           greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed,
           coalesce(c.reloptions::text ~* 'autovacuum_enabled=(false|off|no|0)', false) AS is_off,
           current_database() AS database, clock_timestamp() AS now
    FROM pg_stat_user_tables s
    JOIN pg_class c ON c.oid = s.relid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE s.n_dead_tup >= $1 AND c.relkind IN ('r', 'm', 't') AND n.nspname <> 'pg_toast'
    ORDER BY s.n_dead_tup DESC
    LIMIT $2
"""
#: What other databases' sessions may need is not in our tables.
HOLDERS = """
    SELECT * FROM (
        SELECT CASE a.backend_type WHEN 'walsender' THEN 'standby' ELSE 'session' END AS kind,
               a.pid, concat_ws(', ', a.usename, nullif(a.application_name, '')) AS name,
               greatest(age(a.backend_xmin), age(a.backend_xid)) AS age,
               clock_timestamp() - a.xact_start AS since
        FROM pg_stat_activity a
        WHERE a.pid <> pg_backend_pid()
          AND (a.datname = current_database() OR a.backend_type = 'walsender')
          AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
        UNION ALL
        SELECT 'replication slot', NULL, r.slot_name, age(r.xmin), NULL
        FROM pg_replication_slots r
        WHERE r.xmin IS NOT NULL AND (NOT r.active OR age(r.xmin) > $1)
        UNION ALL
        SELECT 'prepared transaction', NULL, p.gid, age(p.transaction),
               clock_timestamp() - p.prepared
        FROM pg_prepared_xacts p WHERE p.database = current_database()
    ) holder
    ORDER BY age DESC, since DESC NULLS FIRST
    LIMIT $2
"""

Kind = Literal["session", "standby", "replication slot", "prepared transaction"]


class TableBloat(Facts):
    schema_name: str
    table: str
    oid: int
    dead: int  #: Rows, as the server counts them.
    live: int
    size_mb: float
    vacuumed: datetime | None = None  #: By anybody, for the last time; None: not that it knows.
    autovacuum_is_off: bool = False
    database: str = ""
    as_of: datetime  #: By the database's clock.

    @property
    def dead_share(self) -> float:
        """Of all rows, 0 to 1."""
        return self.dead / max(self.dead + self.live, 1)

    @property
    def name(self) -> str:
        return qualified(self.schema_name, self.table)

    def label(self) -> str:
        off = ", autovacuum is off" if self.autovacuum_is_off else ""
        return f"{self.name}: {self.dead_share:.0%} of its rows are dead{off}"

    def vacuum(self, run: str) -> Vacuum:
        return Vacuum(
            run=run,
            database=self.database,
            schema_name=self.schema_name,
            table=self.table,
            oid=self.oid,
            since=self.as_of,
            replacing=f"{self.dead:,} dead rows",
        )


class Holder(Facts):
    """Keeps dead rows from being taken away that are not older than `age`."""

    kind: Kind
    name: str
    pid: int | None = None
    age: int  #: In transactions.
    since: timedelta | None = None  #: None: a slot does not tell.

    def label(self) -> str:
        lasting = f" for {duration_text(self.since)}" if self.since else ""
        pid = f" pid {self.pid}" if self.pid else ""
        return f"the {self.kind}{pid} ({self.name}){lasting}"


class Bloat(Facts):
    """Tables with most dead rows first; holders with the oldest first."""

    tables: tuple[TableBloat, ...] = ()
    holders: tuple[Holder, ...] = ()

    def above(self, share: float) -> tuple[TableBloat, ...]:
        return tuple(one for one in self.tables if one.dead_share > share)

    def holding_for(self, long: timedelta) -> tuple[Holder, ...]:
        return tuple(one for one in self.holders if one.since is None or one.since > long)

    def table(self) -> Table:
        columns = ("Table", "Dead", "Live", "Share", "MB", "Vacuumed", "Autovacuum")
        rows = tuple(
            (
                *(one.name, one.dead, one.live, f"{one.dead_share:.0%}", round(one.size_mb, 1)),
                *(one.vacuumed or "never known", "off" if one.autovacuum_is_off else "on"),
            )
            for one in self.tables
        )
        return Table(columns, rows)


async def bloat(source: Source, run: str, least_dead: int) -> Bloat:
    """Of tables with at least so many dead rows. Raises Unreachable, Refused."""
    name = session_name(run, "bloat")
    tables = await source.rows(name, BLOAT, least_dead, MOST_TABLES)
    holders = await source.rows(name, HOLDERS, KEPT_BY_A_SLOT_THAT_IS_READ, MOST_HOLDERS)
    return Bloat(tables=tuple(map(_table, tables)), holders=tuple(_holders(holders)))


def _table(row: Any) -> TableBloat:
    return TableBloat(
        schema_name=row["schema"],
        table=row["table"],
        oid=row["oid"],
        dead=row["dead"],
        live=row["live"],
        size_mb=row["bytes"] / 1e6,
        vacuumed=row["vacuumed"],
        autovacuum_is_off=row["is_off"],
        database=row["database"],
        as_of=row["now"],
    )


def _holders(rows: Sequence[Any]) -> list[Holder]:
    return [
        Holder(
            kind=row["kind"],
            name=plain(row["name"] or "unknown", 100),
            pid=row["pid"],
            age=row["age"] or 0,
            since=row["since"],
        )
        for row in rows
    ]
