"""What a person has to do by a certain time is said again before, also after a restart."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.engine.record import QuestionRecord
from bot.runbook import Person, Question, Run, Runbook, RunbookInputs, Todo
from bot.runbook.durations import hours
from bot.runbook.errors import BookError
from bot.runbook.words import question as ask
from bot.runbook.words import todo
from bot.store.tables import waits
from tests.engine.small_world import RAVI, Bot, SetClock, living_bot

DUE_IN = hours(72)
BEFORE = (hours(48), hours(24), hours(6))
HOUR = 3600.0


class Nothing(RunbookInputs):
    pass


def clocked() -> Runbook:
    book = Runbook(id="RB-T-9", title="Clocks", severity="P1", category="Test", inputs=Nothing)
    section = book.section("Tell")

    @section.confirm("Tell the authority")
    def told(run: Run) -> Todo:
        by = run.started_at + DUE_IN
        return todo("Tell it", by=by, remind=BEFORE, owner=Person(user_id="U2"))

    return book


def asking() -> Runbook:
    book = Runbook(id="RB-T-9", title="Clocks", severity="P1", category="Test", inputs=Nothing)
    section = book.section("Tell")

    @section.ask("Who tells the authority?")
    def owner(run: Run) -> Question[Person]:
        return ask(Person, "Who?", by=run.started_at + DUE_IN, remind=BEFORE)

    return book


async def asked(bot: Bot, run_id: str) -> QuestionRecord:
    run = await bot.until(run_id, lambda run: bool(run.questions))
    (question,) = run.questions.values()
    return question


async def reminded(bot: Bot, run_id: str, times: int) -> QuestionRecord:
    bot.engine._wake.set()
    run = await bot.until(
        run_id, lambda run: any(one.reminded == times for one in run.questions.values())
    )
    (question,) = run.questions.values()
    return question


def said(bot: Bot) -> Sequence[str]:
    return [one.about for one in bot.announcer.said if one.kind == "reminder due"]


async def test_it_is_said_again_at_each_of_its_times_and_once_it_is_overdue(
    tmp_path: Path,
) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, book=clocked(), clock=clock) as bot:
        run_id = await bot.begin()
        question = await asked(bot, run_id)
        assert (question.owner, question.reminded) == ("U2", 0)
        for number, left in enumerate((48, 24, 6, 0), start=1):
            clock.ahead = (72 - left) * HOUR + 1
            question = await reminded(bot, run_id, number)
            assert question.left_s == pytest.approx(left * HOUR, abs=60)
        assert said(bot) == [question.id] * 4
        assert len(await bot.noted("reminder due")) == 4


async def test_days_that_nobody_was_there_for_are_not_caught_up_on(tmp_path: Path) -> None:
    clock = SetClock()
    async with living_bot(tmp_path, book=clocked(), clock=clock) as bot:
        run_id = await bot.begin()
        await asked(bot, run_id)
    clock.ahead = 50 * HOUR
    async with living_bot(tmp_path, book=clocked(), clock=clock) as bot:
        question = await reminded(bot, run_id, 1)
        assert question.left_s == pytest.approx(22 * HOUR, abs=60)
        clock.ahead = 67 * HOUR
        await reminded(bot, run_id, 2)
        assert len(said(bot)) == 2


async def test_a_question_that_nobody_answers_is_asked_again_also_after_a_restart(
    tmp_path: Path,
) -> None:
    clock, book = SetClock(), asking()
    async with living_bot(tmp_path, book=book, clock=clock) as bot:
        run_id = await bot.begin()
        question = await asked(bot, run_id)
        assert question.due and question.kind == "ask"
    clock.ahead = 25 * HOUR
    async with living_bot(tmp_path, book=book, clock=clock) as bot:
        question = await reminded(bot, run_id, 1)
        assert question.left_s == pytest.approx(47 * HOUR, abs=60)
        await bot.desk.answer(question.id, RAVI, {"user_id": "U2"}, "answer")
        await bot.until(run_id, lambda run: run.status == "finished")


async def test_what_is_ticked_off_is_not_said_again(tmp_path: Path) -> None:
    async with living_bot(tmp_path, book=clocked()) as bot:
        run_id = await bot.begin()
        question = await asked(bot, run_id)
        await bot.desk.answer(question.id, RAVI, {}, "done")
        await bot.until(run_id, lambda run: run.status == "finished")
        assert not await bot.engine.store.read(lambda c: c.execute(sa.select(waits)).all())


def test_reminders_of_nothing_are_refused() -> None:
    with pytest.raises(BookError, match="by= is not given"):
        todo("Tell it", remind=(timedelta(hours=1),))
    assert todo("x", by=datetime.now(UTC), remind=BEFORE).remind == BEFORE
