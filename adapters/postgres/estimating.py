"""What a backfill of the catalogue would do now, and what it has left undone."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from adapters.plain import plain
from adapters.postgres.backfills import Backfill, RunBackfill
from adapters.postgres.connecting import Source, session_name
from adapters.postgres.identifiers import quoted
from adapters.postgres_calls import Row
from bot.runbook import Facts, Table
from bot.runbook.errors import Refused

#: Every row of the table is read once.
LIMIT_S = 110.0
#: Rows per second while it works, as long as no backfill of that table was measured.
GUESSED = 10_000.0
#: With fewer rows PostgreSQL rightly reads a table from end to end.
SMALL = 20_000

COLUMNS = """
    SELECT c.oid::bigint AS oid, c.reltuples AS about, current_database() AS database,
           clock_timestamp() AS now,
           coalesce((SELECT format_type(a.atttypid, NULL) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped), '') AS key_type,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = $4
                   AND a.attnum > 0 AND NOT a.attisdropped) AS has_column,
           EXISTS (SELECT FROM pg_index i
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                   WHERE i.indrelid = c.oid AND i.indnkeyatts = 1 AND i.indisunique
                     AND i.indisvalid AND i.indpred IS NULL AND a.attname = $3
                     AND a.attnotnull) AS has_index
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
"""
MEASURED = """
    SELECT sum(filled) / nullif(sum(busy_s), 0) AS rate FROM runbook_bot.backfills
    WHERE relation = $1
"""
HOW_FAR = "SELECT filled FROM runbook_bot.backfills WHERE run = $1 AND backfill = $2"


class Estimate(Facts):
    """As of a moment; other sessions go on writing."""

    backfill: Backfill
    database: str
    oid: int
    rows_in_all: int
    rows: int  #: To be filled.
    without_value: int  #: To be filled, but the expression gives NULL: they stay as they are.
    upper: int  #: The highest key.
    filled: int  #: By this run so far.
    has_index: bool  #: A valid unique one on the key alone, which is never NULL.
    batch_plan: tuple[str, ...]  #: How PostgreSQL would find the rows of a batch.
    rate: float | None  #: Rows per second, as measured when this table was filled before.
    as_of: datetime

    @property
    def is_found_by_index(self) -> bool:
        reads_all = any("Seq Scan" in line for line in self.batch_plan)
        return self.has_index and (self.rows_in_all < SMALL or not reads_all)

    def takes(self, batch: int, pause_s: float) -> timedelta:
        """With the pauses, when nothing slows it down. Every row of the table is walked past."""
        pauses = self.rows_in_all / batch * pause_s
        return timedelta(seconds=round(self.rows / (self.rate or GUESSED) + pauses))

    def change(self, run: str, batch: int, pause_s: float) -> RunBackfill:
        of = self.backfill
        return RunBackfill(
            run=run, database=self.database, backfill=of.name, schema_name=of.schema_name,
            table=of.table, oid=self.oid, key=of.key, column=of.column, expression=of.expression,
            todo=of.rows, batch=batch, pause_s=pause_s, upper=self.upper, rows=self.rows,
        )  # fmt: skip

    def table(self) -> Table:
        plan = tuple((line,) for line in self.batch_plan)
        return Table(("How PostgreSQL finds the rows of a batch",), plan)


class Left(Facts):
    """What is to be filled now, and what is wrong of what is filled."""

    rows: int
    without_value: int  #: Left, because the expression gives NULL.
    wrong: int  #: Filled, and not as the catalogue says that it is right.
    filled: int  #: By this run.
    as_of: datetime


async def estimate(source: Source, run: str, backfill: Backfill, batch: int) -> Estimate:
    """Raises Refused when the database is not as the catalogue has it; Unreachable."""
    found, name = await _found(source, run, backfill), _name(run)
    counted = await _counted(source, run, backfill)
    filled = await source.rows(name, HOW_FAR, run, backfill.name)
    measured = await source.rows(name, MEASURED, found["oid"])
    draft = Estimate(
        backfill=backfill,
        database=found["database"],
        oid=found["oid"],
        rows_in_all=counted["in_all"],
        rows=counted["to_fill"],
        without_value=counted["without_value"],
        upper=counted["upper"] or 0,
        filled=filled[0]["filled"] if filled else 0,
        has_index=found["has_index"],
        batch_plan=(),
        rate=measured[0]["rate"],
        as_of=found["now"],
    )
    return draft.model_copy(update={"batch_plan": await _plan(source, run, draft, batch)})


async def left(source: Source, run: str, backfill: Backfill) -> Left:
    """Raises Refused, Unreachable."""
    found = await _found(source, run, backfill)
    counted = await _counted(source, run, backfill)
    filled = await source.rows(_name(run), HOW_FAR, run, backfill.name)
    return Left(
        rows=counted["to_fill"],
        without_value=counted["without_value"],
        wrong=counted["wrong"],
        filled=filled[0]["filled"] if filled else 0,
        as_of=found["now"],
    )


async def check(source: Source, backfills: Sequence[Backfill]) -> None:
    """Raises Refused with all that the catalogue has otherwise than the database; Unreachable."""
    said = []
    await source.rows(_name("doctor"), HOW_FAR, "", "")
    for one in backfills:
        try:
            await _found(source, "doctor", one)
            await source.rows(_name("doctor"), f"{_counting(one)} LIMIT 0")
        except Refused as error:
            said.append(str(error) if one.name in str(error) else f"{one.name}: {error}")
    if said:
        raise Refused(" ".join(said))


async def _found(source: Source, run: str, backfill: Backfill) -> Row:
    of = (backfill.schema_name, backfill.table, backfill.key, backfill.column)
    rows = await source.rows(_name(run), COLUMNS, *of)
    lacks = _lacks(backfill, rows)
    if lacks:
        raise Refused(f"The backfill {backfill.name} does not fit this database: {lacks}.")
    return rows[0]


def _lacks(backfill: Backfill, rows: Sequence[Row]) -> str:
    if not rows:
        return f"there is no table {backfill.table_in_sql}"
    if not rows[0]["has_column"]:
        return f"{backfill.table_in_sql} has no column {quoted(backfill.column)}"
    if rows[0]["key_type"] not in ("bigint", "integer", "smallint"):
        found = plain(rows[0]["key_type"], 60) or "no column of that name"
        return f"its key {quoted(backfill.key)} must be a whole number and is {found}"
    return ""


async def _counted(source: Source, run: str, backfill: Backfill) -> Row:
    (row,) = await source.rows(_name(run), _counting(backfill), limit_s=LIMIT_S)
    return row


def _counting(backfill: Backfill) -> str:
    """All of it is the catalogue's, and none of it anybody's who uses the bot."""
    rows, value = f"({backfill.rows})", f"({backfill.expression})"
    return (
        f"SELECT count(*) AS in_all, max({quoted(backfill.key)})::bigint AS upper,"
        f" count(*) FILTER (WHERE {rows} AND {value} IS NOT NULL) AS to_fill,"
        f" count(*) FILTER (WHERE {rows} AND {value} IS NULL) AS without_value,"
        f" count(*) FILTER (WHERE {quoted(backfill.column)} IS NOT NULL"
        f" AND ({backfill.right}) IS NOT TRUE AND {rows} IS NOT TRUE) AS wrong"
        f" FROM {backfill.table_in_sql}"
    )


async def _plan(source: Source, run: str, draft: Estimate, batch: int) -> tuple[str, ...]:
    key, table = quoted(draft.backfill.key), draft.backfill.table_in_sql
    first = f"SELECT {key} AS k FROM {table} ORDER BY {key} LIMIT $1"
    ends = f"SELECT max(k)::bigint AS last FROM ({first}) batch"
    (end,) = await source.rows(_name(run), ends, batch)
    if end["last"] is None:
        return ()
    explain = f"EXPLAIN (COSTS OFF) {draft.change(run, batch, 0).statement()}"
    literal = explain.replace("$1", "0").replace("$2", str(int(end["last"])))
    return tuple(plain(row["QUERY PLAN"], 200) for row in await source.rows(_name(run), literal))


def _name(run: str) -> str:
    return session_name(run, "backfill/look")
