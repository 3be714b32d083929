"""
How long 1,000 runs stand still when their bot is killed with SIGKILL: 950 wait for an approval,
and 50 are in the middle of a step.

On SQLite the bot is started again at once. Told is when its process has imported all it needs,
which is what starting Python costs anybody, when it has opened its store and started, and when the
first and the last of the 50 steps are under way again. On PostgreSQL another replica runs
meanwhile: told is when it has the first and the last of them. The lease, which a replica that
stopped may still be living by, is the least that this can take. Every round kills the bot that has
the 50 now.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.copies import Template, multiply, template
from benchmarks.held_bot import IN_FLIGHT
from benchmarks.measuring import Process, median, postgres, print_table, process
from benchmarks.small_bot import small_bot
from bot.engine.leases import LASTS_S
from bot.slack.announcer import SlackAnnouncer

AIM_S, AIM_POSTGRES_S = 1.0, 5.0
WAITING = 950
ROUNDS = 7
APART_S = 60.0  #: Between the starts of two runs.
#: Seconds until the next kill, at most: it comes at any moment of a lease.
KILLED_WITHIN_S = 2.0
LEVER = "the-lever"
HELD_BOT = ("-m", "benchmarks.held_bot")

#: What happened when, in seconds since the epoch.
Told = Mapping[str, float]


async def read(running: Process, lines: int) -> Told:
    assert running.stdout
    told: dict[str, float] = {}
    for _ in range(lines):
        told |= json.loads(await running.stdout.readline())
    return told


async def waiting_template(folder: Path) -> Template:
    async with small_bot(f"sqlite:///{folder / 'template.db'}", SlackAnnouncer()) as bot:
        run_id, _ = await bot.planned(LEVER)
        return await template(bot.store, run_id, LEVER)


async def killed(running: Process) -> float:
    """When."""
    await asyncio.sleep(random.uniform(0, KILLED_WITHIN_S))
    at = time.time()
    running.kill()
    await running.wait()
    return at


async def restarted(url: str) -> Sequence[Told]:
    """Seconds after each kill."""
    found = []
    async with AsyncExitStack() as stack:
        start = _starting(stack, url)
        running = await start("begins")
        await read(running, 3)
        for _ in range(ROUNDS):
            at = await killed(running)
            running = await start()
            found.append({what: when - at for what, when in (await read(running, 3)).items()})
    return found


async def taken_over(url: str) -> Sequence[Told]:
    """As `restarted`; the other one is there before the kill."""
    found = []
    async with AsyncExitStack() as stack:
        start = _starting(stack, url)
        running = await start("begins")
        await read(running, 3)
        for _ in range(ROUNDS):
            other = await start()
            await read(other, 2)
            at = await killed(running)
            found.append({what: when - at for what, when in (await read(other, 1)).items()})
            running = other
    return found


def _starting(stack: AsyncExitStack, url: str) -> Callable[..., Awaitable[Process]]:
    async def start(*begins: str) -> Process:
        return await stack.enter_async_context(process([*HELD_BOT, url, *begins]))

    return start


async def bench() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        file = f"sqlite:///{folder / 'bot.db'}"
        server = await (await stack.enter_async_context(postgres()))()
        waiting = await waiting_template(folder)
        for url in (file, server):
            await multiply(url, waiting, WAITING, APART_S)
        again, over = await restarted(file), await taken_over(server)
    whats = {"imported": "its imports", "started": "started", "first": "first", "all": "all"}
    title = f"{WAITING + IN_FLIGHT:,} runs, {IN_FLIGHT} in flight, {ROUNDS} kills each"
    aim = f"aim: all move below {AIM_S:g} s on SQLite, {AIM_POSTGRES_S:g} s on PostgreSQL"
    rows = [
        _row("SQLite, started again, median", again, whats, median),
        _row("SQLite, started again, longest", again, whats, max),
        _row("PostgreSQL, taken over, median", over, whats, median),
        _row("PostgreSQL, taken over, longest", over, whats, max),
        [f"the lease of {LASTS_S:g} s alone, longest", "", "", "", f"{LASTS_S:.2f}"],
    ]
    heads = ["seconds after the kill", *whats.values()]
    print_table(f"{title} ({aim})", heads, rows)


def _row(
    name: str,
    found: Sequence[Told],
    whats: Mapping[str, str],
    of: Callable[[Sequence[float]], float],
) -> list[str]:
    columns = [[one[what] for one in found if what in one] for what in whats]
    return [name, *(f"{of(column):.2f}" if column else "" for column in columns)]


if __name__ == "__main__":
    asyncio.run(bench())
