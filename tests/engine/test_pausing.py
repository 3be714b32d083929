"""What is made in parts is paused, resumed and stopped between two of them, also over a death."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from bot.engine.intents import Noted, Refusal
from bot.engine.record import RunRecord
from bot.runbook import DESTROY, Change, Key, Pair, Plan, Progress, Runbook, Seen, pair
from bot.runbook.errors import Unreachable
from bot.runbook.words import plan
from tests.engine.small_world import (
    DANA,
    LENA,
    QUICK,
    RAVI,
    VERA,
    Bot,
    Inputs,
    Lamps,
    SetClock,
    World,
    living_bot,
)

PARTS = 6
#: A part waits here for the test, on however busy a machine.
PATIENT = replace(QUICK, call_limit=60)


class Fade(Change):
    effect = DESTROY
    repeatable = True
    in_parts = True

    lamp: str

    def target(self) -> str:
        return f"lamp/{self.lamp}"

    def command(self) -> str:
        return f"fade {self.lamp}"

    def then(self) -> str:
        return f"{self.lamp} is dark"


class Fading(Lamps):
    """A lamp that is dark after some parts. Each waits until it is let through."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.gate = asyncio.Semaphore(0)
        self.breaks = 0
        world.fading = self  # type: ignore[attr-defined]

    async def _see(self, change: Fade) -> Seen:
        done = len(self._world.effects)
        return Seen("applied" if done >= PARTS else "before", f"{done} of {PARTS} steps")

    async def _fade(self, change: Fade, key: Key) -> AsyncIterator[Progress]:
        self._world.sent.append("begun")
        yield self._at()
        while len(self._world.effects) < PARTS:
            await self.gate.acquire()
            if self.breaks:
                self.breaks -= 1
                raise Unreachable("the wire broke")
            self._world.effects.append(f"step {len(self._world.effects) + 1}")
            yield self._at()

    def _at(self) -> Progress:
        return Progress(len(self._world.effects), PARTS, "steps")

    alters: ClassVar[tuple[Pair, ...]] = (*Lamps.alters, pair(Fade, observe=_see, apply=_fade))


def make_book() -> Runbook:
    book = Runbook(id="RB-T-009", title="Fade", severity="P3", category="Test", inputs=Inputs)
    steps = book.section("Steps")

    @steps.action("Fade it")
    def fade() -> Plan[Fade]:
        return plan(Fade(lamp="hall"))

    return book


BOOK = make_book()
ALL = [f"step {number}" for number in range(1, PARTS + 1)]


def gate(bot: Bot) -> asyncio.Semaphore:
    return bot.world.fading.gate  # type: ignore[attr-defined, no-any-return]


def let(bot: Bot, parts: int) -> None:
    for _ in range(parts):
        gate(bot).release()


def says(run: RunRecord, words: str) -> bool:
    return words in run.steps["fade"].says


async def begun(bot: Bot, parts: int) -> str:
    """Approved by two, and so many parts made."""
    run_id = await bot.begin()
    approval = await bot.pending(run_id, "fade")
    for number, who in enumerate((RAVI, LENA)):
        await bot.desk.decide(approval, who, True, "", "hall", f"yes {number}")
    let(bot, parts)
    await bot.until(run_id, lambda run: says(run, f"{parts} of {PARTS} steps"))
    return run_id


async def paused(bot: Bot, parts: int = 2) -> str:
    run_id = await begun(bot, parts)
    assert isinstance(await bot.desk.pause(run_id, "fade", LENA, "p"), Noted)
    let(bot, 1)  # the one that it is at
    await bot.until(run_id, lambda run: run.steps["fade"].status == "paused")
    return run_id


async def to_the_end(bot: Bot, run_id: str) -> None:
    let(bot, PARTS)
    await bot.until(run_id, lambda run: run.status == "finished")
    assert bot.world.effects == ALL


async def test_it_pauses_after_the_part_it_is_at_and_goes_on_there(tmp_path: Path) -> None:
    async with living_bot(tmp_path, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await paused(bot)
        run = await bot.desk.record(run_id)
        assert run and run.steps["fade"].wished_by == LENA.user_id
        assert run.steps["fade"].says.startswith("3 of 6 steps")
        assert isinstance(await bot.desk.resume(run_id, "fade", DANA, "r"), Noted)
        await to_the_end(bot, run_id)
        assert [row.by for row in await bot.noted("paused")] == [LENA.user_id]
        assert [row.by for row in await bot.noted("resumed")] == [DANA.user_id]
        assert len(await bot.noted("change paused")) == 1


async def test_what_is_paused_stays_so_over_a_death_and_is_resumed_long_after(
    tmp_path: Path,
) -> None:
    world, clock = World(), SetClock()
    async with living_bot(
        tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT, clock=clock
    ) as bot:
        run_id = await paused(bot)
    clock.ahead = 36_000
    async with living_bot(
        tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT, clock=clock
    ) as bot:
        run = await bot.desk.record(run_id)
        assert run and run.steps["fade"].status == "paused"
        await bot.desk.resume(run_id, "fade", DANA, "r")
        await to_the_end(bot, run_id)


async def test_a_pause_that_was_asked_for_holds_though_the_bot_dies_before_it(
    tmp_path: Path,
) -> None:
    world = World()
    async with living_bot(tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await begun(bot, 2)
        await bot.desk.pause(run_id, "fade", LENA, "p")
    async with living_bot(tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        await bot.until(run_id, lambda run: run.steps["fade"].status == "paused")
        assert world.sent == ["begun"]
        await bot.desk.resume(run_id, "fade", DANA, "r")
        await to_the_end(bot, run_id)


async def test_a_death_in_the_middle_goes_on_by_itself(tmp_path: Path) -> None:
    world = World()
    async with living_bot(tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await begun(bot, 3)
    async with living_bot(tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        await to_the_end(bot, run_id)


async def test_what_nobody_was_at_for_long_needs_a_new_approval(tmp_path: Path) -> None:
    world, clock = World(), SetClock()
    async with living_bot(
        tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT, clock=clock
    ) as bot:
        run_id = await begun(bot, 3)
    clock.ahead = 36_000
    async with living_bot(
        tmp_path, world, book=BOOK, lamps=Fading, timing=PATIENT, clock=clock
    ) as bot:
        await bot.pending(run_id, "fade")
        assert world.effects == ALL[:3]


@pytest.mark.parametrize("first", ["paused", "at work"])
async def test_a_stop_ends_it_with_what_was_done(tmp_path: Path, first: str) -> None:
    async with living_bot(tmp_path, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await paused(bot) if first == "paused" else await begun(bot, 2)
        assert isinstance(await bot.desk.halt(run_id, "fade", RAVI, "s"), Noted)
        let(bot, 1)
        run = await bot.until(run_id, lambda run: run.steps["fade"].status == "cancelled")
        assert says(run, "3 of 6 steps") and bot.world.effects == ALL[:3]
        await bot.desk.again(run_id, "fade", DANA, "a")
        approval = await bot.pending(run_id, "fade")
        for number, who in enumerate((RAVI, LENA)):
            await bot.desk.decide(approval, who, True, "", "hall", f"again {number}")
        await to_the_end(bot, run_id)


@pytest.mark.parametrize("first", ["paused", "at work"])
async def test_a_cancelled_run_ends_between_two_parts(tmp_path: Path, first: str) -> None:
    async with living_bot(tmp_path, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await paused(bot) if first == "paused" else await begun(bot, 2)
        await bot.desk.cancel(run_id, DANA, "c")
        let(bot, 1)
        run = await bot.until(run_id, lambda run: run.status == "cancelled")
        assert says(run, "3 of 6 steps")


async def test_a_wire_that_breaks_now_and_then_is_no_matter(tmp_path: Path) -> None:
    async with living_bot(tmp_path, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await begun(bot, 1)
        for part in (2, 3, 4):
            bot.world.fading.breaks = 1  # type: ignore[attr-defined]
            let(bot, 2)
            await bot.until(run_id, lambda run, part=part: says(run, f"{part} of"))  # type: ignore[misc]
        await to_the_end(bot, run_id)


async def test_one_that_breaks_twice_at_the_same_place_is_given_up_and_said(
    tmp_path: Path,
) -> None:
    async with living_bot(tmp_path, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await begun(bot, 2)
        bot.world.fading.breaks = 9  # type: ignore[attr-defined]
        let(bot, PARTS)
        step = await bot.settled(run_id, "fade")
        assert step.status == "failed" and "twice at the same place: 2 of 6 steps" in step.says


async def test_who_may_not_lead_may_not_pause_and_nothing_else_is_paused(tmp_path: Path) -> None:
    async with living_bot(tmp_path, book=BOOK, lamps=Fading, timing=PATIENT) as bot:
        run_id = await begun(bot, 2)
        assert isinstance(await bot.desk.pause(run_id, "fade", VERA, "1"), Refusal)
        assert isinstance(await bot.desk.resume(run_id, "fade", DANA, "2"), Refusal)
        assert isinstance(await bot.desk.pause(run_id, "strange", DANA, "3"), Refusal)
        await to_the_end(bot, run_id)
    async with living_bot(tmp_path / "other") as bot:
        other = await bot.to_the_pick()
        bot.world.hold = asyncio.Event()
        await bot.desk.decide(await bot.planned(other), RAVI, True, "", "", "y")
        await bot.world.calling.wait()
        refused = await bot.desk.pause(other, "paint", DANA, "4")
        assert isinstance(refused, Refusal) and "not made in parts" in refused.why
        bot.world.hold.set()
