"""What was approved to go back by itself does, at its time, once, and only as it was approved."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from bot.engine.record import RunRecord
from bot.runbook import Found, Plan, Runbook, RunbookInputs
from bot.runbook.durations import hours
from bot.runbook.words import ok, plan
from tests.engine.replicas import Replicas
from tests.engine.small_world import (
    DANA,
    LENA,
    QUICK,
    RAVI,
    Bot,
    Lamp,
    Lamps,
    Paint,
    People,
    SetClock,
    Smash,
    World,
    living_bot,
)

GREEN, RED = "paint hall green", "paint hall red"
HOUR_S = 3600.0


class Inputs(RunbookInputs):
    lamps: tuple[str, ...] = Field(default=("hall",))


def lending() -> Runbook:
    book = Runbook(id="RB-T-002", title="Lent", severity="P3", category="Test", inputs=Inputs)
    look = book.section("Look")

    @look.check("What color is it?")
    async def color(lamps: Lamps) -> Found[Lamp]:
        lamp = await lamps.lamp("hall")
        return ok(f"hall is {lamp.color}", lamp)

    cure = book.section("Cure", pick=True)

    @cure.action("Paint it green for an hour", suggested_by=color)
    def paint(inputs: Inputs) -> Plan[Paint]:
        moves = (Paint(lamp=one, color="green", replacing="red") for one in inputs.lamps)
        return plan(*moves, back_after=hours(1))

    @cure.action("Break it for an hour", suggested_by=color)
    def smash() -> Plan[Smash]:
        return plan(Smash(lamp="hall"), back_after=hours(1))

    return book


BOOK = lending()


@asynccontextmanager
async def living(path: Path, clock: SetClock, **more: Any) -> AsyncIterator[Bot]:
    async with living_bot(path, book=BOOK, clock=clock, **more) as bot:
        yield bot


async def lent(bot: Bot, **inputs: Any) -> str:
    """A run that has painted the lamp for an hour."""
    run_id = await bot.begin(**inputs)
    await bot.until(run_id, lambda run: run.open_pick == "cure")
    plan_id = await bot.planned(run_id)
    await bot.desk.decide(plan_id, RAVI, True, "", "", "a1")
    await bot.until(run_id, lambda run: "paint" in run.returns and is_looked_at(run))
    return run_id


def is_looked_at(run: RunRecord) -> bool:
    """Whether what proves the action was read after it, or what is left of it planned anew."""
    proof = run.steps["color"]
    is_proved = (proof.attempt, proof.status) == (2, "ok")
    return is_proved or run.steps["paint"].status == "planned"


async def an_hour_later(bot: Bot, clock: SetClock, by_s: float = HOUR_S) -> None:
    clock.ahead += by_s
    bot.engine._wake.set()


async def back(bot: Bot, run_id: str, status: str) -> RunRecord:
    def is_so(run: RunRecord) -> bool:
        return "paint.undo" in run.steps and run.steps["paint.undo"].status == status

    return await bot.until(run_id, is_so)


async def test_a_change_goes_back_at_its_time_and_nobody_is_asked_again(tmp_path: Path) -> None:
    clock = SetClock()
    async with living(tmp_path, clock) as bot:
        run_id = await lent(bot)
        record = await bot.desk.record(run_id)
        assert record
        (asked,) = record.approvals.values()
        assert asked.back_at == record.returns["paint"]
        assert asked.back_at - asked.asked_at == timedelta(hours=1)
        await an_hour_later(bot, clock, HOUR_S - 60)
        await bot.desk.again(run_id, "color", DANA, "again")
        assert (await bot.settled(run_id, "color")).says == "hall is green"
        await an_hour_later(bot, clock, 60)
        run = await back(bot, run_id, "given")
        assert bot.world.effects == [GREEN, RED] and not run.returns
        (noted,) = await bot.noted("taken back by itself")
        body = json.loads(noted.body)
        assert (body["approved_with"], body["approved_digest"]) == (asked.id, asked.digest)
        assert len(await bot.noted("approval asked")) == 1


async def test_what_is_not_lent_any_more_is_not_taken_back_twice(tmp_path: Path) -> None:
    clock = SetClock()
    async with living(tmp_path, clock) as bot:
        run_id = await lent(bot)
        await bot.desk.undo(run_id, "paint", DANA, "u1")
        plan_id = await bot.pending(run_id, "paint.undo")
        await bot.desk.decide(plan_id, RAVI, True, "", "", "a2")
        run = await back(bot, run_id, "given")
        assert not run.returns
        await bot.until(run_id, lambda run: run.steps["color"].attempt == 3)
        await bot.settled(run_id, "color")
        bot.world.lamps["hall"] = "green"  # somebody wants it so
        await an_hour_later(bot, clock, 2 * HOUR_S)
        await bot.desk.close(run_id, "cure", DANA, "c1")
        await bot.until(run_id, lambda run: run.status == "finished")
        assert bot.world.effects == [GREEN, RED]


async def test_a_run_does_not_end_before_and_a_cancelled_one_goes_back_all_the_same(
    tmp_path: Path,
) -> None:
    clock = SetClock()
    async with living(tmp_path, clock) as bot:
        run_id = await lent(bot)
        await bot.desk.close(run_id, "cure", DANA, "c1")
        run = await bot.until(run_id, lambda run: run.open_pick is None)
        assert run.status == "running"
        await bot.desk.cancel(run_id, DANA, "x1")
        run = await bot.until(run_id, lambda run: run.status == "cancelling")
        assert "paint" in run.returns
        await an_hour_later(bot, clock)
        await bot.until(run_id, lambda run: run.status == "cancelled")
        assert bot.world.lamps["hall"] == "red"


async def test_a_bot_that_was_away_at_the_time_takes_it_back_when_it_is_there(
    tmp_path: Path,
) -> None:
    clock, world = SetClock(), World()
    async with living(tmp_path, clock, world=world) as bot:
        run_id = await lent(bot)
    clock.ahead += 3 * HOUR_S
    async with living(tmp_path, clock, world=world) as bot:
        await back(bot, run_id, "given")
        assert world.effects == [GREEN, RED]


async def test_a_bot_that_dies_while_it_takes_back_looks_before_it_goes_on(
    tmp_path: Path,
) -> None:
    clock, world = SetClock(), World()
    async with living(tmp_path, clock, world=world) as bot:
        run_id = await lent(bot)
        world.calling.clear()
        world.lose_answers, world.blind_after_loss = 1, True
        await an_hour_later(bot, clock)
        await asyncio.wait_for(world.calling.wait(), 30)
    world.blind = False
    async with living(tmp_path, clock, world=world) as bot:
        await back(bot, run_id, "given")
        assert world.effects == [GREEN, RED]


async def test_what_somebody_changed_meanwhile_is_told_and_left_alone(tmp_path: Path) -> None:
    clock = SetClock()
    async with living(tmp_path, clock) as bot:
        run_id = await lent(bot)
        bot.world.lamps["hall"] = "blue"
        await an_hour_later(bot, clock)
        run = await back(bot, run_id, "failed")
        says = run.steps["paint.undo"].says
        assert says.startswith("Not taken back by itself. Not applied: ")
        assert says.endswith("hall is blue")
        assert bot.world.effects == [GREEN] and not run.returns
        assert run.undoable == ("paint",)  # people can


async def test_a_freeze_keeps_it_and_it_is_not_caught_up_on(tmp_path: Path) -> None:
    clock = SetClock()
    async with living(tmp_path, clock) as bot:
        run_id = await lent(bot)
        await bot.desk.freeze(LENA, "the primary is odd", "f1")
        await an_hour_later(bot, clock)
        run = await back(bot, run_id, "failed")
        assert "frozen by @lena" in run.steps["paint.undo"].says
        await bot.desk.thaw(LENA, "it is well", "t1")
        await an_hour_later(bot, clock)
        assert bot.world.effects == [GREEN] and run.undoable == ("paint",)


@pytest.mark.parametrize("what", ["role", "membership"])
async def test_it_counts_no_more_when_who_approved_may_not_any_more(
    tmp_path: Path, what: str
) -> None:
    clock, people = SetClock(), People()
    async with living(tmp_path, clock, people=people) as bot:
        run_id = await lent(bot)
        people.loses("U2", what)
        await an_hour_later(bot, clock)
        run = await back(bot, run_id, "failed")
        assert "the approval does not hold any more" in run.steps["paint.undo"].says
        assert bot.world.effects == [GREEN]


async def test_what_was_made_of_half_a_plan_goes_back(tmp_path: Path) -> None:
    clock, world = SetClock(), World()

    def somebody() -> None:
        world.lamps["attic"] = "blue"

    async with living(tmp_path, clock, world=world) as bot:
        world.after_call = somebody
        run_id = await lent(bot, lamps=["hall", "attic"])
        await an_hour_later(bot, clock)  # which the plan for the rest did not outlive
        await bot.until(run_id, lambda run: run.steps["paint"].status == "expired")
        await back(bot, run_id, "given")
        assert world.lamps == {"hall": "red", "attic": "blue"}


async def test_what_cannot_be_taken_back_is_not_promised_to_be(tmp_path: Path) -> None:
    async with living(tmp_path, SetClock()) as bot:
        run_id = await bot.begin()
        await bot.until(run_id, lambda run: run.open_pick == "cure")
        await bot.desk.pick(run_id, "smash", DANA, "p1")
        step = await bot.settled(run_id, "smash")
        assert step.status == "failed" and "cannot be taken back by itself" in step.says


async def test_an_action_that_is_made_anew_is_lent_until_the_newer_time(tmp_path: Path) -> None:
    clock = SetClock()
    async with living(tmp_path, clock) as bot:
        run_id = await lent(bot)
        record = await bot.desk.record(run_id)
        assert record
        bot.world.lamps["hall"] = "red"  # somebody has set it back by hand
        await an_hour_later(bot, clock, HOUR_S / 2)
        await bot.desk.pick(run_id, "paint", DANA, "p2")
        plan_id = await bot.pending(run_id, "paint")
        await bot.desk.decide(plan_id, RAVI, True, "", "", "a2")
        first = record.returns["paint"]
        run = await bot.until(run_id, lambda run: run.returns.get("paint", first) > first)
        assert run.returns["paint"] - first > timedelta(minutes=29)


@pytest.mark.slow
async def test_of_two_replicas_one_takes_it_back(replicas: Replicas) -> None:
    clock = SetClock()
    first = await replicas.one_more(QUICK, BOOK, clock)
    second = await replicas.one_more(QUICK, BOOK, clock)
    run_id = await lent(first)
    clock.ahead += HOUR_S
    first.engine._wake.set()
    second.engine._wake.set()
    await back(second, run_id, "given")
    assert replicas.world.effects == [GREEN, RED]
