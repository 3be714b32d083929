"""
What 10,000 runs cost that wait for an approval: CPU while nothing happens, memory, and how long
somebody waits who approves one of them. Beside it, in the same run, a bot without them.

The bots are processes of their own with an outbox that is connected to a local Slack, on SQLite
and on PostgreSQL: all quiet at the same time, then clicked at, one click after another. A click's
time is from the desk being asked until the first look at what is to be changed; status is what
`/runbook status` reads. The runs are copies of one that the bot itself brought to its approval.
The server's CPU is that of PostgreSQL's processes for the bot. The bots beside them have as many
waiting as are clicked at.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.copies import Template, multiply, template
from benchmarks.measuring import Process, median, p99, postgres, print_table, process, workspace
from benchmarks.small_bot import small_bot
from benchmarks.waiting_bot import CLICKS, QUIET_S
from bot.slack.announcer import SlackAnnouncer
from sandbox.slack.workspace import Workspace

AIM_CPU, AIM_MIB = 1.0, 100.0
AIM_MS, AIM_POSTGRES_MS = 20.0, 50.0
WAITING = 10_000
APART_S = 60.0  #: Between the starts of two runs.
LEVER = "the-lever"

Told = Mapping[str, Any]


async def waiting_template(slack: Workspace, folder: Path) -> Template:
    url = f"sqlite:///{folder / 'template.db'}"
    async with small_bot(url, SlackAnnouncer(), (slack.api_url, slack.bot_token)) as bot:
        run_id, _ = await bot.planned(LEVER)
        await bot.delivered()
        return await template(bot.store, run_id, LEVER)


async def measure(slack: Workspace, urls: Mapping[str, str]) -> Mapping[str, Told]:
    """All are quiet at the same time, and clicked at one after another."""
    found: dict[str, Told] = {}
    async with AsyncExitStack() as stack:
        bots = {}
        for name, url in urls.items():
            arguments = ["-m", "benchmarks.waiting_bot", url, slack.api_url, slack.bot_token]
            bots[name] = await stack.enter_async_context(process(arguments))
        quiet = {name: await _line(one) for name, one in bots.items()}
        for name, one in bots.items():
            assert one.stdin
            one.stdin.write(b"go on\n")
            found[name] = {**quiet[name], **await _line(one)}
    return found


async def _line(running: Process) -> Told:
    assert running.stdout
    told: Told = json.loads(await running.stdout.readline())
    return told


async def bench() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        slack = await stack.enter_async_context(workspace())
        new_on_server = await stack.enter_async_context(postgres())
        waiting, urls = await waiting_template(slack, folder), {}
        for count in (CLICKS, WAITING):
            urls[f"SQLite, {count:,} waiting"] = f"sqlite:///{folder / f'{count}.db'}"
            urls[f"PostgreSQL, {count:,} waiting"] = await new_on_server()
        for name, url in urls.items():
            count = WAITING if f" {WAITING:,} " in name else CLICKS
            await multiply(url, waiting, count, APART_S)
        report(await measure(slack, dict(sorted(urls.items()))))


def report(found: Mapping[str, Told]) -> None:
    costs, clicks = [], []
    for name, one in found.items():
        few = found[name.replace(f"{WAITING:,}", f"{CLICKS:,}")]
        shares = [f"{one[what]:.2f} %" for what in ("cpu", "server")]
        more = f"{one['rss'] - few['rss']:+.1f}"
        costs.append([name, *shares, f"{one['rss']:.0f}", more, f"{one['start']:.2f}"])
        figures = median(one["clicks"]), p99(one["clicks"]), median(one["looks"])
        clicks.append([name, *(f"{ms:.1f}" for ms in figures)])
    aim = f"aim: below {AIM_CPU:g} % of a core and {AIM_MIB:.0f} MiB in all"
    heads = ["", "CPU", "the server's", "RSS MiB", "more", "start s"]
    print_table(f"Runs that wait, {QUIET_S:.0f} quiet seconds ({aim})", heads, costs)
    aim = f"aim: p99 below {AIM_MS:.0f} ms on SQLite, {AIM_POSTGRES_MS:.0f} ms on PostgreSQL"
    heads = ["ms", "approval p50", "p99", "status p50"]
    print_table(f"Click to next step, {CLICKS} one at a time ({aim})", heads, clicks)


if __name__ == "__main__":
    asyncio.run(bench())
