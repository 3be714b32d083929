"""
What 10,000 runs cost that wait for an approval: CPU while nothing happens, memory, and how long
somebody waits who approves one of them. Beside it, in the same run, a bot without them.

The bots are processes of their own with an outbox that is connected to a local Slack, on SQLite
and on PostgreSQL: all quiet at the same time, then clicked at, one click after another. A click's
time is from the desk being asked until the first look at what is to be changed; status is what
`/runbook status` reads. The runs are copies of one that the bot itself brought to its approval.
The server's CPU is that of PostgreSQL's processes for the bot. RSS has in it what only the
benchmark imports; what runs that wait add to it stands beside it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.copies import Template, multiply, template
from benchmarks.levers import SmallBot, small_bot
from benchmarks.measuring import Process, median, p99, postgres, print_table, process, workspace
from bot.slack.announcer import SlackAnnouncer
from sandbox.slack.workspace import Workspace

AIM_CPU, AIM_MIB = 1.0, 100.0
AIM_MS, AIM_POSTGRES_MS = 20.0, 50.0
WAITING, CLICKS, LOOKS = 10_000, 100, 20
SETTLES_S, QUIET_S = 5.0, 20.0
APART_S = 60.0  #: Between the starts of two runs.
#: When nobody waits: so many are brought to their approval for the clicks alone.
FEW = CLICKS
MIB = 2**20
LEVER = "the-lever"

Measured = Mapping[str, float]


async def measured(url: str, api_url: str, token: str) -> None:
    """Within the process that is measured: once it was quiet, and once it is told to go on."""
    began = time.perf_counter()
    async with small_bot(url, SlackAnnouncer(), (api_url, token)) as bot:
        told = {"start": time.perf_counter() - began}
        await asyncio.sleep(SETTLES_S)
        me = psutil.Process()
        cpu, server = _cpu_s(me), _server_cpu_s()
        await asyncio.sleep(QUIET_S)
        told["cpu"] = (_cpu_s(me) - cpu) / QUIET_S * 100
        told["server"] = (_server_cpu_s() - server) / QUIET_S * 100
        told["rss"] = me.memory_info().rss / MIB
        print(json.dumps(told), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        looks = [await looked(bot) for _ in range(LOOKS)]
        ms = [await clicked(bot) for _ in range(CLICKS)]
        told = {"status": median(looks), "p50": median(ms), "p99": p99(ms)}
        print(json.dumps(told), flush=True)


async def looked(bot: SmallBot) -> float:
    began = time.perf_counter()
    await bot.desk.recent(50, active=True)
    return (time.perf_counter() - began) * 1000


async def clicked(bot: SmallBot) -> float:
    """One of those that are shown as running, approved."""
    runs = await bot.desk.recent(1, active=True)
    lever, plan = str(runs[0].inputs["lever"]), next(iter(runs[0].approvals))
    ms = await bot.reaching(lever, bot.approves(plan, lever))
    await bot.finishes(runs[0].id, lever)
    return ms


def _cpu_s(one: psutil.Process) -> float:
    times = one.cpu_times()
    return float(times.user + times.system)


def _server_cpu_s() -> float:
    """Of PostgreSQL's processes that serve this one."""
    ours = {str(c.laddr.port) for c in psutil.Process().net_connections("tcp") if c.laddr}
    found = 0.0
    for one in psutil.process_iter(["cmdline"]):
        line = " ".join(one.info["cmdline"] or ())
        if line.startswith("postgres:") and any(f"({port})" in line for port in ours):
            found += _cpu_s(one)
    return found


async def waiting_template(slack: Workspace, folder: Path) -> Template:
    url = f"sqlite:///{folder / 'template.db'}"
    async with small_bot(url, SlackAnnouncer(), (slack.api_url, slack.bot_token)) as bot:
        run_id, _ = await bot.planned(LEVER)
        await bot.delivered()
        return await template(bot.store, run_id, LEVER)


async def measure(slack: Workspace, urls: Mapping[str, str]) -> Mapping[str, Measured]:
    """All are quiet at the same time, and clicked at one after another."""
    found: dict[str, Measured] = {}
    async with AsyncExitStack() as stack:
        bots = {}
        for name, url in urls.items():
            arguments = ["-m", "benchmarks.bench_waiting", url, slack.api_url, slack.bot_token]
            bots[name] = await stack.enter_async_context(process(arguments))
        quiet = {name: await _line(one) for name, one in bots.items()}
        for name, one in bots.items():
            assert one.stdin
            one.stdin.write(b"go on\n")
            found[name] = {**quiet[name], **await _line(one)}
    return found


async def _line(running: Process) -> Measured:
    assert running.stdout
    told: Measured = json.loads(await running.stdout.readline())
    return told


async def bench() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        slack = await stack.enter_async_context(workspace())
        new_on_server = await stack.enter_async_context(postgres())
        waiting, urls = await waiting_template(slack, folder), {}
        for count in (FEW, WAITING):
            urls[f"SQLite, {count:,} waiting"] = f"sqlite:///{folder / f'{count}.db'}"
            urls[f"PostgreSQL, {count:,} waiting"] = await new_on_server()
        for name, url in urls.items():
            count = WAITING if f" {WAITING:,} " in name else FEW
            await multiply(url, waiting, count, APART_S)
        report(await measure(slack, dict(sorted(urls.items()))))


def report(found: Mapping[str, Measured]) -> None:
    costs, clicks = [], []
    for name, one in found.items():
        few = found[name.replace(f"{WAITING:,}", f"{FEW:,}")]
        shares = [f"{one[what]:.2f} %" for what in ("cpu", "server")]
        more = f"{one['rss'] - few['rss']:+.1f}"
        costs.append([name, *shares, f"{one['rss']:.0f}", more, f"{one['start']:.2f}"])
        clicks.append([name, *(f"{one[what]:.1f}" for what in ("p50", "p99", "status"))])
    aim = f"aim: below {AIM_CPU:g} % of a core and {AIM_MIB:.0f} MiB in all"
    heads = ["", "CPU", "the server's", "RSS MiB", "more", "start s"]
    print_table(f"Runs that wait, {QUIET_S:.0f} quiet seconds ({aim})", heads, costs)
    aim = f"aim: p99 below {AIM_MS:.0f} ms on SQLite, {AIM_POSTGRES_MS:.0f} ms on PostgreSQL"
    heads = ["ms", "approval p50", "p99", "status p50"]
    print_table(f"Click to next step, {CLICKS} one at a time ({aim})", heads, clicks)


if __name__ == "__main__":
    asyncio.run(measured(*sys.argv[1:]) if sys.argv[1:] else bench())
