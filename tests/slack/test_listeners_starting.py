"""A start is durable when it is acknowledged, judged after that, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.engine.intents import Actor, Refusal, StartRun
from bot.engine.record import Origin
from bot.slack.listeners.starting import take_up
from tests.slack.office import DANA, GENERAL, Office, office

pytestmark = pytest.mark.slow


@pytest.fixture
async def bot() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


def left_over(bot: Office) -> None:
    """An earlier life has acknowledged it, and died."""
    by = Actor(DANA, bot.slack.team.id)
    bot.desk.starts["k"] = StartRun("DAILY-001", {}, by, Origin(GENERAL, "general"), "k")


async def test_a_start_is_noted_before_it_is_acknowledged_and_judged_after(bot: Office) -> None:
    bot.desk.held = asyncio.Event()
    assert (await bot.type("DAILY-001")).acked
    assert [one.book_id for one in bot.desk.starts.values()] == ["DAILY-001"]
    bot.desk.held.set()
    await bot.settled()
    assert "RUN1 of DAILY-001 has begun" in await bot.whispered()
    assert bot.desk.starts == {}


async def test_a_start_that_is_refused_is_told_privately_and_is_over(bot: Office) -> None:
    bot.desk.refusal = Refusal("Some inputs do not exist.", {"services": "There is no cor."})
    said = await bot.answered("RB-INC-001 brief_desc=abc services=cor")
    assert "services: There is no cor." in said
    assert bot.desk.noted == [] and bot.desk.starts == {}


async def test_what_is_wrong_at_a_glance_is_said_in_the_acknowledgement(bot: Office) -> None:
    bot.desk.strange = Refusal("Some inputs are not right.", {"brief_desc": "Too short"})
    assert "Too short" in await bot.told("RB-INC-001 brief_desc=a")
    assert bot.desk.starts == {}


async def test_a_start_that_breaks_off_is_not_said_to_have_changed_nothing(bot: Office) -> None:
    bot.desk.held = asyncio.Event()
    await bot.type("DAILY-001")
    bot.desk.breaks = OSError("disk full")
    bot.desk.held.set()
    said = await bot.whispered()
    assert "may still begin" in said and "disk full" not in said
    assert len(bot.desk.starts) == 1


async def test_what_an_earlier_life_acknowledged_is_begun_and_told(bot: Office) -> None:
    left_over(bot)
    await take_up(bot.front)
    assert "RUN1 of DAILY-001 has begun" in await bot.whispered()
    await bot.settled()
    assert bot.desk.starts == {}


async def test_what_waited_for_too_long_is_not_begun_by_surprise(bot: Office) -> None:
    left_over(bot)
    bot.desk.waited = timedelta(minutes=20)
    await take_up(bot.front)
    said = await bot.whispered()
    assert "DAILY-001 20 min ago" in said and "Nothing was started" in said
    await bot.settled()
    assert bot.desk.noted == [] and bot.desk.starts == {}


async def test_what_an_earlier_life_acknowledged_is_judged_like_anything_else(
    bot: Office,
) -> None:
    left_over(bot)
    bot.desk.refusal = Refusal("You need the role responder.")
    await take_up(bot.front)
    assert "You need the role responder" in await bot.whispered()
    await bot.settled()
    assert bot.desk.noted == [] and bot.desk.starts == {}
