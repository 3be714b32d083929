"""
What the engine adds to a step, and how long somebody who clicks waits for the next one.

Steps: 20 runs of 20 steps each at once, which all do the same and next to nothing. Beside the
engine, from the same run: the same bodies awaited and nothing else; the runner that keeps work in
this process, with the same bodies; and the store alone, which commits one row for each step: the
least that makes a step durable.

Clicks: one at a time, in an engine that has nothing else to do, from the desk being asked until
the next step's body has begun: a pick until the action's function, an approval until the first
look at what is to be changed. Beside it the store alone: one row committed.

The engine is measured on SQLite and on PostgreSQL, with nothing to say and with Slack's cards:
they are made and put into the outbox, and nobody delivers them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from benchmarks.levers import STEPS, Inputs, Levers, reads
from benchmarks.measuring import median, p99, postgres, print_table
from benchmarks.small_bot import SmallBot, small_bot
from bot.engine.runners.local import LocalRunner
from bot.slack.announcer import SlackAnnouncer
from bot.store.store import Store

AIM_STEPS, AIM_MS, AIM_POSTGRES_MS = 400, 20.0, 50.0
RUNS, ROUNDS, CLICKS = 20, 3, 100
ROWS = sa.table("bench", sa.column("n"))
FLOOR = "the bodies alone, awaited"


@dataclass
class Found:
    """Steps a second, and milliseconds after each kind of click."""

    steps: dict[str, list[float]] = field(default_factory=dict)
    picks: dict[str, list[float]] = field(default_factory=dict)
    approvals: dict[str, list[float]] = field(default_factory=dict)

    async def time(self, name: str, work: Awaitable[None]) -> None:
        began = time.perf_counter()
        await work
        rate = RUNS * STEPS / (time.perf_counter() - began)
        self.steps.setdefault(name, []).append(rate)


async def bodies() -> None:
    async def run(levers: Levers, inputs: Inputs) -> None:
        for _ in range(STEPS):
            await reads(inputs, levers)

    await asyncio.gather(*(run(Levers(), Inputs(lever=f"l{n}")) for n in range(RUNS)))


async def runner() -> None:
    """Each piece of work starts the one after it."""
    local, levers, over = LocalRunner(), Levers(), asyncio.Semaphore(0)

    async def execute(work_id: str) -> None:
        lever, step = work_id.split("/")
        await reads(Inputs(lever=lever), levers)
        if int(step) < STEPS:
            local.start([f"{lever}/{int(step) + 1}"])
        else:
            over.release()

    local.launch(execute)
    local.start(f"l{n}/1" for n in range(RUNS))
    for _ in range(RUNS):
        await over.acquire()
    await local.stop(1.0)


async def one_row(store: Store) -> None:
    await store.tx(lambda c: c.execute(sa.insert(ROWS).values(n=1)))


async def rows(store: Store) -> None:
    async def run() -> None:
        for _ in range(STEPS):
            await one_row(store)

    await asyncio.gather(*(run() for _ in range(RUNS)))


async def steps(bot: SmallBot, number: int) -> None:
    await asyncio.gather(*(bot.begin("RB-B-020", f"steps-{number}-{n}") for n in range(RUNS)))
    await bot.all_finished("RB-B-020")


async def clicks(bot: SmallBot, found: Found, name: str) -> None:
    picks, approvals = found.picks.setdefault(name, []), found.approvals.setdefault(name, [])
    for number in range(CLICKS // ROUNDS):
        lever = f"click-{len(picks)}-{number}"
        run_id = await bot.begin("RB-B-001", lever)
        await bot.until(run_id, lambda run: run.open_pick == "act")
        picks.append(await bot.reaching(lever, bot.picks(run_id, lever)))
        run = await bot.until(run_id, lambda run: bool(run.approvals))
        approves = bot.approves(next(iter(run.approvals)), lever)
        approvals.append(await bot.reaching(lever, approves))
        await bot.finishes(run_id, lever)


async def alone(store: Store, found: Found, name: str) -> None:
    await found.time(name, rows(store))
    for ms in (found.picks.setdefault(name, []), found.approvals.setdefault(name, [])):
        for _ in range(CLICKS // ROUNDS):
            began = time.perf_counter()
            await one_row(store)
            ms.append((time.perf_counter() - began) * 1000)


@asynccontextmanager
async def on(
    name: str, new_url: Callable[[], Awaitable[str]]
) -> AsyncIterator[Callable[[Found, int], Awaitable[None]]]:
    """All that is measured on one kind of store, once."""
    async with AsyncExitStack() as stack:
        silent = await stack.enter_async_context(small_bot(await new_url()))
        telling = await stack.enter_async_context(small_bot(await new_url(), SlackAnnouncer()))
        await silent.store.tx(lambda c: c.execute(sa.text("create table bench (n integer)")))
        bots = {"the engine": silent, "the engine, with cards": telling}

        async def measure(found: Found, number: int) -> None:
            await alone(silent.store, found, f"{name}: one row committed")
            for who, bot in bots.items():
                await found.time(f"{name}: {who}", steps(bot, number))
                await clicks(bot, found, f"{name}: {who}")

        yield measure


async def bench() -> None:
    found = Found()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        new_on_server = await stack.enter_async_context(postgres())
        files = iter(range(9))

        async def new_file() -> str:
            return f"sqlite:///{folder / f'{next(files)}.db'}"

        stores = [
            await stack.enter_async_context(on("SQLite", new_file)),
            await stack.enter_async_context(on("PostgreSQL", new_on_server)),
        ]
        for number in range(ROUNDS):
            await found.time(FLOOR, bodies())
            await found.time("the runner alone", runner())
            for measure in stores:
                await measure(found, number)
    report(found)


def report(found: Found) -> None:
    floor = 1e6 / median(found.steps[FLOOR])
    lines = []
    for name, rates in found.steps.items():
        us = 1e6 / median(rates)
        lines.append([name, f"{median(rates):,.0f}", f"{us:,.0f}", f"{us - floor:,.0f}"])
    title = f"{RUNS} runs of {STEPS} steps at once, median of {ROUNDS}"
    aim = f"aim: {AIM_STEPS} steps/s on SQLite"
    print_table(f"{title} ({aim})", ["", "steps/s", "us a step", "above the bodies"], lines)
    lines = []
    for name, picks in found.picks.items():
        approvals = found.approvals[name]
        figures = (median(picks), p99(picks), median(approvals), p99(approvals))
        lines.append([name, *(f"{ms:.1f}" for ms in figures)])
    aim = f"aim: p99 below {AIM_MS:.0f} ms on SQLite, {AIM_POSTGRES_MS:.0f} ms on PostgreSQL"
    heads = ["ms until the next step", "pick p50", "p99", "approval p50", "p99"]
    title = f"Click to next step, {len(picks)} of each, one at a time"
    print_table(f"{title} ({aim})", heads, lines)


if __name__ == "__main__":
    asyncio.run(bench())
