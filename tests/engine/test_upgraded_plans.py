"""Plans and approvals of an older version of the bot, in the hands of the next one."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.engine.intents import Noted, Refusal
from bot.runbook import CHANGE, Change, Pair, Seen, pair
from bot.runbook.step import Gate
from tests.engine.small_world import BOOK, DANA, LENA, RAVI, Lamps, Paint, World, living_bot
from tests.engine.two_versions import (
    changed,
    missing,
    newer,
    painted,
    say,
    stopped,
    to_its_end,
    without,
)

PAINT = "paint hall green"


def asks(people: int, role: str = "operator") -> Any:
    return lambda step: replace(step, gate=Gate(people, role))


@pytest.mark.parametrize(
    ("was", "now", "needed"),
    [
        (asks(1), asks(2), (2, "operator")),
        (asks(3), asks(1), (3, "operator")),
        (asks(2, "operator"), asks(1, "responder"), (2, "responder")),
    ],
    ids=["stricter", "looser", "another role"],
)
async def test_a_plan_needs_as_many_as_the_stricter_version_asks_and_todays_role(
    tmp_path: Path, was: Any, now: Any, needed: tuple[int, str]
) -> None:
    async with newer(tmp_path, changed("paint", was), World()) as bot:
        run_id = await bot.to_the_pick()
    async with newer(tmp_path, changed("paint", now), World()) as bot:
        plan = await bot.planned(run_id)
        run = await bot.desk.record(run_id)
        assert run and (run.approvals[plan].people, run.approvals[plan].role) == needed


async def test_a_request_that_asked_fewer_is_not_approved_by_the_stricter_version(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
    async with newer(tmp_path, changed("paint", asks(2)), World()) as bot:
        told = await bot.desk.decide(plan, RAVI, True, "", "", "1")
        assert isinstance(told, Refusal) and "wants 2 of role operator" in told.why
        assert isinstance(await bot.desk.decide(plan, RAVI, False, "stricter now", "", "2"), Noted)
        await bot.desk.pick(run_id, "paint", DANA, "once more")
        anew = await bot.pending(run_id, "paint")
        await bot.desk.decide(anew, RAVI, True, "", "", "3")
        assert bot.world.sent == []
        await bot.desk.decide(anew, LENA, True, "", "", "4")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert bot.world.effects == [PAINT]


async def test_what_too_few_had_approved_is_asked_anew_by_the_stricter_version(
    tmp_path: Path,
) -> None:
    world = World()
    async with living_bot(tmp_path, world) as bot:
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        stopped(bot)
        await bot.desk.decide(plan, RAVI, True, "", "", "1")
    async with newer(tmp_path, changed("paint", asks(2)), world) as bot:
        anew = await bot.pending(run_id, "paint")
        run = await bot.desk.record(run_id)
        assert run and run.approvals[anew].people == 2
        assert "wants 2 of role operator" in run.approvals[plan].outcome
        assert PAINT not in world.sent


async def test_what_was_approved_is_applied_though_its_step_is_gone(tmp_path: Path) -> None:
    """People approved the text of a plan, and this version makes such changes."""
    world = World()
    async with living_bot(tmp_path, world) as bot:
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
    async with newer(tmp_path, without("paint"), world) as bot:
        await bot.desk.decide(plan, RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
        assert world.effects.count(PAINT) == 1


async def test_what_was_made_can_be_taken_back_though_its_step_is_gone(tmp_path: Path) -> None:
    world = World()
    async with living_bot(tmp_path, world) as bot:
        run_id = await bot.to_the_pick()
        await painted(bot, run_id)
        await bot.until(run_id, lambda run: bool(run.open_pick and run.undoable))
    async with newer(tmp_path, without("paint"), world) as bot:
        await bot.desk.undo(run_id, "paint", DANA, "undo")
        undo = await bot.pending(run_id, "paint.undo")
        await bot.desk.decide(undo, RAVI, True, "", "", "1")
        await bot.until(run_id, lambda run: run.steps["paint.undo"].status == "given")
        assert world.lamps["hall"] == "red"


# Changes that this version makes no more, or otherwise.


class NoPaint(Lamps):
    alters: ClassVar[tuple[Pair, ...]] = tuple(
        one for one in Lamps.alters if one.change is not Paint
    )


def _other_paint() -> type[Change]:
    class Paint(Change):
        effect = CHANGE

        lamp: str
        color: str
        coats: int = 1

        def target(self) -> str:
            return f"lamp/{self.lamp}"

        def command(self) -> str:
            return f"paint {self.lamp} {self.color} {self.coats}"

        def then(self) -> str:
            return self.color

    return Paint


OTHER_PAINT: Any = _other_paint()


class MorePaint(Lamps):
    async def _see_other(self, change: OTHER_PAINT) -> Seen:
        return Seen("before", "red")

    async def _paint_other(self, change: OTHER_PAINT, key: str) -> None:
        raise AssertionError("nobody approved that")

    alters: ClassVar[tuple[Pair, ...]] = (
        *NoPaint.alters,
        pair(OTHER_PAINT, observe=_see_other, apply=_paint_other),
    )


OTHER_LAMPS = pytest.mark.parametrize("lamps", [NoPaint, MorePaint], ids=["gone", "a field more"])


@OTHER_LAMPS
async def test_a_plan_that_cannot_be_read_is_shown_and_not_approved(
    tmp_path: Path, lamps: type[Lamps]
) -> None:
    async with living_bot(tmp_path) as bot:
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
    async with newer(tmp_path, BOOK, World(), lamps=lamps) as bot:
        (run,) = await bot.desk.recent(5)
        (change,) = run.approvals[plan].changes
        assert change.command.startswith("Paint {")
        for click, reason in ((True, ""), (True, "again")):
            told = await bot.desk.decide(plan, RAVI, click, reason, "", f"1{reason}")
            assert isinstance(told, Refusal) and "another version of the bot" in told.why
        told = await bot.desk.decide(plan, RAVI, False, "unreadable", "", "2")
        assert isinstance(told, Noted)
        await bot.until(run_id, lambda run: run.steps["paint"].status == "denied")


@OTHER_LAMPS
async def test_an_approved_plan_that_cannot_be_read_is_not_made_but_planned_anew(
    tmp_path: Path, lamps: type[Lamps]
) -> None:
    world = World()
    async with living_bot(tmp_path, world) as bot:
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        stopped(bot)
        await bot.desk.decide(plan, RAVI, True, "", "", "1")
    async with newer(tmp_path, without("paint"), world, lamps=lamps) as bot:
        asked = await missing(bot, run_id, "paint")
        run = await bot.desk.record(run_id)
        assert run and run.approvals[plan].status == "outdated"
        assert "Another version of the runbook made this plan" in run.approvals[plan].outcome
        await say(bot, asked, "without")
        assert (await to_its_end(bot, run_id)).status == "finished"
        assert PAINT not in world.sent


@pytest.mark.parametrize("truth", ["done", "not done", "stop"])
async def test_a_change_that_was_under_way_and_cannot_be_read_is_settled_by_a_person(
    tmp_path: Path, truth: Any
) -> None:
    world = World(blind_after_loss=True, lose_answers=0)
    async with living_bot(tmp_path, world) as bot:
        run_id = await bot.to_the_pick()
        plan = await bot.planned(run_id)
        world.lose_answers = 1
        world.calling.clear()
        await bot.desk.decide(plan, RAVI, True, "", "", "1")
        await world.calling.wait()
    async with newer(tmp_path, without("paint"), World(), lamps=NoPaint) as bot:
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "unsure")
        (unsure,) = [one for one in run.questions.values() if one.kind == "unsure"]
        assert "the bot was replaced while it was under way" in unsure.text
        assert isinstance(await bot.desk.resolve(unsure.id, RAVI, truth, "t"), Noted)
        ends = {"done": "given", "stop": "failed", "not done": "asked"}
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == ends[truth])
        assert not [one for one in run.questions.values() if one.kind == "unsure"]
