"""
Indexes that are missing, and those that were begun and never finished.

Which tables are read from end to end is counted over a while that lasts as long as the look: the
server's own counts are of all time. A query counts once it has ended, so tables that slow queries
are reading now are named as well; those may have an index that serves them.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

from adapters.postgres.changes import CreateIndex, DropInvalidIndex
from adapters.postgres.connecting import Source, session_name
from adapters.postgres.identifiers import index_name, qualified
from bot.runbook import Facts, Table
from bot.runbook.showing import duration_text

MOST_COLUMNS, MOST_TABLES = 5, 20

LARGE = """
    SELECT n.nspname AS schema, c.relname AS table, c.oid::bigint AS oid,
           c.reltuples::bigint AS rows, s.seq_scan AS scans, pg_table_size(c.oid) AS bytes,
           current_database() AS database
    FROM pg_stat_user_tables s
    JOIN pg_class c ON c.oid = s.relid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.reltuples >= $1 AND c.relkind IN ('r', 'm')
"""
SLOW_READERS = """
    SELECT l.relation::bigint AS oid, a.pid, a.query
    FROM pg_stat_activity a
    JOIN pg_locks l ON l.pid = a.pid
    WHERE a.state = 'active' AND a.backend_type = 'client backend' AND l.locktype = 'relation'
      AND a.query_start < clock_timestamp() - $1::interval
      AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'rb/%'
      AND a.wait_event_type IS DISTINCT FROM 'Lock' AND l.relation = ANY ($2::oid[])
"""
#: Columns that no usable index begins with, of kinds that one looks up by; those that a foreign
#: key begins with first, then those that tell rows apart best.
COLUMNS = """
    SELECT a.attrelid::bigint AS oid, a.attname::text AS column,
           EXISTS (SELECT FROM pg_constraint f WHERE f.conrelid = a.attrelid AND f.contype = 'f'
                   AND f.conkey[1] = a.attnum) AS is_foreign_key,
           s.n_distinct AS distinct_values
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_stats s ON s.schemaname = (SELECT relnamespace::regnamespace::name
                                            FROM pg_class WHERE oid = a.attrelid)
                        AND s.tablename = (SELECT relname FROM pg_class WHERE oid = a.attrelid)
                        AND s.attname = a.attname AND NOT s.inherited
    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
      AND t.typcategory IN ('N', 'S', 'D', 'E', 'I', 'U')
      AND t.typname NOT IN ('json', 'jsonb', 'bytea', 'xml')
      AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisvalid
                      AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
    ORDER BY is_foreign_key DESC,
             CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * 1e9 ELSE s.n_distinct END
                 DESC NULLS LAST
"""
TAKEN = """
    SELECT relname::text AS name FROM pg_class
    WHERE relnamespace IN (SELECT relnamespace FROM pg_class WHERE oid = ANY ($1::oid[]))
"""
INVALID = """
    SELECT n.nspname AS schema, t.relname AS table, t.oid::bigint AS oid, c.relname AS index,
           pg_get_indexdef(i.indexrelid) AS definition, pg_relation_size(c.oid) AS bytes,
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
                 ORDER BY k.place) AS columns,
           current_database() AS database
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
      AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p
                      WHERE p.index_relid = i.indexrelid OR p.relid = i.indrelid)
"""
#: How REINDEX CONCURRENTLY calls what it makes and what it replaces.
OF_REINDEX = re.compile(r"_cc(new|old)\d*$")
WORD = re.compile("[a-z_][a-z0-9_]*")


class Remedy(Facts):
    """An index to make, or one to get rid of, that somebody may choose."""

    schema_name: str
    table: str
    oid: int
    index: str
    columns: tuple[str, ...] = ()
    is_left_over: bool = False  #: It is there already, and invalid.
    definition: str = ""  #: Of one that is left over.
    why: str
    database: str = ""

    def label(self) -> str:
        if self.is_left_over:
            verb = "make anew" if self.can_be_made else "drop"
            return f"{verb} {qualified(self.schema_name, self.index)}, {self.why}"
        columns = ", ".join(self.columns)
        return f"{qualified(self.schema_name, self.table)} ({columns}): {self.why}"

    @property
    def can_be_made(self) -> bool:
        """What is left of REINDEX stands beside the index it was for. Others must be plain."""
        if not self.is_left_over:
            return True
        return (
            not OF_REINDEX.search(self.index) and self._create("").definition() == self.definition
        )

    def change(self, run: str) -> CreateIndex | DropInvalidIndex:
        if self.can_be_made:
            return self._create(run)
        return DropInvalidIndex(
            run=run,
            database=self.database,
            schema_name=self.schema_name,
            table=self.table,
            oid=self.oid,
            index=self.index,
            definition=self.definition,
            replacing="invalid",
        )

    def _create(self, run: str) -> CreateIndex:
        return CreateIndex(
            run=run,
            database=self.database,
            schema_name=self.schema_name,
            table=self.table,
            oid=self.oid,
            index=self.index,
            columns=self.columns,
            replacing="invalid" if self.is_left_over else None,
        )


class Scanned(Facts):
    """A large table that is read from end to end, or that slow queries are reading now."""

    schema_name: str
    table: str
    rows: int
    size_mb: float
    scans: int  #: Ended while it was looked.
    slow_queries: int

    @property
    def is_busy(self) -> bool:
        return bool(self.scans or self.slow_queries)

    @property
    def name(self) -> str:
        return qualified(self.schema_name, self.table)


class Indexes(Facts):
    looked_for: timedelta
    scanned: tuple[Scanned, ...] = ()
    invalid: tuple[str, ...] = ()  #: Their names, with their schema.
    remedies: tuple[Remedy, ...] = ()  #: The likeliest first.

    def says(self) -> str:
        parts = []
        if self.invalid:
            parts.append(f"Invalid, and so of no use: {', '.join(self.invalid)}")
        if read := [one for one in self.scanned if one.scans]:
            named = ", ".join(f"{one.name} {one.scans} times" for one in read)
            parts.append(f"In {duration_text(self.looked_for)} read from end to end: {named}")
        if slow := [one for one in self.scanned if one.slow_queries and not one.scans]:
            named = ", ".join(f"{one.name} ({one.slow_queries})" for one in slow)
            parts.append(f"Slow queries read {named}: an index may be missing")
        return "; ".join(parts)

    def table(self) -> Table:
        columns = ("Table", "Rows", "MB", "Read from end to end", "Slow queries now")
        rows = tuple(
            (one.name, one.rows, round(one.size_mb, 1), one.scans, one.slow_queries)
            for one in self.scanned
        )
        return Table(columns, rows)


async def indexes(
    source: Source, run: str, large: int, slower_than: timedelta, looked_for: timedelta
) -> Indexes:
    """`large`: rows. It takes as long as `looked_for` says. Raises Unreachable, Refused."""
    name = session_name(run, "indexes")
    before = {row["oid"]: row["scans"] for row in await source.rows(name, LARGE, large)}
    await asyncio.sleep(looked_for.total_seconds())
    tables = await source.rows(name, LARGE, large)
    readers = await source.rows(name, SLOW_READERS, slower_than, [row["oid"] for row in tables])
    busy = [(row, one) for row in tables if (one := _scanned(row, before, readers)).is_busy]
    busy.sort(key=lambda pair: (-pair[1].slow_queries, -pair[1].scans * pair[1].rows))
    shown = [row["oid"] for row, _ in busy[:MOST_TABLES]]
    columns = await source.rows(name, COLUMNS, shown)
    taken = frozenset(row["name"] for row in await source.rows(name, TAKEN, shown))
    invalid = await source.rows(name, INVALID)
    missing = [_missing(row, columns, readers, taken) for row, _ in busy[:MOST_TABLES]]
    return Indexes(
        looked_for=looked_for,
        scanned=tuple(one for _, one in busy[:MOST_TABLES]),
        invalid=tuple(qualified(row["schema"], row["index"]) for row in invalid),
        remedies=(*map(_left_over, invalid), *chain.from_iterable(missing)),
    )


def _scanned(row: Any, before: Mapping[int, int | None], readers: Sequence[Any]) -> Scanned:
    return Scanned(
        schema_name=row["schema"],
        table=row["table"],
        rows=row["rows"],
        size_mb=row["bytes"] / 1e6,
        scans=max(0, (row["scans"] or 0) - (before.get(row["oid"]) or 0)),
        slow_queries=len({one["pid"] for one in readers if one["oid"] == row["oid"]}),
    )


def _missing(
    table: Any, columns: Sequence[Any], readers: Sequence[Any], taken: frozenset[str]
) -> Iterator[Remedy]:
    """What slow queries name comes first; the rest stays in the order that it has."""
    queries = " ".join(one["query"].lower() for one in readers if one["oid"] == table["oid"])
    words = set(WORD.findall(queries))
    mine = [one for one in columns if one["oid"] == table["oid"]]
    mine.sort(key=lambda one: one["column"] not in words)
    for one in mine[:MOST_COLUMNS]:
        names = (one["column"],)
        yield Remedy(
            schema_name=table["schema"],
            table=table["table"],
            oid=table["oid"],
            index=index_name(table["table"], names, taken),
            columns=names,
            why=_why(one, one["column"] in words),
            database=table["database"],
        )


def _why(column: Any, is_named: bool) -> str:
    reasons = ["slow queries name it"] if is_named else []
    if column["is_foreign_key"]:
        reasons.append("a foreign key")
    different = column["distinct_values"]
    if different is not None:
        reasons.append(f"{different:.0f} values" if different >= 0 else "many values")
    return ", ".join(reasons) or "not indexed"


def _left_over(row: Any) -> Remedy:
    return Remedy(
        schema_name=row["schema"],
        table=row["table"],
        oid=row["oid"],
        index=row["index"],
        columns=tuple(row["columns"]),
        is_left_over=True,
        definition=row["definition"],
        why=f"which is invalid and has {row['bytes'] / 1e6:.1f} MB",
        database=row["database"],
    )
