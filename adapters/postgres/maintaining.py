"""Vacuums tables, makes and drops indexes; sees how far that is, and whether it is done."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from adapters.postgres.changes import CreateIndex, DropIndex, DropInvalidIndex, Vacuum
from adapters.postgres.connecting import Source, session_name
from adapters.postgres.identifiers import qualified
from adapters.postgres.working import carry_out
from adapters.postgres_calls import Row
from bot.runbook import Progress, Seen
from bot.runbook.adapter import State
from bot.runbook.errors import Refused

MB = 1e6
#: For others. While these wait everybody else reads and writes on. VACUUM waits for few; an index
#: for every transaction that is older than it, and there may be long ones.
VACUUM_WAITS, INDEX_WAITS = timedelta(minutes=1), timedelta(minutes=10)
LEFT = "What was begun of it is left, and invalid: chosen again, it is dropped first."

WRITE_VACUUM = """
    SELECT format('VACUUM (ANALYZE) %I.%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
"""
WRITE_CREATE = """
    SELECT format('CREATE INDEX CONCURRENTLY %I ON %I.%I USING btree (%s)',
                  $2::text, n.nspname, c.relname,
                  (SELECT string_agg(format('%I', a.attname), ', ' ORDER BY k.place)
                   FROM unnest($3::text[]) WITH ORDINALITY k (name, place)
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.name
                                      AND NOT a.attisdropped))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
"""
#: Only one of that table, and only as it was when it was approved.
WRITE_DROP = """
    SELECT format('DROP INDEX CONCURRENTLY %I.%I', n.nspname, c.relname)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.indrelid = $1 AND c.relname = $2 AND pg_get_indexdef(i.indexrelid) = $3
"""
WRITE_DROP_OF_INVALID = f"{WRITE_DROP} AND NOT i.indisvalid"
SEE_TABLE = """
    SELECT n.nspname AS schema, c.relname AS table, s.last_vacuum, s.n_dead_tup AS dead,
           EXISTS (SELECT FROM pg_stat_activity a
                   WHERE a.application_name = $2 AND a.state = 'active') AS is_at_work
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
    WHERE c.oid = $1
"""
SEE_INDEX = """
    SELECT n.nspname AS schema, c.relname AS table, x.oid AS relation, i.indrelid = c.oid AS is_of,
           i.indisvalid AS is_valid, pg_get_indexdef(i.indexrelid) AS definition,
           pg_relation_size(x.oid) AS bytes,
           EXISTS (SELECT FROM pg_stat_activity a
                   WHERE a.application_name = $3 AND a.state = 'active')
           OR EXISTS (SELECT FROM pg_stat_progress_create_index p
                      WHERE p.index_relid = x.oid) AS is_at_work
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class x ON x.relnamespace = c.relnamespace AND x.relname = $2
    LEFT JOIN pg_index i ON i.indexrelid = x.oid
    WHERE c.oid = $1
"""
VACUUM_PROGRESS = """
    SELECT phase, heap_blks_scanned AS done, heap_blks_total AS total
    FROM pg_stat_progress_vacuum WHERE relid = $1
    UNION ALL
    SELECT phase, sample_blks_scanned, sample_blks_total
    FROM pg_stat_progress_analyze WHERE relid = $1
"""
INDEX_PROGRESS = """
    SELECT phase || coalesce(', waits for pid ' || nullif(current_locker_pid, 0), '') AS phase,
           blocks_done AS done, blocks_total AS total
    FROM pg_stat_progress_create_index WHERE relid = $1
"""


async def see_vacuum(source: Source, change: Vacuum) -> Seen:
    rows = await source.rows(_look(change), SEE_TABLE, change.oid, _work(change))
    if gone := _is_not_as_planned(rows, change):
        return gone
    dead, vacuumed = rows[0]["dead"] or 0, rows[0]["last_vacuum"]
    now = f"{change.table_in_sql} has {dead:,} dead rows"
    if vacuumed and vacuumed > change.since:
        return Seen("applied", f"{now}, vacuumed at {vacuumed:%H:%M:%S} UTC")
    return Seen("applying" if rows[0]["is_at_work"] else "before", now)


async def vacuum(source: Source, change: Vacuum) -> AsyncIterator[Progress]:
    """VACUUM only warns of what it may not do, and says that all is well."""

    async def progress() -> Progress:
        return await _progress(source, change, VACUUM_PROGRESS)

    statement = change.statement()
    async for one in carry_out(
        source, _work(change), WRITE_VACUUM, (change.oid,), statement, VACUUM_WAITS, progress
    ):
        yield one
    if (await see_vacuum(source, change)).state == "before":
        raise Refused(
            f"PostgreSQL passed over {change.table_in_sql}: our role must own it, or have MAINTAIN"
            " on it. Nothing was changed."
        )


async def see_create(source: Source, change: CreateIndex) -> Seen:
    rows = await _index(source, change)
    if gone := _is_not_as_planned(rows, change):
        return gone
    seen, index = rows[0], qualified(change.schema_name, change.index)
    state: State = "applying" if seen["is_at_work"] else "before"
    if seen["relation"] is None:
        return Seen(state, f"there is no {index}")
    if not seen["is_of"] or seen["definition"] != change.definition():
        return Seen("drifted", f"{index} is something else")
    if seen["is_valid"]:
        return Seen("applied", f"{index} is valid and has {seen['bytes'] / MB:.1f} MB")
    return Seen(state, f"{index} is invalid and of no use")


async def create(source: Source, change: CreateIndex) -> AsyncIterator[Progress]:
    (seen,) = await _index(source, change)
    if seen["is_of"] and not (seen["is_valid"] or seen["is_at_work"]):
        async for one in _drop(source, change.undo(), WRITE_DROP_OF_INVALID):
            yield one
    of = (change.oid, change.index, list(change.columns))

    async def progress() -> Progress:
        return await _progress(source, change, INDEX_PROGRESS)

    work = carry_out(
        source, _work(change), WRITE_CREATE, of, change.statement(), INDEX_WAITS, progress
    )
    try:
        async for one in work:
            yield one
    except Refused as error:
        now = await _index(source, change)
        left = f" {LEFT}" if now and now[0]["is_of"] and not now[0]["is_valid"] else ""
        raise Refused(f"{error}{left}") from None


async def see_drop(source: Source, change: DropIndex) -> Seen:
    rows = await _index(source, change)
    if gone := _is_not_as_planned(rows, change):
        return gone
    seen, index = rows[0], qualified(change.schema_name, change.index)
    if seen["relation"] is None:
        return Seen("applied", f"there is no {index}")
    if not seen["is_of"] or seen["definition"] != change.definition:
        return Seen("drifted", f"{index} is something else")
    if seen["is_at_work"]:
        return Seen("applying", f"somebody is at work on {index}")
    if seen["is_valid"] and isinstance(change, DropInvalidIndex):
        return Seen("drifted", f"{index} is valid now")
    return Seen("before", f"{index} is {'valid' if seen['is_valid'] else 'invalid'}")


def drop(source: Source, change: DropIndex) -> AsyncIterator[Progress]:
    only_invalid = isinstance(change, DropInvalidIndex)
    return _drop(source, change, WRITE_DROP_OF_INVALID if only_invalid else WRITE_DROP)


def _drop(source: Source, change: DropIndex, written: str) -> AsyncIterator[Progress]:
    async def progress() -> Progress:
        return Progress(0, 1, "indexes", "waits for those who use it")

    of = (change.oid, change.index, change.definition)
    return carry_out(source, _work(change), written, of, change.statement(), INDEX_WAITS, progress)


async def _index(source: Source, change: CreateIndex | DropIndex) -> Sequence[Row]:
    """One row, with the index's part empty when there is none; no row: there is no table."""
    return await source.rows(_look(change), SEE_INDEX, change.oid, change.index, _work(change))


async def _progress(source: Source, change: Vacuum | CreateIndex, query: str) -> Progress:
    rows = await source.rows(_look(change), query, change.oid)
    if not rows or not rows[0]["total"]:
        return Progress(0, 1, "tables", rows[0]["phase"] if rows else "begun")
    return Progress(rows[0]["done"], rows[0]["total"], "blocks", rows[0]["phase"])


def _is_not_as_planned(
    rows: Sequence[Row], change: Vacuum | CreateIndex | DropIndex
) -> Seen | None:
    if not rows:
        return Seen("drifted", f"{change.table_in_sql} is gone")
    named = (rows[0]["schema"], rows[0]["table"])
    if named != (change.schema_name, change.table):
        return Seen("drifted", f"{change.table_in_sql} is called {qualified(*named)} now")
    return None


def _work(change: Vacuum | CreateIndex | DropIndex) -> str:
    """The same in every life, so that work of a life before is found."""
    kind = "vacuum" if isinstance(change, Vacuum) else "index"
    return session_name(change.run, f"{kind}/{change.oid}")


def _look(change: Vacuum | CreateIndex | DropIndex) -> str:
    return session_name(change.run, "look")
