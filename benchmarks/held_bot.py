"""
One life of a bot for benchmarks/bench_recovery.py, which ends by a kill:
`python -m benchmarks.held_bot URL [begins]` tells when it has imported what it needs, when it has
started, and when the first and the last of the runs that hold on to something are under way, which
with `begins` it begins itself. A line of JSON each, in seconds since the epoch.
"""

import asyncio
import json
import sys
import time

from benchmarks.small_bot import small_bot
from bot.slack.announcer import SlackAnnouncer

IN_FLIGHT = 50


def tell(**told: float) -> None:
    print(json.dumps(told), flush=True)


async def live(url: str, *begins: str) -> None:
    tell(imported=time.time())
    async with small_bot(url, SlackAnnouncer()) as bot:
        tell(started=time.time())
        for number in range(IN_FLIGHT if begins else 0):
            await bot.begin("RB-B-002", f"hold-{number}")
        while len(bot.levers.holding) < IN_FLIGHT:
            bot.levers.came.clear()
            await bot.levers.came.wait()
        tell(first=min(bot.levers.holding), all=max(bot.levers.holding))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live(*sys.argv[1:]))
