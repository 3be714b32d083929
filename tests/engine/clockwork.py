"""A clock that stands until a test moves it, and what it starts."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.engine.clock import Clock
from bot.engine.intents import Actor, NewSchedule, Noted
from bot.engine.record import Origin, RunRecord
from bot.engine.scheduled import ScheduleRecord
from tests.engine.small_world import DANA, Bot

#: A Friday.
MORNING = datetime(2026, 3, 6, 7, 0, tzinfo=UTC)
HERE = Origin("C0OPS", "ops")


class SetByHand(Clock):
    def __init__(self, at: datetime = MORNING) -> None:
        self.at = at

    def now(self) -> float:
        return self.at.timestamp()


async def comes_to(bot: Bot, clock: SetByHand, at: datetime) -> None:
    """It is so late now, and what is due has begun."""
    clock.at = at
    await settled(bot)


async def settled(bot: Bot) -> None:
    await bot.engine.schedules.look()
    await asyncio.gather(*bot.engine.schedules._firing.values())


async def passes(bot: Bot, clock: SetByHand, **more: float) -> None:
    await comes_to(bot, clock, clock.at + timedelta(**more))


async def added(
    bot: Bot,
    cron: str = "0 8 * * *",
    book: str = "",
    by: Actor = DANA,
    zone: str = "",
    origin: Origin = HERE,
    **inputs: Any,
) -> str:
    """Its id."""
    before = {one.id for one in await bot.desk.schedules()}
    wanted = NewSchedule(
        book or next(iter(bot.desk.books)), inputs, cron, zone, by, origin, f"{cron}{inputs}{by}"
    )
    told = await bot.desk.add_schedule(wanted)
    assert isinstance(told, Noted), told
    (one,) = {one.id for one in await bot.desk.schedules()} - before
    return one


async def known(bot: Bot, schedule_id: str) -> ScheduleRecord:
    (one,) = [one for one in await bot.desk.schedules() if one.id == schedule_id]
    return one


async def begun(bot: Bot) -> Sequence[RunRecord]:
    """Oldest first."""
    return list(reversed(await bot.desk.recent(100)))


async def over(bot: Bot) -> RunRecord:
    """The newest run, once it is over."""
    newest = (await begun(bot))[-1]
    return await bot.until(newest.id, lambda run: run.ended_at is not None)
