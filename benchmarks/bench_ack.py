"""
How long `/runbook RB-INC-001 brief_desc=...` waits for its acknowledgement, beside bare Bolt, that
only acks, and beside bare Bolt that commits one row first: the least that makes an ack durable.

All are processes of their own, connected by Socket Mode to local workspaces of this process; the
rest of the company is a process of its own too. Time is from the payload leaving the workspace to
the ack being read there. Slack's Web API and AWS answer the bot after 100 ms, as they do when they
are not on the same machine.

In each round a new bot gets commands one after another, each when the run before it has diagnosed
and waits for people, and then fifty at once by fifty people. At the last ack it is killed with
SIGKILL, and its file is asked how many of the acknowledged commands are in it.
"""

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.measuring import (
    FAR_S,
    bare_bolt,
    bot,
    company,
    disconnected,
    median,
    p99,
    print_table,
    set_up,
    workspace,
)
from bot.slack.views import names
from sandbox.slack.faults import FOREVER
from sandbox.slack.workspace import Workspace

AIM_MS = 50.0
ROUNDS, ONE_BY_ONE, AT_ONCE = 5, 20, 50
PATIENCE_S = 60.0
CROWD = tuple(f"U0CROWD{n:02}" for n in range(AT_ONCE))


@dataclass
class Acks:
    """Milliseconds; `lost` were acknowledged and are not in the store."""

    single: list[float] = field(default_factory=list)
    crowd: list[float] = field(default_factory=list)
    kept: int = 0
    lost: int = 0


def gather_crowd(slack: Workspace) -> None:
    for user in CROWD:
        slack.add_person(user, user.lower(), groups=["S0OPERATORS"])
    slack.channel("C0GENERAL").members.extend(CROWD)


async def measure(slack: Workspace, acks: Acks, name: str, runs: bool = False) -> int:
    """How many were acknowledged. `runs`: each begins a run, which comes to its pick."""
    for number in range(ONE_BY_ONE):
        acks.single.append(await command(slack, "U0DANA", f"{name}-{number}"))
        if runs:
            await slack.wait_for(partial(waits_for_people, slack, f"{name}-{number}"), PATIENCE_S)
    crowd = [command(slack, user, f"{name}-c{n}") for n, user in enumerate(CROWD)]
    acks.crowd += await asyncio.gather(*crowd)
    return ONE_BY_ONE + AT_ONCE


def waits_for_people(slack: Workspace, name: str) -> bool:
    """Whether the card in the channel of this name offers to finish."""
    found = [one for one in slack.channels() if one.name.endswith(name)]
    return any(names.CLOSE in str(card) for one in found for card in slack.messages(one.id))


async def command(slack: Workspace, user: str, desc: str) -> float:
    ack = await slack.command(user, "C0GENERAL", "/runbook", f"RB-INC-001 brief_desc={desc}")
    assert ack.acked, ack
    return ack.ms


async def real_round(slack: Workspace, around: Mapping[str, str], acks: Acks, n: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "bot.db"
        async with bot(set_up(slack, around, store), slack) as running:
            acked = await measure(slack, acks, f"r{n}", runs=True)
            running.kill()
            await running.wait()
        kept = in_store(store)
        acks.kept += kept
        acks.lost += acked - kept
    await disconnected(slack)


def in_store(store: Path) -> int:
    """Commands of ours that the file has, as runs or as starts that were noted."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        query = (
            "select count(*) from (select key from events where key like 'start:%'"
            " union select 'start:' || key from starts)"
        )
        return int(connection.execute(query).fetchone()[0])


async def bench() -> None:
    bare, row, real = Acks(), Acks(), Acks()
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = await stack.enter_async_context(company(folder))
        ours, quiet, noting = [await stack.enter_async_context(workspace()) for _ in range(3)]
        for slack in (ours, quiet, noting):
            gather_crowd(slack)
        ours.faults.delay("*", FAR_S, times=FOREVER)
        await stack.enter_async_context(bare_bolt(quiet))
        await stack.enter_async_context(bare_bolt(noting, str(folder / "notes.db")))
        for n in range(ROUNDS):
            await measure(quiet, bare, f"b{n}")
            await measure(noting, row, f"n{n}")
            await real_round(ours, around, real, n)
    report({"bare Bolt": bare, "bare Bolt, one row committed": row, "the bot": real})


def report(found: Mapping[str, Acks]) -> None:
    rows = [[who, *_figures(acks.single), *_figures(acks.crowd)] for who, acks in found.items()]
    heads = ["ms until the ack", "one p50", "p99", f"{AT_ONCE} p50", "p99"]
    title = f"Acknowledgement of a start, one at a time and {AT_ONCE} at once"
    print_table(f"{title} (aim: p99 below {AIM_MS:.0f} ms)", heads, rows)
    real = found["the bot"]
    samples = f"n = {len(real.single)} and {len(real.crowd)} for each"
    print(f"  {samples}. Killed at the last ack: {real.kept} commands kept, {real.lost} lost\n")


def _figures(ms: Sequence[float]) -> list[str]:
    return [f"{median(ms):.1f}", f"{p99(ms):.1f}"]


if __name__ == "__main__":
    asyncio.run(bench())
