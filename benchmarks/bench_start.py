"""
How long the bot takes to start and how much memory it then has, beside a bare Bolt process.

Each is a Python of its own, started in turn with the others. Time is from the start of the process
to its Socket Mode connection as the local workspace sees it. RSS is what the system holds for it,
USS what would be free again if it ended; both are read some seconds later, when it is idle.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from benchmarks.measuring import (
    Process,
    bare_bolt,
    bot,
    company,
    disconnected,
    median,
    print_table,
    set_up,
    workspace,
)
from sandbox.slack.workspace import Workspace

ROUNDS = 7
IDLE_S = 3.0
MIB = 2**20


@dataclass
class Starts:
    seconds: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    uss: list[float] = field(default_factory=list)


async def start(
    started: Callable[[Workspace], AbstractAsyncContextManager[Process]],
    slack: Workspace,
    starts: Starts,
) -> None:
    began = time.perf_counter()
    async with started(slack) as running:
        starts.seconds.append(time.perf_counter() - began)
        await asyncio.sleep(IDLE_S)
        memory = psutil.Process(running.pid).memory_full_info()
        starts.rss.append(memory.rss / MIB)
        starts.uss.append(memory.uss / MIB)
    await disconnected(slack)


async def bench() -> None:
    bare, new, again = Starts(), Starts(), Starts()
    with tempfile.TemporaryDirectory() as folder:
        async with company(Path(folder)) as around, workspace() as slack:
            for n in range(ROUNDS):
                ours = partial(bot, set_up(slack, around, Path(folder) / f"{n}.db"))
                await start(bare_bolt, slack, bare)
                await start(ours, slack, new)
                await start(ours, slack, again)
    report({"bare Bolt": bare, "the bot, with a new store": new, "the bot, once more": again})


def report(found: Mapping[str, Starts]) -> None:
    floor = next(iter(found.values()))
    rows = []
    for name, starts in found.items():
        pairs = (
            (f"{median(starts.seconds):.2f}", starts.seconds, floor.seconds),
            (f"{median(starts.rss):.0f}", starts.rss, floor.rss),
            (f"{median(starts.uss):.0f}", starts.uss, floor.uss),
        )
        row = [name]
        for figure, ours, bare in pairs:
            row += [figure, f"{median(ours) / median(bare):.1f}x"]
        rows.append(row)
    title = f"Start and memory (median of {ROUNDS} starts each; measured, without an aim)"
    print_table(title, ["", "s", "", "RSS MiB", "", "USS MiB", ""], rows)


if __name__ == "__main__":
    asyncio.run(bench())
