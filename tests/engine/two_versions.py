"""Two versions of the lamp book, and a run that the older one of them began."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.engine.intents import Noted
from bot.engine.record import QuestionRecord, RunRecord
from bot.runbook import Runbook
from bot.runbook.step import Step
from tests.engine.small_world import BOOK, DANA, RAVI, Bot, World, living_bot

#: What becomes of a step in the other version.
Change = Callable[[Step], Step]


def without(*keys: str, book: Runbook = BOOK) -> Runbook:
    return replace(book, steps={k: step for k, step in book.steps.items() if k not in keys})


def changed(key: str, change: Change, book: Runbook = BOOK) -> Runbook:
    return replace(book, steps={**book.steps, key: change(book.steps[key])})


async def begun(folder: Path, book: Runbook = BOOK, **inputs: Any) -> str:
    """A run that the older version has begun, and of which nothing is done yet."""
    async with living_bot(folder, book=book) as bot:
        stopped(bot)
        return await bot.begin(**inputs)


def stopped(bot: Bot) -> None:
    """It takes in what is said, and does nothing of it any more: its next version will."""
    bot.engine._runner._stopping = True  # type: ignore[attr-defined]


@asynccontextmanager
async def newer(folder: Path, book: Runbook, world: World, **more: Any) -> AsyncIterator[Bot]:
    async with living_bot(folder, world, book=book, **more) as bot:
        yield bot


async def missing(bot: Bot, run_id: str, step: str) -> QuestionRecord:
    """What a person is asked about a step that cannot be done."""
    run = await bot.until(run_id, lambda run: _gone(run, step) is not None)
    question = _gone(run, step)
    assert question
    return question


def _gone(run: RunRecord, step: str) -> QuestionRecord | None:
    asked = (one for one in run.questions.values() if (one.kind, one.step) == ("gone", step))
    return next(asked, None)


async def say(bot: Bot, question: QuestionRecord, then: str) -> None:
    told = await bot.desk.answer(question.id, DANA, {"then": then}, f"{question.id} {then}")
    assert isinstance(told, Noted), told


async def to_its_end(bot: Bot, run_id: str) -> RunRecord:
    """Closes the pick, and goes on over whatever holds the run."""
    while True:
        run = await bot.until(run_id, lambda run: _waits(run) or run.status != "running")
        if run.status != "running":
            return run
        if run.open_pick:
            await bot.desk.close(run_id, run.open_pick, DANA, f"close {run_id}")
        for key in run.held:
            await bot.desk.go_on(run_id, key, DANA, f"{run_id} {key} {run.steps[key].attempt}")


def _waits(run: RunRecord) -> bool:
    return bool(run.open_pick or run.held)


async def painted(bot: Bot, run_id: str) -> None:
    """Picked, approved and applied."""
    await bot.desk.decide(await bot.planned(run_id), RAVI, True, "", "", f"yes {run_id}")
    await bot.until(run_id, lambda run: run.steps["paint"].status == "given")
