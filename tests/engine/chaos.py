"""
Three replicas on one PostgreSQL; every moment one is killed, or stopped for longer than its
lease, or the database itself is away: every run ends, every change is made once, and none without
approval.

`python -m tests.engine.chaos --runs 200 --misfortunes 120 --seed 1` is the long run.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bot.engine.record import RunRecord
from bot.store.auditing import verdict_of
from bot.store.store import STORE_AWAY
from sandbox.postgres import Database
from tests.engine.chaos_bot import LASTS_S, SharedWorld, hurry
from tests.engine.small_world import DANA, RAVI, Bot, living_bot
from tests.engine.two_versions import stopped

REPLICAS = 3
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Fleet:
    def __init__(self, database: Database, folder: Path) -> None:
        url = database.admin_dsn
        self._command = [sys.executable, "-m", "tests.engine.chaos_bot", url, str(folder)]
        self._database = database
        self._living: list[asyncio.subprocess.Process] = []
        self.killed = self.stopped = self.outages = 0

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        started = await asyncio.create_subprocess_exec(*self._command, stdout=pipe)
        assert started.stdout and await started.stdout.readline() == b"ready\n"
        self._living.append(started)

    async def misfortune(self, dice: random.Random) -> None:
        what = dice.choices((self._kill, self._stop, self._outage), (5, 3, 2))
        await what[0](dice)

    async def _kill(self, dice: random.Random) -> None:
        victim = self._any(dice)
        victim.kill()
        await victim.wait()
        self.killed += 1
        await self.start()

    async def _stop(self, dice: random.Random) -> None:
        victim = self._any(dice)
        os.kill(victim.pid, signal.SIGSTOP)
        self.stopped += 1
        await asyncio.sleep(LASTS_S * dice.uniform(0.5, 2.5))
        os.kill(victim.pid, signal.SIGCONT)
        self._living.append(victim)

    async def _outage(self, dice: random.Random) -> None:
        await self._database.stop_writer()
        self.outages += 1
        await asyncio.sleep(LASTS_S * dice.uniform(0.2, 1.5))
        await self._database.start_writer()

    def _any(self, dice: random.Random) -> asyncio.subprocess.Process:
        return self._living.pop(dice.randrange(len(self._living)))

    async def end(self) -> None:
        for one in self._living:
            one.kill()
            await one.wait()


@asynccontextmanager
async def fleet_of(database: Database, folder: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(database, folder)
    try:
        for _ in range(REPLICAS):
            await fleet.start()
        yield fleet
    finally:
        await fleet.end()


async def lead(bot: Bot, number: int, approves: bool) -> RunRecord:
    """As people do, who type and press again when nothing comes of it."""
    while True:
        try:
            run_id = await bot.begin(f"k{number}", lamp=lamp(number))
            run = await bot.desk.record(run_id)
            assert run
            if run.status == "finished":
                return run
            await press(bot, run, approves)
        except STORE_AWAY:
            pass  # and they are told so
        await asyncio.sleep(0.1)


async def press(bot: Bot, run: RunRecord, approves: bool) -> None:
    desk, painting = bot.desk, run.steps["paint"]
    key = f"{run.id} {painting.attempt}"
    for one in run.approvals.values():
        if one.status == "pending":
            await desk.decide(one.id, RAVI, approves, "no", "", f"{one.id} decided")
    for question in run.questions.values():
        if question.kind == "unsure":
            await desk.resolve(question.id, RAVI, "stop", f"{question.id} resolved")
    if run.open_pick == "cure" and painting.status == "waiting":
        await desk.pick(run.id, "paint", DANA, f"pick {key}")
    elif run.open_pick == "cure" and painting.status in ("given", "denied", "nothing", "failed"):
        await desk.close(run.id, "cure", DANA, f"close {key}")


def lamp(number: int) -> str:
    return f"lamp{LETTERS[number // 26]}{LETTERS[number % 26]}"


async def chaos(folder: Path, runs: int, misfortunes: int, seed: int) -> str:
    """What happened; raises AssertionError when it was not what was approved."""
    dice, world = random.Random(seed), SharedWorld(folder / "world")
    hurry()
    async with AsyncExitStack() as stack:
        database = Database(organizations=0, with_replica=False)
        await stack.enter_async_context(database)
        fleet = await stack.enter_async_context(fleet_of(database, folder))
        bot = await stack.enter_async_context(living_bot(folder, world, database.admin_dsn))
        stopped(bot)  # people press here; what follows from it is the fleet's
        leading = [
            asyncio.create_task(lead(bot, number, is_approved(number))) for number in range(runs)
        ]
        for _ in range(misfortunes):
            await fleet.misfortune(dice)
        await asyncio.gather(*leading)
        assert (await bot.engine.store.read(verdict_of, [])).is_whole
    effects = Counter(effect for _, effect in world.made())
    for number in range(runs):
        assert effects[f"paint {lamp(number)} green"] == is_approved(number), number
    assert max(effects.values()) == 1
    befell = f"{fleet.killed} kills, {fleet.stopped} stops, {fleet.outages} outages"
    return f"{runs} runs, {befell}, {sum(effects.values())} effects, none twice"


def is_approved(number: int) -> bool:
    return number % 3 > 0


def main() -> None:
    parser = argparse.ArgumentParser(description="The long run of chaos.")
    for name, default in (("runs", 200), ("misfortunes", 120), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(chaos(Path(folder), told.runs, told.misfortunes, told.seed)))


if __name__ == "__main__":
    main()
