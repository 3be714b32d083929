"""Several replicas on one PostgreSQL: what one begins another ends, and nobody does it twice."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.engine import engine, leases, telling
from bot.engine.ended import ApplyTiming
from bot.runbook import Runbook
from bot.store import outbox as outbox_rows
from bot.store.tables import work
from tests.engine.clockwork import SetByHand, added, begun, over, settled
from tests.engine.replicas import Replicas
from tests.engine.reporting import ACME, Speaking, Sync, at, book, reports
from tests.engine.small_world import DANA, LENA, RAVI, Bot, living_bot

pytestmark = pytest.mark.slow

SHORT = ApplyTiming(call_limit=0.2, settle=0.05, look_every=0.01)
PAINT = "paint hall green"


async def frozen(bot: Bot) -> None:
    """As a process that is stopped: it says no more that it lives, and does nothing."""
    for loop in bot.engine._loops:
        loop.cancel()
    await asyncio.gather(*bot.engine._loops, return_exceptions=True)


async def asked(bot: Bot) -> tuple[str, str]:
    """A run, and the plan that waits for approval in it."""
    run_id = await bot.to_the_pick()
    plan = await bot.planned(run_id)
    bot.world.calling.clear()
    return run_id, plan


async def approves(bot: Bot, plan: str) -> None:
    await bot.desk.decide(plan, RAVI, True, "", "", "yes")


async def owner(bot: Bot, run_id: str) -> str:
    query = sa.select(work.c.owner).where(work.c.run == run_id, work.c.phase == "apply")
    query = query.where(work.c.step == "paint")
    return str(await bot.engine.store.read(lambda c: c.execute(query).scalar_one()))


async def test_what_a_replica_that_lives_is_at_is_left_to_it(replicas: Replicas) -> None:
    first, second = await replicas.one_more(), await replicas.one_more()
    run_id, plan = await asked(first)
    replicas.world.hold = asyncio.Event()
    await approves(first, plan)
    await replicas.world.calling.wait()
    await second.engine._sweep()
    await second.engine._execute(f"{run_id}/paint.apply#1")
    assert await owner(second, run_id) == first.engine._lease.owner
    replicas.world.hold.set()
    await second.until(run_id, lambda run: run.steps["paint"].status == "given")
    assert replicas.world.sent.count(PAINT) == 1


async def test_what_a_dead_replica_was_at_is_taken_up_and_made_once(replicas: Replicas) -> None:
    first, second = await replicas.one_more(), await replicas.one_more()
    run_id, plan = await asked(first)
    replicas.world.lose_answers = 1
    replicas.world.blind_after_loss = True
    await approves(first, plan)
    await replicas.world.calling.wait()
    await frozen(first)
    replicas.world.blind = False
    await second.until(run_id, lambda run: run.steps["paint"].status == "given")
    assert replicas.world.sent.count(PAINT) == 1


async def test_a_death_is_noticed_when_the_lease_ends_and_not_at_the_next_sweep(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SWEEP_EVERY_S", 3600.0)
    first, second = await replicas.one_more(), await replicas.one_more(SHORT)
    run_id, plan = await asked(first)
    replicas.world.hold = asyncio.Event()
    await approves(first, plan)
    await replicas.world.calling.wait()
    await frozen(first)
    await first.engine._runner.stop(0.0)
    replicas.world.hold = None
    await second.until(run_id, lambda run: run.steps["paint"].status == "given")
    assert await owner(second, run_id) == second.engine._lease.owner


async def test_a_replica_that_was_stopped_past_its_lease_calls_nothing_when_it_wakes(
    replicas: Replicas,
) -> None:
    first = await replicas.one_more()
    run_id, plan = await asked(first)
    await frozen(first)
    first.engine._lease._until = 0.0
    await approves(first, plan)
    await first.until(run_id, lambda run: run.steps["paint"].status == "applying")
    second = await replicas.one_more(SHORT)
    await second.until(run_id, lambda run: run.steps["paint"].status == "given")
    assert replicas.world.sent.count(PAINT) == 1
    assert await owner(second, run_id) == second.engine._lease.owner


async def test_what_is_not_done_at_a_shutdown_is_handed_over_at_once(replicas: Replicas) -> None:
    first, second = await replicas.one_more(), await replicas.one_more(SHORT)
    run_id, plan = await asked(first)
    replicas.world.hold = asyncio.Event()
    await approves(first, plan)
    await replicas.world.calling.wait()
    replicas.world.hold = None
    await first.engine.stop(0.0)
    assert await second.engine.store.read(leases.living) == [second.engine._lease.owner]
    await second.until(run_id, lambda run: run.steps["paint"].status == "given")
    assert await owner(second, run_id) == second.engine._lease.owner


async def test_a_cancel_reaches_what_another_replica_is_at(replicas: Replicas) -> None:
    first, second = await replicas.one_more(), await replicas.one_more()
    looking, cut = asyncio.Event(), asyncio.Event()

    async def on_look(_lamp: str) -> None:
        looking.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    run_id = await first.to_the_pick()
    replicas.world.on_look = on_look
    await first.desk.pick(run_id, "paint", DANA, "pick")
    await looking.wait()
    await second.desk.cancel(run_id, LENA, "cancel")
    async with asyncio.timeout(8):
        await cut.wait()
    run = await second.until(run_id, lambda run: run.status == "cancelled")
    assert run.steps["paint"].status == "cancelled"


# The clock.


@pytest.fixture
def quietly(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is mended that went wrong: nothing goes wrong."""
    yield
    said = [one for when in ("setup", "call") for one in caplog.get_records(when)]
    assert [one.getMessage() for one in said if one.levelno >= logging.ERROR] == []


@asynccontextmanager
async def two_of(
    folder: Path, url: str, clock: SetByHand, made: Callable[[], Runbook]
) -> AsyncIterator[tuple[Bot, Bot]]:
    """As different processes: each has its own book, and one clock goes for both."""
    changed = asyncio.Event()

    def one() -> AbstractAsyncContextManager[Bot]:
        return living_bot(
            folder, url=url, clock=clock, book=made(), announcer=Speaking(), changed=changed,
            put=outbox_rows.put, channel="C0ALERTS",
        )  # fmt: skip

    async with one() as first, one() as second:
        yield first, second


async def test_of_several_replicas_one_begins_what_is_due(
    url: str, tmp_path: Path, quietly: None
) -> None:
    clock, sync = SetByHand(), Sync()
    async with two_of(tmp_path, url, clock, lambda: book(sync, "RB-T-030")) as (first, second):
        await added(first, "* * * * *")
        for minute in range(1, 6):
            clock.at = at(minute)
            await asyncio.gather(*(settled(one) for one in (first, second) * 3))
            await over(first)
            assert len(await begun(second)) == minute
        assert len(await first.noted("schedule fired")) == 5
        assert not await first.noted("schedule skipped")


@pytest.fixture
def slow_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between what is read and what is written there is time for somebody else."""
    rows = telling._Telling._rows

    def slowly(self: telling._Telling, topic: str) -> dict[str, telling.Known]:
        found = rows(self, topic)
        self.c.execute(sa.select(sa.func.pg_sleep(0.03)))
        return found

    monkeypatch.setattr(telling._Telling, "_rows", slowly)


async def test_what_two_replicas_find_at_once_is_told_once(
    url: str, tmp_path: Path, quietly: None, slow_to_tell: None
) -> None:
    clock, sync = SetByHand(), Sync({ACME: "problem"}, "1 h ago")

    def made() -> Runbook:
        return book(sync, "RB-T-030", "on change")

    async with two_of(tmp_path, url, clock, made) as (first, second):
        for day in "012":
            await added(first, f"0 8 * * {day},5")
        clock.at = at(60)
        await asyncio.gather(settled(first), settled(second))
        for run in await begun(first):
            await first.until(run.id, lambda run: run.ended_at is not None)
        assert len(await begun(first)) == 3
        (said,) = await reports(first)
        assert f"{ACME}: last sync 1 h ago" in said


async def test_what_a_runbook_declares_is_there_once_for_all_replicas(
    url: str, tmp_path: Path
) -> None:
    def made() -> Runbook:
        return replace(book(Sync(), "RB-T-030"), schedule="0 8 * * *")

    async with two_of(tmp_path, url, SetByHand(), made) as (first, second):
        assert [one.id for one in await second.desk.schedules()] == ["RB-T-030"]
        assert len(await first.noted("schedule added")) == 1
