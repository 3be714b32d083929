"""
One bot for benchmarks/bench_history.py: `python -m benchmarks.history_bot URL API_URL TOKEN` tells
what it costs to start and to rest; then, for each lever that it reads the name of, it does what
people do and tells how long each took, in milliseconds.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping

import psutil

from benchmarks.small_bot import SmallBot, small_bot
from bot.engine.intents import Noted
from bot.slack.announcer import SlackAnnouncer
from bot.slack.listeners.browsing import LOOKED_THROUGH

SETTLES_S, QUIET_S = 3.0, 10.0
MIB = 2**20


async def live(url: str, api_url: str, token: str) -> None:
    began = time.perf_counter()
    async with small_bot(url, SlackAnnouncer(), (api_url, token)) as bot:
        started_s = time.perf_counter() - began
        await asyncio.sleep(SETTLES_S)
        me = psutil.Process()
        rss, cpu_s = me.memory_info().rss / MIB, _cpu_s(me)
        await asyncio.sleep(QUIET_S)
        tell(start=started_s, rss=rss, cpu=(_cpu_s(me) - cpu_s) / QUIET_S * 100)
        while lever := (await asyncio.to_thread(sys.stdin.readline)).strip():
            tell(**await use(bot, lever))


def tell(**told: float) -> None:
    print(json.dumps(told), flush=True)


async def use(bot: SmallBot, lever: str) -> Mapping[str, float]:
    """One run from its start to its end, looked at while it waits."""
    told: dict[str, float] = {}

    async def begin() -> None:
        assert isinstance(await bot.desk.note_start(bot.intent("RB-B-001", lever)), Noted)
        await bot.begin("RB-B-001", lever)

    async def status() -> None:
        await bot.desk.recent(LOOKED_THROUGH, active=True)
        await bot.desk.freezes()
        await bot.desk.reviews()

    told["begin"] = await timed(begin)
    (run,) = await bot.desk.recent(1)
    await bot.until(run.id, lambda run: run.open_pick == "act")
    told["pick"] = await bot.reaching(lever, bot.picks(run.id, lever))
    run = await bot.until(run.id, lambda run: bool(run.approvals))
    told["status"] = await timed(status)
    told["one"] = await timed(lambda: bot.desk.record(run.id))
    told["list"] = await timed(lambda: bot.desk.recent(LOOKED_THROUGH))
    approves = bot.approves(next(iter(run.approvals)), lever)
    told["approve"] = await bot.reaching(lever, approves)
    await bot.finishes(run.id, lever)
    return told


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


def _cpu_s(one: psutil.Process) -> float:
    times = one.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    asyncio.run(live(*sys.argv[1:]))
