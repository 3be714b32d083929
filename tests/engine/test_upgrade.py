"""A run that an older version of the bot began, in the hands of the next one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.engine.intents import Noted, Refusal
from bot.engine.record import RunRecord
from bot.engine.watching import _found
from bot.runbook import Facts, Found, Person, Plan, Runbook, RunbookInputs
from bot.runbook.step import Gate, Gives, Need
from bot.runbook.words import ok, plan, question
from tests.engine.small_world import (
    BOOK,
    DANA,
    RAVI,
    VERA,
    Bot,
    Inputs,
    Lamp,
    Lamps,
    Paint,
    World,
    living_bot,
    make_book,
)
from tests.engine.two_versions import (
    begun,
    changed,
    missing,
    newer,
    painted,
    say,
    to_its_end,
    without,
)

PAINT = "paint hall green"


async def to_the_question(bot: Bot, run_id: str, step: str) -> None:
    """As far as a person has to bring the run before it comes to the step."""
    if step in ("paint", "painted", "part"):
        await bot.until(run_id, lambda run: run.open_pick == "cure")
    if step == "paint":
        await bot.desk.pick(run_id, "paint", DANA, "pick")
    if step == "painted":
        await painted(bot, run_id)
    if step == "part":
        await bot.desk.close(run_id, "cure", DANA, "close")


@pytest.mark.parametrize("step", ["greet", "leader", "color", "attic", "paint", "painted", "part"])
async def test_a_step_that_is_not_there_any_more_asks_a_person_and_the_run_ends_without_it(
    tmp_path: Path, step: str
) -> None:
    """In order, together, picked, and the proof of what was picked."""
    run_id, world = await begun(tmp_path), World()
    async with newer(tmp_path, without(step), world) as bot:
        await to_the_question(bot, run_id, step)
        asked = await missing(bot, run_id, step)
        assert f"has no step {step}" in asked.text and "Go on without it" in asked.text
        run = await bot.desk.record(run_id)
        assert run and run.status == "running" and run.steps[step].status == "asked"
        await say(bot, asked, "without")
        run = await to_its_end(bot, run_id)
        assert (run.status, run.steps[step].status) == ("finished", "failed")
        assert run.steps[step].says.startswith("Left out, says dana. This version of RB-T-001")


def with_rollback() -> Runbook:
    book = make_book()
    rollback = book.section("Rollback", standby=True)

    @rollback.action("Paint it blue")
    def back(inputs: Inputs) -> Plan[Paint]:
        return plan(Paint(lamp=inputs.lamp, color="blue", replacing="red"))

    @rollback.check("Is it blue?", proves=back)
    async def is_back(inputs: Inputs, lamps: Lamps) -> Found[Lamp]:
        return ok("It is", await lamps.lamp(inputs.lamp))

    return book


@pytest.mark.parametrize("step", ["back", "is_back"])
async def test_at_hand_it_asks_too(tmp_path: Path, step: str) -> None:
    book = with_rollback()
    run_id = await begun(tmp_path, book)
    async with newer(tmp_path, without(step, book=book), World()) as bot:
        await bot.until(run_id, lambda run: run.open_pick == "cure")
        await bot.desk.pick(run_id, "back", DANA, "pick")
        if step == "is_back":
            approval = await bot.pending(run_id, "back")
            await bot.desk.decide(approval, RAVI, True, "", "", "yes")
        await say(bot, await missing(bot, run_id, step), "without")
        run = await to_its_end(bot, run_id)
        assert (run.status, run.steps[step].status) == ("finished", "failed")


async def test_nobody_is_asked_twice_about_a_step_that_was_left_out(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    async with newer(tmp_path, without("part"), World()) as bot:
        await to_the_question(bot, run_id, "part")
        await say(bot, await missing(bot, run_id, "part"), "without")
        run = await bot.until(run_id, lambda run: run.status == "finished")
        assert run.held == ()


async def test_what_needs_a_step_that_was_left_out_is_left_out_and_says_so(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    async with newer(tmp_path, without("color"), World()) as bot:
        await say(bot, await missing(bot, run_id, "color"), "without")
        await to_the_question(bot, run_id, "paint")
        run = await bot.until(run_id, lambda run: run.steps["paint"].status == "blocked")
        assert "What color is it? gave nothing" in run.steps["paint"].says


async def test_it_is_tried_again_by_a_version_that_has_the_step(tmp_path: Path) -> None:
    run_id, world = await begun(tmp_path), World()
    async with newer(tmp_path, without("attic"), world) as bot:
        asked = await missing(bot, run_id, "attic")
    async with living_bot(tmp_path, world) as back:
        await say(back, asked, "again")
        run = await back.until(run_id, lambda run: run.open_pick == "cure")
        assert run.steps["attic"].status == "ok"


async def test_a_run_that_lacks_a_step_can_be_ended_there(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    async with newer(tmp_path, without("greet"), World()) as bot:
        asked = await missing(bot, run_id, "greet")
        for told in ({"then": "dance"}, {}):
            assert isinstance(await bot.desk.answer(asked.id, DANA, told, "x"), Refusal)
        assert isinstance(await bot.desk.answer(asked.id, VERA, {"then": "cancel"}, "v"), Refusal)
        await say(bot, asked, "cancel")
        run = await bot.until(run_id, lambda run: run.status == "cancelled")
        assert not run.questions and bot.world.effects == []


async def test_a_dry_run_asks_nobody(tmp_path: Path) -> None:
    run_id = await begun(tmp_path, dry=True)
    async with newer(tmp_path, without("attic"), World()) as bot:
        run = await bot.until(run_id, lambda run: run.status == "finished")
        assert run.steps["attic"].status == "failed" and not run.questions


async def test_a_watch_whose_step_is_gone_between_two_readings_asks(tmp_path: Path) -> None:
    world = World()
    async with living_bot(tmp_path, world) as bot:
        run_id = await bot.to_the_pick()
        await painted(bot, run_id)
        world.lamps["hall"] = "red"
        await bot.desk.again(run_id, "painted", DANA, "again")
        await bot.until(run_id, lambda run: run.steps["painted"].says == "still red")
    async with newer(tmp_path, without("painted"), world) as bot:
        await say(bot, await missing(bot, run_id, "painted"), "without")
        await bot.until(run_id, lambda run: run.steps["painted"].status == "failed")


OTHERWISE = {
    "of another kind": lambda step: replace(step, kind="confirm"),
    "before which people are asked now": lambda step: replace(step, gate=Gate(1, "operator")),
}


@pytest.mark.parametrize("how", OTHERWISE)
async def test_a_step_that_does_something_else_now_is_not_the_one_that_was_there(
    tmp_path: Path, how: str
) -> None:
    run_id = await begun(tmp_path)
    async with newer(tmp_path, changed("greet", OTHERWISE[how]), World()) as bot:
        asked = await missing(bot, run_id, "greet")
        assert "when the run was started" in asked.text.replace("\n", " ")
        await say(bot, asked, "without")
        await bot.until(run_id, lambda run: run.open_pick == "cure")
        assert bot.world.effects == []


async def test_a_whole_runbook_that_is_gone_leaves_a_run_that_can_be_looked_at_and_ended(
    tmp_path: Path,
) -> None:
    run_id = await begun(tmp_path)
    other = replace(make_book(), id="RB-T-009")
    async with newer(tmp_path, other, World()) as bot:
        asked = await missing(bot, run_id, "greet")
        assert "has no runbook RB-T-001" in asked.text
        assert [one.id for one in await bot.desk.recent(5, active=True)] == [run_id]
        await say(bot, asked, "without")
        await say(bot, await missing(bot, run_id, "color"), "without")
        assert isinstance(await bot.desk.cancel(run_id, DANA, "c"), Noted)
        await bot.until(run_id, lambda run: run.status == "cancelled")


async def test_a_run_goes_on_by_the_outline_it_was_started_with(tmp_path: Path) -> None:
    """Whatever was renamed, moved or added meanwhile."""
    run_id = await begun(tmp_path)
    book = changed("color", lambda step: replace(step, title="Which colour?", section="first"))
    added = replace(book.steps["attic"], key="cellar", title="Is the cellar there?")
    book = replace(book, steps={**book.steps, "cellar": added})
    async with newer(tmp_path, book, World()) as bot:
        run = await bot.until(run_id, lambda run: run.open_pick == "cure")
        color = run.steps["color"]
        assert (color.title, color.section) == ("What color is it?", "look")
        assert color.status == "problem"
        assert (await to_its_end(bot, run_id)).status == "finished"
        assert "cellar" not in run.steps


# What an older version wrote down.


class Bulb(Facts):
    """As Lamp, and more."""

    color: str
    watts: int


class Shade(Facts):
    """As Lamp, of which nothing is left."""

    shade: str = "none"


def gives(kind: type[Facts]) -> Any:
    return lambda step: replace(step, gives=Gives(result=kind))


@pytest.mark.parametrize("kind", [Bulb, Shade], ids=["a field more", "a field less"])
async def test_facts_that_cannot_be_read_are_told_and_cured_by_a_look(
    tmp_path: Path, kind: type[Facts]
) -> None:
    run_id = await begun(tmp_path)
    async with living_bot(tmp_path) as bot:
        await bot.until(run_id, lambda run: run.open_pick == "cure")
    async with newer(tmp_path, changed("color", gives(kind)), World()) as bot:
        await bot.desk.pick(run_id, "paint", DANA, "pick")
        asked = await missing(bot, run_id, "paint")
        assert 'what "What color is it?" gave' in asked.text and "re-check" in asked.text
    async with living_bot(tmp_path) as bot:  # whose check gives what its action reads
        await bot.desk.again(run_id, "color", DANA, "look")
        await bot.until(run_id, lambda run: run.steps["color"].attempt == 2)
        await say(bot, asked, "again")
        assert await bot.pending(run_id, "paint")


async def test_what_a_step_does_not_ask_for_is_not_in_its_way(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    async with living_bot(tmp_path) as bot:
        await bot.until(run_id, lambda run: run.open_pick == "cure")
    async with newer(tmp_path, changed("attic", gives(Bulb)), World()) as bot:
        assert await bot.planned(run_id)


class MoreInputs(RunbookInputs):
    lamp: str
    color: str
    house: str


async def test_inputs_that_cannot_be_read_ask_where_they_are_needed(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    async with newer(tmp_path, replace(BOOK, inputs=MoreInputs), World()) as bot:
        asked = await missing(bot, run_id, "greet")
        assert "what the run was started with" in asked.text
        await say(bot, asked, "without")
        run = await bot.until(run_id, lambda run: run.steps["attic"].status == "ok")
        assert run.inputs["lamp"] == "hall"


async def test_a_step_that_needs_now_what_its_run_never_waited_for_asks(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    need = Need("cellar", "result", Facts, step="cellar")
    more = changed("paint", lambda step: replace(step, needs=(*step.needs, need)))
    async with newer(tmp_path, more, World()) as bot:
        await to_the_question(bot, run_id, "paint")
        assert "needs what cellar gives" in (await missing(bot, run_id, "paint")).text


# Questions that are open.


async def test_a_question_whose_step_is_gone_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    async with living_bot(tmp_path) as bot:
        run = await bot.until(run_id, lambda run: run.open_pick == "cure")
    (asked,) = run.questions.values()
    async with newer(tmp_path, without("leader"), World()) as bot:
        told = await bot.desk.answer(asked.id, DANA, {"user_id": "U2"}, "a")
        assert isinstance(told, Noted) and "asked anew" in told.says
        await say(bot, await missing(bot, run_id, "leader"), "without")
        assert (await to_its_end(bot, run_id)).status == "finished"


class Leader(Person):
    until: str = "tomorrow"


async def test_a_question_that_is_another_one_now_is_asked_anew(tmp_path: Path) -> None:
    run_id = await begun(tmp_path)
    async with living_bot(tmp_path) as bot:
        run = await bot.until(run_id, lambda run: run.open_pick == "cure")
    (asked,) = run.questions.values()

    def asks_more(step: Any) -> Any:
        return replace(
            step, gives=Gives(result=Leader), run=lambda: question(Leader, "Who leads?")
        )

    async with newer(tmp_path, changed("leader", asks_more), World()) as bot:
        told = await bot.desk.answer(asked.id, DANA, {"user_id": "U2"}, "a")
        assert isinstance(told, Noted) and "asked anew" in told.says
        run = await bot.until(run_id, lambda run: _asks_anew(run, asked.id))
        (anew,) = run.questions.values()
        assert "until" in (anew.answer_schema or {})["properties"]
        await bot.desk.answer(anew.id, DANA, {"user_id": "U2", "until": "noon"}, "b")
        run = await bot.until(run_id, lambda run: run.steps["leader"].status == "given")
        assert "noon" in run.steps["leader"].says


def _asks_anew(run: RunRecord, old: str) -> bool:
    return bool(run.questions) and old not in run.questions


def test_the_worst_that_a_watch_saw_counts_though_its_facts_cannot_be_read() -> None:
    stored = {"verdict": "problem", "says": "dark", "facts": '{"color": "red"}', "details": {}}
    worst = _found(changed("painted", gives(Bulb)).steps["painted"], stored)
    assert (worst.verdict, worst.summary, worst.facts) == ("problem", "dark", None)
