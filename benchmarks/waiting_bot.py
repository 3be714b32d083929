"""
One bot for benchmarks/bench_waiting.py: `python -m benchmarks.waiting_bot URL API_URL TOKEN` is
quiet for a while and tells what that cost; once it reads a line, it is looked and clicked at.
"""

import asyncio
import json
import sys
import time

import psutil

from benchmarks.small_bot import SmallBot, small_bot
from bot.slack.announcer import SlackAnnouncer

CLICKS, LOOKS = 100, 20
SETTLES_S, QUIET_S = 5.0, 20.0
MIB = 2**20


async def live(url: str, api_url: str, token: str) -> None:
    began = time.perf_counter()
    async with small_bot(url, SlackAnnouncer(), (api_url, token)) as bot:
        started_s = time.perf_counter() - began
        await asyncio.sleep(SETTLES_S)
        cpu, server = _cpu_s(psutil.Process()), _server_cpu_s()
        await asyncio.sleep(QUIET_S)
        quiet = {
            "start": started_s,
            "cpu": (_cpu_s(psutil.Process()) - cpu) / QUIET_S * 100,
            "server": (_server_cpu_s() - server) / QUIET_S * 100,
            "rss": psutil.Process().memory_info().rss / MIB,
        }
        print(json.dumps(quiet), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        looks = [await looked(bot) for _ in range(LOOKS)]
        clicks = [await clicked(bot) for _ in range(CLICKS)]
        print(json.dumps({"looks": looks, "clicks": clicks}), flush=True)


async def looked(bot: SmallBot) -> float:
    began = time.perf_counter()
    await bot.desk.recent(50, active=True)
    return (time.perf_counter() - began) * 1000


async def clicked(bot: SmallBot) -> float:
    """The newest of those that wait is approved."""
    (run,) = await bot.desk.recent(1, active=True)
    lever, plan = str(run.inputs["lever"]), next(iter(run.approvals))
    ms = await bot.reaching(lever, bot.approves(plan, lever))
    await bot.finishes(run.id, lever)
    return ms


def _cpu_s(one: psutil.Process) -> float:
    times = one.cpu_times()
    return float(times.user + times.system)


def _server_cpu_s() -> float:
    """Of PostgreSQL's processes that serve this one."""
    ours = [f"({c.laddr.port})" for c in psutil.Process().net_connections("tcp") if c.laddr]
    return sum(
        _cpu_s(one)
        for one in psutil.process_iter(["cmdline"])
        if (line := " ".join(one.info["cmdline"] or ())).startswith("postgres:")
        and any(port in line for port in ours)
    )


if __name__ == "__main__":
    asyncio.run(live(*sys.argv[1:]))
