"""
How long it takes to say who holds up whom when 2,000 sessions wait, beside PostgreSQL's own part.

Real sessions on a real server. *In two ranks*: one session has forgotten to commit, 100 wait for
it with locks of their own, all others for those. *In one queue*: all wait for one row, so each is
held up by all before it. The floor is one bare query that asks pg_blocking_pids of every session
that waits. A check may take 30 s.
"""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from adapters.postgres import Locks, Postgres
from benchmarks.measuring import median, print_table
from bot.runbook import Run
from bot.secrets.reference import Reference
from bot.secrets.vault import Credential
from sandbox.postgres import Database

SESSIONS, RANK, ROUNDS, AT_ONCE = 2000, 100, 5, 20
RUN = Run(id="7F3K", started_at=datetime(2026, 11, 24, tzinfo=UTC), started_by="U1")
FLOOR = """
    SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
"""
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crowd'"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
#: Each of 2,000 in one queue looks once for a deadlock, through all before it, and holds up the
#: whole server meanwhile, together for minutes. That is not what is measured.
DEADLOCKS_AFTER = "1h"
TAKE = "UPDATE places SET taken = taken + 1 WHERE id = {}"


class Given:
    """The DSN, kept in memory."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def read(self, reference: Reference) -> str:
        return self._dsn


@asynccontextmanager
async def waiting(database: Database, ranks: int) -> AsyncIterator[None]:
    """`ranks`: how many sessions stand between the root and all others."""
    async with _connected(database, SESSIONS + 1) as (root, *others):
        await root.execute("BEGIN; " + TAKE.format(0))
        work = []
        for number, session in enumerate(others[:ranks], start=1):
            await session.execute("BEGIN; " + TAKE.format(number))
            work.append(asyncio.ensure_future(session.execute(TAKE.format(0))))
        for number, session in enumerate(others[ranks:]):
            wanted = 1 + number % ranks if ranks else 0
            work.append(asyncio.ensure_future(session.execute(TAKE.format(wanted))))
        await _all_wait(database)
        yield
        await _end_all(database)
        for session in (root, *others):
            session.terminate()
        await asyncio.gather(*work, return_exceptions=True)


@asynccontextmanager
async def _connected(database: Database, many: int) -> AsyncIterator[Sequence[Any]]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one() -> Any:
        async with turns:
            settings = {"deadlock_timeout": DEADLOCKS_AFTER, "application_name": "crowd"}
            return await asyncpg.connect(database.admin_dsn, timeout=60, server_settings=settings)

    yield await asyncio.gather(*(one() for _ in range(many)))


async def _all_wait(database: Database) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    while await admin.fetchval(WAITING) < SESSIONS:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    await admin.close()


async def _end_all(database: Database) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute(END)
    while await admin.fetchval(WAITING):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    await admin.close()


async def timed(ask: Callable[[], Awaitable[object]]) -> list[float]:
    took = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        await ask()
        took.append(time.monotonic() - began)
    return took


async def longest_pause(ask: Callable[[], Awaitable[object]]) -> float:
    """For how long the loop did nothing else while that was asked."""
    longest, is_done = 0.0, False

    async def tick() -> None:
        nonlocal longest
        while not is_done:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - began)

    ticking = asyncio.create_task(tick())
    await ask()
    is_done = True
    await ticking
    return longest


async def measured(database: Database, postgres: Postgres, ranks: int) -> list[str]:
    async with waiting(database, ranks):
        bare = await asyncpg.connect(database.admin_dsn)

        async def floor() -> None:
            await bare.fetch(FLOOR)

        async def locks() -> Locks:
            return await postgres.locks(RUN)

        found = await locks()
        assert (len(found.roots), found.waiting) == (1, SESSIONS)
        assert found.roots[0].in_all == SESSIONS
        floors, took, pause = await timed(floor), await timed(locks), await longest_pause(locks)
        await bare.close()
    ratio = median(took) / median(floors)
    figures = (median(floors), median(took), max(took), pause)
    return [*(f"{1000 * one:.0f}" for one in figures), f"{ratio:.2f}x"]


async def bench() -> None:
    async with Database(0, with_replica=False, connections=SESSIONS + 100) as database:
        admin = await asyncpg.connect(database.admin_dsn)
        await admin.execute(
            "CREATE TABLE places AS SELECT id, 0 AS taken FROM generate_series(0, 200) AS id"
        )
        await admin.close()
        dsn = Credential(Reference("env:OF_THE_BENCHMARK"), Given(database.dsn))
        postgres = Postgres(dsn, timeout_s=10.0)
        rows = [
            [name, *await measured(database, postgres, ranks)]
            for name, ranks in (("in two ranks", RANK), ("in one queue", 0))
        ]
    heads = [
        f"{SESSIONS} sessions wait, median of {ROUNDS}",
        "bare ms",
        "tree ms",
        "longest ms",
        "loop still ms",
        "tree is",
    ]
    print_table("Who holds up whom (aim: well under 30 s)", heads, rows)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sys.exit(asyncio.run(bench()))
