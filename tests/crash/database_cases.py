"""Cases of changes to the database itself. Each has a table of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import asyncpg

from adapters.postgres import (
    CreateIndex,
    DropIndex,
    DropInvalidIndex,
    EndSession,
    RunBackfill,
    Vacuum,
)
from adapters.rds import ModifyClass
from sandbox.box import Box
from tests.crash.cases import HELD_S, Case, Wire, _until, aws, case

DATABASE, SCHEMA = "complyai", "public"
VACUUMS = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relid = $1::regclass::oid"
VALID = """
    SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relname = $1 AND i.indisvalid
"""
THERE = "SELECT count(*) FROM pg_class WHERE relname = $1"
BROKEN = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::regclass"
#: Twice if a row was; once only if every row was.
WRITTEN = """
    SELECT CASE WHEN sum(writes) FILTER (WHERE writes > 1) > 0 THEN 2
           WHEN bool_and(writes = 1) THEN 1 ELSE 0 END FROM crash_fill
"""
CRASH_FILL = "CREATE TABLE crash_fill AS SELECT id, NULL::bigint AS filled, 0 AS writes"
COUNTING = """
    ALTER TABLE crash_fill ADD PRIMARY KEY (id), OWNER TO complyai_owner;
    CREATE OR REPLACE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.writes := OLD.writes + 1; RETURN NEW; END $$;
    CREATE TRIGGER count_write BEFORE UPDATE ON crash_fill
        FOR EACH ROW EXECUTE FUNCTION count_write();
"""
OID = "SELECT $1::regclass::oid::bigint"
SESSION = "SELECT backend_start, xact_start FROM pg_stat_activity WHERE pid = $1"
STILL = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2"


async def row(box: Box, query: str, *values: object) -> Any:
    connection = await asyncpg.connect(box.database.admin_dsn)
    try:
        return await connection.fetchrow(query, *values)
    finally:
        await connection.close()


def now(box: Box, query: str, *values: object) -> int:
    """For who cannot wait: asked in a loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(asyncio.run, row(box, query, *values)).result()
    return int(found[0])


def wire(box: Box, word: str, parts: int = 1) -> Wire:
    said = word.encode()

    def hold() -> Callable[[], bool]:
        held = box.database.hold(said, HELD_S, parts)
        return lambda: held.has_come

    return Wire(lambda: box.database.lose_answer(said, parts), hold)


@case(EndSession)
async def end_session(box: Box) -> Case:
    session = await asyncpg.connect(box.database.dsn)
    await session.execute("BEGIN; SELECT 1")
    pid = session.get_server_pid()
    began, transaction = await row(box, SESSION, pid)

    def ended(_run: str) -> int:
        assert session, "which would be closed if nobody held it"
        return 1 - now(box, STILL, pid, began)

    return Case(
        EndSession(
            run="",
            database=DATABASE,
            pid=pid,
            backend_start=began,
            transaction_start=transaction,
            query_start=None,
            how="terminate",
            replacing="idle in transaction",
        ),
        ended,
        wire(box, "pg_terminate_backend", parts=2),
    )


@case(Vacuum)
async def vacuum(box: Box) -> Case:
    table = "notifications"
    before = now(box, VACUUMS, table)
    change = Vacuum(**await of_table(box, table), since=datetime.now(UTC))
    return Case(change, lambda _: now(box, VACUUMS, table) - before, wire(box, change.statement()))


@case(CreateIndex)
async def create_index(box: Box) -> Case:
    index = "crash_create"
    await run(box, f"DROP INDEX IF EXISTS {index}")
    change = CreateIndex(**await of_table(box, "org_ads"), index=index, columns=("score",))
    return Case(change, lambda _: now(box, VALID, index), wire(box, change.statement()))


@case(DropIndex)
async def drop_index(box: Box) -> Case:
    index = "crash_drop"
    await run(box, f"CREATE INDEX IF NOT EXISTS {index} ON job_runs (status)")
    made = CreateIndex(**await of_table(box, "job_runs"), index=index, columns=("status",))
    change = made.undo()
    return Case(change, lambda _: 1 - now(box, THERE, index), wire(box, change.statement()))


@case(DropInvalidIndex)
async def drop_invalid_index(box: Box) -> Case:
    index = "crash_invalid"
    await run(box, f"CREATE INDEX IF NOT EXISTS {index} ON sync_runs (status)")
    await row(box, f"{BROKEN} RETURNING 1", index)
    made = CreateIndex(**await of_table(box, "sync_runs"), index=index, columns=("status",))
    change = DropInvalidIndex(**made.undo().model_dump())
    return Case(change, lambda _: 1 - now(box, THERE, index), wire(box, change.statement()))


@case(RunBackfill)
async def run_backfill(box: Box) -> Case:
    """Made once is: each of its rows is written once, and it is finished."""
    of = "org_business_accounts"
    await run(box, f"DROP TABLE IF EXISTS crash_fill; {CRASH_FILL} FROM {of}; {COUNTING}")
    table = await of_table(box, "crash_fill")
    upper, rows = await row(box, "SELECT max(id), count(*) FROM crash_fill")
    change = RunBackfill(
        **table, backfill="crash-fill", key="id", column="filled", expression="id + 1",
        todo="filled IS NULL", batch=100, pause_s=0, upper=upper, rows=rows,
    )  # fmt: skip
    return Case(change, lambda _: now(box, WRITTEN), wire(box, "UPDATE public.crash_fill"))


@case(ModifyClass, "single")
async def modify_class(box: Box) -> Case:
    rds = box.aws._parts.rds
    instance = rds.instances[box.aws.company.database]
    await _until(lambda: instance.status == "available" and not instance.pending)
    to = "db.r6g.2xlarge" if instance.instance_class == "db.r6g.xlarge" else "db.r6g.xlarge"

    def finished() -> int:
        return sum(one.message.startswith("Finished applying") for one in rds.events)

    before = finished()
    return Case(
        ModifyClass(
            database=instance.name,
            instance=instance.name,
            instance_class=to,
            replacing=instance.instance_class,
        ),
        lambda _: finished() - before,
        aws(box, "rds", "ModifyDBInstance"),
    )


async def of_table(box: Box, table: str) -> dict[str, Any]:
    (oid,) = await row(box, OID, table)
    named = {"schema_name": SCHEMA, "table": table, "oid": oid}
    return {"run": "", "database": DATABASE, **named}


async def run(box: Box, statement: str) -> None:
    connection = await asyncpg.connect(box.database.admin_dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
