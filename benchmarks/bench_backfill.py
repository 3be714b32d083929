"""
How fast a backfill goes, beside the same SQL run from psql, and what a reader notices of it.

A real server with a table of --rows rows (default 300,000; the full one is 10,000,000, three
minutes and 4 GB: `python -m benchmarks.bench_backfill --rows 10000000`). Both write the same
statement with the same batches and no pause, each batch its own transaction; psql is one script
with the keys written out. A reader asks for one row by its key all the while. The aim is 0.85 of
psql's rate.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from adapters.postgres import Backfill, Postgres, RunBackfill, catalogue
from benchmarks.measuring import median, p99, print_table
from bot.runbook import Run
from bot.secrets.reference import Reference
from bot.secrets.vault import Credential
from sandbox.postgres import Database

BATCH = 5000
RUN = Run(id="7F3K", started_at=datetime(2026, 11, 24, tzinfo=UTC), started_by="U1")
NAMES = Backfill(
    name="bench",
    title="Benchmark",
    table="bench",
    column="search",
    expression="lower(btrim(name))",
    right="search = lower(btrim(name))",
    take_back="by hand",
)
MAKE = """
    DROP TABLE IF EXISTS bench;
    CREATE TABLE bench (id bigint, name text NOT NULL, search text);
    INSERT INTO bench (id, name) SELECT i, 'An Ad with the Number ' || i
    FROM generate_series(1, {rows}) i;
    ALTER TABLE bench ADD PRIMARY KEY (id), OWNER TO complyai_owner;
    GRANT SELECT ON bench TO complyai;
    DELETE FROM runbook_bot.backfills;
"""
READ_EVERY_S = 0.005


class Given:
    """The DSN, kept in memory."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def read(self, reference: Reference) -> str:
        return self._dsn


async def read_meanwhile(
    database: Database, rows: int, work: Callable[[], Awaitable[object]]
) -> tuple[float, list[float]]:
    """How long the work took, and how long each read by a key took meanwhile, in seconds."""
    reader, took = await asyncpg.connect(database.dsn), []
    began = time.monotonic()
    working = asyncio.ensure_future(work())
    while not working.done():
        asked = time.monotonic()
        await reader.fetchval("SELECT name FROM bench WHERE id = $1", random.randint(1, rows))
        took.append(time.monotonic() - asked)
        await asyncio.sleep(READ_EVERY_S)
    working.result()
    lasted = time.monotonic() - began
    await reader.close()
    return lasted, took


async def by_bot(postgres: Postgres, change: RunBackfill) -> None:
    async for _ in postgres._fill(change, "bench"):  # noqa: SLF001 - as the engine does
        pass


async def by_psql(database: Database, change: RunBackfill, folder: Path) -> None:
    script = folder / "backfill.sql"
    with script.open("w") as out:
        for after in range(0, change.rows, BATCH):
            statement = change.statement().replace("$1", str(after))
            out.write(statement.replace("$2", str(after + BATCH)) + ";\n")
        out.write("ANALYZE bench;\n")
    process = await asyncio.create_subprocess_exec(
        "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script), database.maintenance_dsn
    )
    assert await process.wait() == 0


async def made_anew(database: Database, rows: int) -> None:
    admin: Any = await asyncpg.connect(database.admin_dsn)
    await admin.execute(MAKE.format(rows=rows))
    await admin.execute("VACUUM (ANALYZE) bench")
    await admin.execute("CHECKPOINT")
    await admin.close()


async def bench(rows: int) -> None:
    async with Database(4, with_replica=False) as database:
        dsn = Credential(Reference("env:OF_THE_BENCHMARK"), Given(database.maintenance_dsn))
        postgres = Postgres(None, None, 10.0, dsn, catalogue(NAMES))
        table, rates = [], []
        with tempfile.TemporaryDirectory() as folder:
            for name in ("psql", "the bot"):
                await made_anew(database, rows)
                change = (await postgres.estimate(RUN, "bench", BATCH)).change("7F3K", BATCH, 0.0)

                async def work(name: str = name, change: RunBackfill = change) -> None:
                    if name == "psql":
                        await by_psql(database, change, Path(folder))
                    else:
                        await by_bot(postgres, change)

                lasted, reads = await read_meanwhile(database, rows, work)
                rates.append(rows / lasted)
                table.append(
                    [name, f"{lasted:.1f}", f"{rates[-1]:,.0f}", f"{rates[-1] / rates[0]:.2f}x"]
                    + [f"{1000 * of(reads):.1f}" for of in (median, p99)]
                )
    heads = [f"{rows:,} rows", "s", "rows/s", "of psql", "read p50 ms", "read p99 ms"]
    print_table("A backfill in batches of 5,000 (aim: 0.85 of psql)", heads, table)


if __name__ == "__main__":
    told = argparse.ArgumentParser()
    told.add_argument("--rows", type=int, default=300_000)
    sys.exit(asyncio.run(bench(told.parse_args().rows)))
