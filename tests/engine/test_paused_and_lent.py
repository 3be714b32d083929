"""
What is made for a while, and in parts: what was made of it goes back at its time, whatever people
said of the rest of it. And what they said stands, whatever becomes of a call.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from bot.engine.intents import Noted
from bot.engine.record import RunRecord
from bot.runbook import Pair, Plan, Runbook, pair
from bot.runbook.durations import hours
from bot.runbook.words import plan
from tests.engine.small_world import DANA, LENA, RAVI, Bot, Inputs, Paint, SetClock, living_bot
from tests.engine.test_pausing import PATIENT, Fade, Fading, let
from tests.engine.test_returning import HOUR_S, an_hour_later

GREEN, RED = "paint hall green", "paint hall red"


class Dim(Fade):
    """As fading, and can be taken back."""

    def command(self) -> str:
        return f"dim {self.lamp}"

    def undo(self) -> Paint:
        return Paint(lamp=self.lamp, color="red", replacing="dim")


class Dimming(Fading):
    alters: ClassVar[tuple[Pair, ...]] = (
        *Fading.alters,
        pair(Dim, observe=Fading._see, apply=Fading._fade),
    )


def make_book() -> Runbook:
    book = Runbook(id="RB-T-010", title="Both", severity="P3", category="Test", inputs=Inputs)
    steps = book.section("Steps")

    @steps.action("Paint one and dim the other for an hour")
    def both() -> Plan[Paint | Dim]:
        painted = Paint(lamp="hall", color="green", replacing="red")
        return plan(painted, Dim(lamp="attic"), back_after=hours(1))

    return book


BOOK = make_book()


def at(status: str, step: str = "both") -> Callable[[RunRecord], bool]:
    return lambda run: step in run.steps and run.steps[step].status == status


async def painting(bot: Bot) -> str:
    """Approved by two, and at the first change, which is held."""
    bot.world.hold = asyncio.Event()
    run_id = await bot.begin()
    approval = await bot.pending(run_id, "both")
    for number, who in enumerate((RAVI, LENA)):
        await bot.desk.decide(approval, who, True, "", "attic", f"yes {number}")
    await asyncio.wait_for(bot.world.calling.wait(), 30)
    return run_id


def let_through(bot: Bot) -> None:
    assert bot.world.hold
    bot.world.hold.set()


async def paused(bot: Bot) -> RunRecord:
    run_id = await painting(bot)
    assert isinstance(await bot.desk.pause(run_id, "both", LENA, "p"), Noted)
    let_through(bot)
    return await bot.until(run_id, at("paused"))


async def is_back(bot: Bot, run_id: str, clock: SetClock) -> None:
    await an_hour_later(bot, clock, HOUR_S)
    await bot.until(run_id, at("given", "both.undo"))
    assert bot.world.lamps["hall"] == "red" and "begun" not in bot.world.sent


@pytest.mark.parametrize("then", ["stopped", "cancelled", "left paused"])
async def test_what_was_made_before_a_pause_goes_back_at_its_time(
    tmp_path: Path, then: str
) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, book=BOOK, lamps=Dimming, clock=clock, timing=PATIENT) as bot:
        run = await paused(bot)
        assert run.returns and bot.world.effects == [GREEN]
        says = run.steps["both"].says
        assert says == "1 of 2 was applied: hall is green. Then: Paused before it began."
        if then == "stopped":
            await bot.desk.halt(run.id, "both", DANA, "s")
        elif then == "cancelled":
            await bot.desk.cancel(run.id, DANA, "c")
        await is_back(bot, run.id, clock)
        assert at("cancelled")(await bot.until(run.id, lambda run: not run.returns))


async def unsure(bot: Bot, wish: str = "") -> tuple[str, str]:
    """The first change took effect, and its answer was lost; and the question about it."""
    run_id = await painting(bot)
    if wish:
        halt = {"stop": bot.desk.halt, "pause": bot.desk.pause}[wish]
        assert isinstance(await halt(run_id, "both", DANA, "w"), Noted)
    bot.world.lose_answers, bot.world.blind_after_loss = 1, True
    let_through(bot)
    run = await bot.until(run_id, at("unsure"))
    bot.world.blind = False
    (question,) = (one.id for one in run.questions.values())
    return run_id, question


@pytest.mark.parametrize(("wish", "status"), [("stop", "cancelled"), ("pause", "paused")])
async def test_what_was_said_of_it_stands_though_nobody_knew_how_it_was(
    tmp_path: Path, wish: str, status: str
) -> None:
    async with living_bot(tmp_path, book=BOOK, lamps=Dimming) as bot:
        run_id, question = await unsure(bot, wish)
        await bot.desk.resolve(question, RAVI, "done", "r")
        run = await bot.until(run_id, at(status))
        assert "begun" not in bot.world.sent and run.returns
        if wish == "pause":
            await bot.desk.resume(run_id, "both", DANA, "go")
            let(bot, 6)
            await bot.until(run_id, at("given"))


def make_lending() -> Runbook:
    book = Runbook(id="RB-T-011", title="Two", severity="P3", category="Test", inputs=Inputs)
    steps = book.section("Steps")

    @steps.action("Paint both for an hour")
    def both() -> Plan[Paint]:
        lamps = ("hall", "attic")
        moves = (Paint(lamp=one, color="green", replacing="red") for one in lamps)
        return plan(*moves, back_after=hours(1))

    return book


async def test_what_was_made_before_what_nobody_can_tell_goes_back_at_its_time(
    tmp_path: Path,
) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, book=make_lending(), clock=clock) as bot:
        world = bot.world

        def after_the_second() -> None:
            if len(world.effects) == 2:
                world.lose_answers, world.blind_after_loss = 1, True

        world.after_call = after_the_second
        run_id = await bot.begin()
        approval = await bot.pending(run_id, "both")
        await bot.desk.decide(approval, RAVI, True, "", "", "yes")
        run = await bot.until(run_id, at("unsure"))
        assert run.returns
        (question,) = (one.id for one in run.questions.values())
        world.blind = False
        await bot.desk.resolve(question, RAVI, "stop", "r")
        await bot.until(run_id, at("failed"))
        await an_hour_later(bot, clock, HOUR_S)
        await bot.until(run_id, at("given", "both.undo"))
        assert world.lamps["hall"] == "red"
