"""
Three replicas on one PostgreSQL; every moment one is killed, or stopped for longer than its
lease: every run ends, every change is made once, and none without approval.
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.engine.intents import Refusal
from bot.engine.record import RunRecord
from bot.store.auditing import verdict_of
from tests.engine.approval_sites import OnServer, postgres
from tests.engine.chaos_bot import LASTS_S, SharedWorld, hurry
from tests.engine.small_world import DANA, LENA, RAVI, Bot, living_bot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REPLICAS, RUNS, MISFORTUNES = 3, 12, 10
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def server() -> Iterator[OnServer]:
    with postgres() as running:
        yield running


@pytest.fixture
def url(server: OnServer) -> str:
    return server.new_url()


class Fleet:
    def __init__(self, url: str, folder: Path) -> None:
        self._command = [sys.executable, "-m", "tests.engine.chaos_bot", url, str(folder)]
        self._living: list[asyncio.subprocess.Process] = []
        self.killed = self.stopped = 0

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        started = await asyncio.create_subprocess_exec(*self._command, stdout=pipe)
        assert started.stdout and await started.stdout.readline() == b"ready\n"
        self._living.append(started)

    async def misfortune(self, dice: random.Random) -> None:
        victim = self._living.pop(dice.randrange(len(self._living)))
        if dice.random() < 0.6:
            victim.kill()
            await victim.wait()
            self.killed += 1
            return await self.start()
        os.kill(victim.pid, signal.SIGSTOP)
        self.stopped += 1
        await asyncio.sleep(LASTS_S * dice.uniform(0.5, 2.5))
        os.kill(victim.pid, signal.SIGCONT)
        self._living.append(victim)

    async def end(self) -> None:
        for one in self._living:
            one.kill()
            await one.wait()


@asynccontextmanager
async def fleet_of(url: str, folder: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(url, folder)
    try:
        for _ in range(REPLICAS):
            await fleet.start()
        yield fleet
    finally:
        await fleet.end()


async def lead(desk: Bot, number: int, approves: bool) -> RunRecord:
    """As people do, who press again when nothing seems to come of it."""
    run_id = await desk.begin(f"k{number}", lamp=f"lamp{LETTERS[number]}")
    while True:
        run = await desk.desk.record(run_id)
        assert run
        if run.status in ("finished", "cancelled"):
            return run
        for one in run.approvals.values():
            if one.status == "pending":
                who = RAVI if number % 2 else LENA
                await desk.desk.decide(one.id, who, approves, "no", "", f"{one.id} decided")
        for question in run.questions.values():
            if question.kind == "unsure":
                await desk.desk.resolve(question.id, RAVI, "stop", f"{question.id} resolved")
        if run.open_pick == "cure":
            key = f"{run_id} {run.steps['paint'].attempt}"
            if run.steps["paint"].status == "waiting":
                await desk.desk.pick(run_id, "paint", DANA, f"pick {key}")
            elif run.steps["paint"].status in ("given", "denied", "nothing", "failed"):
                closed = await desk.desk.close(run_id, "cure", DANA, f"close {key}")
                assert closed or isinstance(closed, Refusal)
        await asyncio.sleep(0.1)


async def test_whatever_befalls_replicas_every_run_ends_and_each_change_is_made_once(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(4)
    hurry()
    world = SharedWorld(tmp_path / "world")
    async with fleet_of(url, tmp_path) as fleet, living_bot(tmp_path, world, url) as desk:
        leading = [
            asyncio.create_task(lead(desk, number, approves=number % 3 > 0))
            for number in range(RUNS)
        ]
        for _ in range(MISFORTUNES):
            await fleet.misfortune(dice)
        runs = await asyncio.gather(*leading)
        assert (await desk.engine.store.read(verdict_of, [])).is_whole
    effects = Counter(effect for _, effect in world.made())
    for number, run in enumerate(runs):
        expected = int(number % 3 > 0)
        assert effects[f"paint lamp{LETTERS[number]} green"] == expected, (number, run)
    assert max(effects.values()) == 1
    print(
        f"{RUNS} runs, {fleet.killed} kills, {fleet.stopped} stops, {sum(effects.values())} made"
    )
