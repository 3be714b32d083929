"""
How long a step goes on after somebody has cancelled its run at another replica.

Two bots on one PostgreSQL: the one is in the middle of a check, the run is cancelled at the other,
and what is told is the time from the press until the check is cut. Beside it the same at one bot
alone, and a bare notification from one connection of PostgreSQL to another.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import asyncpg

from benchmarks.measuring import median, p99, postgres, print_table
from benchmarks.small_bot import DANA, SmallBot, small_bot
from bot.engine.intents import Noted

AIM_MS = 50.0
ROUNDS = 60


async def cut(at_work: SmallBot, pressed: SmallBot, number: int) -> float:
    """Milliseconds from the press until the step is cut."""
    run_id = await at_work.begin("RB-B-002", f"held-{id(pressed)}-{number}")
    async with asyncio.timeout(30):
        while not at_work.levers.holding:
            at_work.levers.came.clear()
            await at_work.levers.came.wait()
    at_work.levers.holding.clear()
    let_go = at_work.levers.let_go = asyncio.get_running_loop().create_future()
    began = time.perf_counter()
    said = await pressed.desk.cancel(run_id, DANA, f"cancel {run_id}")
    assert isinstance(said, Noted), said
    async with asyncio.timeout(30):
        let_go_at: float = await let_go
    return (let_go_at - began) * 1000


async def notified(url: str) -> Sequence[float]:
    """Milliseconds of a bare notification."""
    hears, says = await asyncpg.connect(url), await asyncpg.connect(url)
    found, came = [], asyncio.Event()
    await hears.add_listener("bench", lambda *_: came.set())
    for _ in range(ROUNDS):
        came.clear()
        began = time.perf_counter()
        await says.execute("notify bench")
        await came.wait()
        found.append((time.perf_counter() - began) * 1000)
    await hears.close()
    await says.close()
    return found


async def bench() -> None:
    async with AsyncExitStack() as stack:
        url = await (await stack.enter_async_context(postgres()))()
        one, other = [await stack.enter_async_context(small_bot(url)) for _ in range(2)]
        floor = await notified(url)
        alone = [await cut(one, one, number) for number in range(ROUNDS)]
        across = [await cut(one, other, number) for number in range(ROUNDS)]
    rows = [
        _row("a bare notification", floor),
        _row("cancelled where it runs", alone),
        _row("cancelled at another replica", across),
    ]
    title = f"from the press until the step is cut, {ROUNDS} each (aim: {AIM_MS:g} ms)"
    print_table(title, ["milliseconds", "p50", "p99"], rows)


def _row(name: str, found: Sequence[float]) -> list[str]:
    return [name, f"{median(found):.1f}", f"{p99(found):.1f}"]


if __name__ == "__main__":
    asyncio.run(bench())
