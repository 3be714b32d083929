"""A plan of several changes: what became of each is said, and only what was made is taken back."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.engine.ended import ApplyTiming
from bot.engine.intents import Noted
from bot.runbook import Plan, Runbook
from bot.runbook.words import plan
from bot.store.tables import changes
from tests.engine.small_world import DANA, LENA, RAVI, Bot, Inputs, Paint, SetClock, living_bot


def make_book() -> Runbook:
    book = Runbook(id="RB-T-003", title="Both", severity="P3", category="Test", inputs=Inputs)
    cure = book.section("Cure", pick=True)

    @cure.action("Paint both")
    def both() -> Plan[Paint]:
        lamps = ("hall", "attic")
        return plan(*(Paint(lamp=one, color="green", replacing="red") for one in lamps))

    return book


BOOK = make_book()
#: A call may take longer than anything in a test.
PATIENT = ApplyTiming(call_limit=30, settle=0.05, look_every=0.01)


async def approved(bot: Bot) -> tuple[str, str]:
    run_id = await bot.to_the_pick()
    approval = await bot.planned(run_id, "both")
    assert isinstance(await bot.desk.decide(approval, RAVI, True, "", "", "ok"), Noted)
    return run_id, approval


def at_the_second(bot: Bot, does: str, value: object) -> None:
    """Something happens in the world once the first change has taken effect."""
    bot.world.after_call = lambda: setattr(bot.world, does, value)


async def test_a_refusal_of_the_second_says_that_the_first_was_made_and_offers_its_undo(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, book=BOOK) as bot:
        at_the_second(bot, "refuse", "AccessDenied")
        run_id, _ = await approved(bot)
        step = await bot.settled(run_id, "both")
        assert step.status == "failed"
        assert step.says == "1 of 2 was applied: hall is green. Then: AccessDenied"
        bot.world.refuse = ""
        run = await bot.desk.record(run_id)
        assert run and run.undoable == ("both",)
        await bot.desk.undo(run_id, "both", DANA, "u")
        undo = await bot.pending(run_id, "both.undo")
        await bot.desk.decide(undo, RAVI, True, "", "", "ok2")
        await bot.until(run_id, lambda run: run.steps["both.undo"].status == "given")
        assert bot.world.lamps == {"hall": "red", "attic": "red"}
        assert bot.world.effects == ["paint hall green", "paint hall red"]


async def test_what_a_person_vouches_for_is_followed_by_the_rest(tmp_path: Path) -> None:
    async with living_bot(tmp_path, book=BOOK) as bot:
        bot.world.lose_answers = 1
        at_the_second(bot, "blind", True)
        run_id, _ = await approved(bot)
        run = await bot.until(run_id, lambda run: run.steps["both"].status == "unsure")
        (question,) = run.questions.values()
        bot.world.blind, bot.world.after_call = False, lambda: None
        await bot.desk.resolve(question.id, LENA, "done", "r")
        step = await bot.settled(run_id, "both")
        assert step.status == "given"
        assert bot.world.effects == ["paint hall green", "paint attic green"]


async def test_what_is_vouched_for_long_after_leaves_the_rest_to_be_asked_anew(
    tmp_path: Path,
) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, book=BOOK, clock=clock) as bot:
        bot.world.lose_answers = 1
        at_the_second(bot, "blind", True)
        run_id, approval = await approved(bot)
        run = await bot.until(run_id, lambda run: run.steps["both"].status == "unsure")
        (question,) = run.questions.values()
        bot.world.blind, bot.world.after_call = False, lambda: None
        clock.ahead = 36_000
        await bot.desk.resolve(question.id, LENA, "done", "r")
        run = await bot.until(run_id, lambda run: run.steps["both"].status == "planned")
        assert "approved too long ago" in run.approvals[approval].outcome
        assert bot.world.effects == ["paint hall green"]


async def test_cancelled_between_two_changes_says_what_was_made(tmp_path: Path) -> None:
    async with living_bot(tmp_path, book=BOOK) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "both")
        bot.world.hold = asyncio.Event()
        await bot.desk.decide(approval, RAVI, True, "", "", "ok")
        await bot.world.calling.wait()
        await bot.desk.cancel(run_id, RAVI, "c")
        bot.world.hold.set()
        run = await bot.until(run_id, lambda run: run.status == "cancelled")
        says = run.steps["both"].says
        assert says == "1 of 2 was applied: hall is green. Then: the rest was cancelled"
        assert bot.world.lamps["attic"] == "red"


async def test_what_was_so_already_is_not_taken_back(tmp_path: Path) -> None:
    async with living_bot(tmp_path, book=BOOK) as bot:
        run_id = await bot.to_the_pick()
        approval = await bot.planned(run_id, "both")
        bot.world.lamps["hall"] = "green"  # somebody else's work
        await bot.desk.decide(approval, RAVI, True, "", "", "ok")
        await bot.until(run_id, lambda run: run.undoable == ("both",))
        await bot.desk.undo(run_id, "both", DANA, "u")
        undo = await bot.pending(run_id, "both.undo")
        run = await bot.desk.record(run_id)
        assert run and [one.command for one in run.approvals[undo].changes] == ["paint attic red"]


@pytest.mark.parametrize("loses", ["role", "membership"])
async def test_the_second_change_is_not_made_once_the_approval_does_not_hold(
    tmp_path: Path, loses: str
) -> None:
    async with living_bot(tmp_path, book=BOOK) as bot:
        bot.world.after_call = lambda: bot.people.loses("U2", loses)
        run_id, _ = await approved(bot)
        step = await bot.settled(run_id, "both")
        assert step.status == "failed" and "does not hold any more" in step.says
        assert bot.world.effects == ["paint hall green"]


@pytest.mark.parametrize("state", ["already so", "applied"])
async def test_what_was_so_or_made_long_ago_does_not_make_an_approval_last_longer(
    tmp_path: Path, state: str
) -> None:
    """The bot may have died between the first of its changes and the second."""
    clock = SetClock()
    async with living_bot(tmp_path, book=BOOK, clock=clock, timing=PATIENT) as bot:
        bot.world.hold = asyncio.Event()
        first, _ = await approved(bot)
        await bot.world.calling.wait()
        second = await bot.to_the_pick("k2")
        approval = await bot.planned(second, "both")
        await bot.desk.decide(approval, RAVI, True, "", "", "ok2")
        await bot.engine.store.tx(_is_done, approval, state)
        clock.ahead = 36_000
        bot.world.refuse = "no"
        bot.world.hold.set()
        await bot.until(first, lambda run: run.steps["both"].status == "failed")
        run = await bot.until(second, lambda run: run.steps["both"].status == "planned")
        assert "approved too long ago" in run.approvals[approval].outcome
        assert bot.world.effects == []


def _is_done(c: sa.Connection, approval: str, state: str) -> None:
    first = sa.and_(changes.c.plan == approval, changes.c.number == 1)
    c.execute(sa.update(changes).where(first).values(state=state))
