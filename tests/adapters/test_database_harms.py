"""
What harms the sandbox's database is found by RB-INC-003, cured by what it plans, and well then:
the book's own functions, the adapter and a real PostgreSQL.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from adapters.postgres import Postgres
from bot.engine.systems import Systems
from bot.runbook import Change, Found, Nothing, Plan, Question
from bot.runbook.durations import seconds
from commands.rb_inc_003_database_performance import (
    Limits,
    add_index,
    bloat,
    current_queries,
    end_session,
    index_to_make,
    indexes,
    locks,
    session_to_end,
    table_to_vacuum,
    vacuum,
)
from sandbox.postgres import Database
from sandbox.postgres.harm import Harms
from tests.adapters.harmed import RUN, made, postgres_of, until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LIMITS = Limits(
    slow_query=seconds(0.5),
    idle_in_transaction=seconds(0.2),
    lock_wait=seconds(0.2),
    dead_rows=1000,
    holds_vacuum=seconds(0.2),
    large_table=30_000,
    scans_looked_for=seconds(0.2),
)

IS_SLOW = """
    SELECT EXISTS (SELECT FROM pg_stat_activity
                   WHERE application_name = 'weekly-report' AND state = 'active'
                     AND query_start < clock_timestamp() - $1::interval)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with Database(organizations=100, with_replica=False) as made_of_it:
        yield made_of_it


@pytest_asyncio.fixture(loop_scope="module")
async def harms(database: Database) -> AsyncIterator[Harms]:
    found = Harms(database)
    yield found
    await found.stop()


@pytest.fixture
def postgres(database: Database) -> Postgres:
    return postgres_of(database)


def only(question: Question[Any] | Nothing) -> Any:
    """What is offered first."""
    assert isinstance(question, Question)
    return question.choices[0].value


async def carry_out(postgres: Postgres, planned: Plan[Any] | Nothing) -> None:
    """As the engine does: look, call, look."""
    assert isinstance(planned, Plan)
    change: Change
    (change,) = planned.changes
    hand = Systems(postgres).hand(change)
    assert (await hand.observe(change)).state == "before"
    applying = hand.apply(change, "key")
    await (made(applying) if hasattr(applying, "__aiter__") else applying)
    assert (await hand.observe(change)).state == "applied"


async def facts(check: Any, postgres: Postgres, verdict: str) -> Any:
    found: Found[Any] = await check(RUN, postgres, LIMITS)
    assert found.verdict == verdict, found.summary
    return found.facts


async def is_well(check: Any, postgres: Postgres) -> None:
    """It may take a moment, for others end what they are at."""
    async with asyncio.timeout(30):
        while (await check(RUN, postgres, LIMITS)).verdict != "ok":  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_a_pileup_of_locks(harms: Harms, postgres: Postgres) -> None:
    await harms.lock_pileup.start()
    held = await facts(locks, postgres, "problem")
    now = await facts(current_queries, postgres, "warning")
    session = only(session_to_end(held, now))
    await carry_out(postgres, end_session(RUN, session, held, now))
    await is_well(locks, postgres)
    assert harms.lock_pileup.is_over


async def test_a_slow_query_that_is_cancelled(
    database: Database, harms: Harms, postgres: Postgres
) -> None:
    await harms.slow_query.start()
    await until(database.dsn, IS_SLOW, LIMITS.slow_query)
    now = await facts(current_queries, postgres, "warning")
    session = only(session_to_end(None, now))
    assert session.pid == harms.slow_query.pid
    await carry_out(postgres, end_session(RUN, session, None, now))
    await is_well(current_queries, postgres)
    assert harms.slow_query.is_over


async def test_a_slow_query_that_gets_an_index(
    database: Database, harms: Harms, postgres: Postgres
) -> None:
    await harms.slow_query.start()
    await until(database.dsn, IS_SLOW, LIMITS.slow_query)
    found = await facts(indexes, postgres, "warning")
    remedy = only(index_to_make(found))
    assert (remedy.table, remedy.columns) == ("activity_events", ("user_id",))
    await carry_out(postgres, add_index(RUN, remedy))
    await is_well(indexes, postgres)
    await is_well(current_queries, postgres)
    assert not harms.slow_query.is_over


async def test_dead_rows_that_nobody_takes_away(harms: Harms, postgres: Postgres) -> None:
    await harms.bloated.start()
    found = await facts(bloat, postgres, "warning")
    table = only(table_to_vacuum(found, LIMITS))
    await carry_out(postgres, vacuum(RUN, table, found, LIMITS))
    await is_well(bloat, postgres)
    await harms.bloated.stop()


async def test_dead_rows_that_an_old_transaction_keeps(harms: Harms, postgres: Postgres) -> None:
    """VACUUM alone cures nothing, and both who asks and who approves are told why."""
    await harms.old_snapshot.start()
    await asyncio.sleep(LIMITS.holds_vacuum.total_seconds())
    found = await facts(bloat, postgres, "warning")
    table = only(table_to_vacuum(found, LIMITS))
    planned = vacuum(RUN, table, found, LIMITS)
    assert isinstance(planned, Plan) and f"pid {harms.old_snapshot.pid}" in planned.beware
    await carry_out(postgres, planned)
    await facts(bloat, postgres, "warning")

    now = await facts(current_queries, postgres, "warning")
    session = only(session_to_end(None, now))
    assert session.pid == harms.old_snapshot.pid
    await carry_out(postgres, end_session(RUN, session, None, now))
    found = await facts(bloat, postgres, "warning")
    await carry_out(postgres, vacuum(RUN, table, found, LIMITS))
    await is_well(bloat, postgres)
    await harms.old_snapshot.stop()


async def test_an_index_that_was_killed_halfway(harms: Harms, postgres: Postgres) -> None:
    await harms.invalid_index.start()
    found = await facts(indexes, postgres, "warning")
    await carry_out(postgres, add_index(RUN, only(index_to_make(found))))
    await is_well(indexes, postgres)
    await harms.invalid_index.stop()
