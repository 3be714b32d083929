"""
How long `/runbook RB-INC-001 brief_desc=...` waits for its acknowledgement, beside bare Bolt.

Both are processes of their own, connected by Socket Mode to local workspaces of this process; the
rest of the company is a process of its own too. Time is from the payload leaving the workspace to
the ack being read there. Slack's Web API and AWS answer the bot after 100 ms, as they do when they
are not on the same machine.

In each round a new bot gets commands one after another, each while the runs before it are at work,
and then fifty at once by fifty people. At the last ack it is killed with SIGKILL, and its file is
asked how many of the acknowledged commands are in it.
"""

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from sandbox.slack.faults import FOREVER
from sandbox.slack.workspace import Workspace

AIM_MS = 50.0
ROUNDS, ONE_BY_ONE, AT_ONCE = 5, 20, 50
PAUSE_S = 0.5  #: Between one command and the next.
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


async def measure(slack: Workspace, acks: Acks, name: str) -> int:
    """How many were acknowledged."""
    for number in range(ONE_BY_ONE):
        acks.single.append(await command(slack, "U0DANA", f"{name}-{number}"))
        await asyncio.sleep(PAUSE_S)
    crowd = [command(slack, user, f"{name}-c{n}") for n, user in enumerate(CROWD)]
    acks.crowd += await asyncio.gather(*crowd)
    return ONE_BY_ONE + AT_ONCE


async def command(slack: Workspace, user: str, desc: str) -> float:
    ack = await slack.command(user, "C0GENERAL", "/runbook", f"RB-INC-001 brief_desc={desc}")
    assert ack.acked, ack
    return ack.ms


async def real_round(slack: Workspace, around: Mapping[str, str], acks: Acks, n: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "bot.db"
        async with bot(set_up(slack, around, store), slack) as running:
            acked = await measure(slack, acks, f"r{n}")
            running.kill()
            await running.wait()
        kept = in_store(store)
        acks.kept += kept
        acks.lost += acked - kept
    await disconnected(slack)


def in_store(store: Path) -> int:
    """Commands of ours that the file has, as runs or as starts that were noted."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        query = "select count(*) from events where key like 'start:%'"
        return int(connection.execute(query).fetchone()[0])


async def bench() -> None:
    bare, real = Acks(), Acks()
    with tempfile.TemporaryDirectory() as folder:
        async with company(Path(folder)) as around, workspace() as slack, workspace() as quiet:
            gather_crowd(slack)
            gather_crowd(quiet)
            slack.faults.delay("*", FAR_S, times=FOREVER)
            async with bare_bolt(quiet):
                for n in range(ROUNDS):
                    await measure(quiet, bare, f"b{n}")
                    await real_round(slack, around, real, n)
    report(bare, real)


def report(bare: Acks, real: Acks) -> None:
    def row(what: str, floor: Sequence[float], ours: Sequence[float]) -> list[str]:
        figures = [median(floor), median(ours), p99(floor), p99(ours)]
        return [what, str(len(ours)), *(f"{one:.1f}" for one in figures)]

    heads = ["ms until the ack", "n", "bare p50", "bot p50", "bare p99", "bot p99"]
    rows = [row("one at a time", bare.single, real.single)]
    rows += [row(f"{AT_ONCE} at once", bare.crowd, real.crowd)]
    print_table(f"Acknowledgement of a start (aim: p99 below {AIM_MS:.0f} ms)", heads, rows)
    print(f"  Killed at the last ack: {real.kept} commands are in the store, {real.lost} are lost")


if __name__ == "__main__":
    asyncio.run(bench())
