"""
A rolling update with real processes: three bots of the old version are killed one by one, each
after one of the new version began, while runs are in every phase. All of them end, and nothing is
done twice.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.engine import engine, leases, versions
from bot.engine.record import RunRecord
from bot.store import postgres
from bot.store.auditing import verdict_of
from bot.store.store import STORE_AWAY
from tests.engine.chaos import press
from tests.engine.chaos_bot import SharedWorld
from tests.engine.rolling_bot import VERSIONS, hurry
from tests.engine.small_world import DANA, RAVI, Bot, living_bot
from tests.engine.two_versions import stopped

pytestmark = pytest.mark.slow

REPLICAS = 3


class Bots:
    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._living: list[asyncio.subprocess.Process] = []

    async def start(self, version: str) -> None:
        command = [sys.executable, "-m", "tests.engine.rolling_bot"]
        one = await asyncio.create_subprocess_exec(
            *command, self._url, str(self._folder), version, stdout=asyncio.subprocess.PIPE
        )
        self._living.append(one)
        assert one.stdout and await one.stdout.readline() == b"ready\n"

    async def kill_the_oldest(self) -> None:
        oldest = self._living.pop(0)
        oldest.kill()
        await oldest.wait()

    async def end(self) -> None:
        while self._living:
            await self.kill_the_oldest()


@asynccontextmanager
async def front(url: str, folder: Path, version: str) -> AsyncIterator[Bot]:
    """Where people press. What follows from it the processes do."""
    world = SharedWorld(folder / "world")
    async with living_bot(folder, world, url, book=VERSIONS[version]) as bot:
        stopped(bot)
        looking = asyncio.create_task(_look_again(bot))
        yield bot
        looking.cancel()


async def _look_again(bot: Bot) -> None:
    """Nobody says when another process has moved a run."""
    while True:
        bot.changed.set()
        await asyncio.sleep(0.2)


class People:
    """They press whatever a run asks for, now on the one version and now on the other."""

    def __init__(self, *fronts: Bot) -> None:
        self._fronts = fronts

    async def lead(self, run_ids: Iterable[str]) -> list[RunRecord]:
        return list(await asyncio.gather(*map(self._to_its_end, run_ids)))

    async def _to_its_end(self, run_id: str) -> RunRecord:
        turn = 0
        while True:
            bot, turn = self._fronts[turn % len(self._fronts)], turn + 1
            with suppress(*STORE_AWAY):  # they press again
                run = await bot.desk.record(run_id)
                assert run
                if run.status == "finished":
                    return run
                await self._press(bot, run)
            await asyncio.sleep(0.3)

    async def _press(self, bot: Bot, run: RunRecord) -> None:
        await press(bot, run, approves=True)
        for one in run.questions.values():
            if one.kind == "gone":
                await bot.desk.answer(one.id, DANA, {"then": "without"}, one.id)
        for key in run.held:
            await bot.desk.go_on(run.id, key, DANA, f"{run.id} {key} {run.steps[key].attempt}")


PHASES = ("picking", "planned", "approved", "watching")


async def in_phase(bot: Bot, name: str, phase: str) -> str:
    """A run that is brought as far."""
    run_id = await bot.begin(name, lamp=name)
    await bot.until(run_id, lambda run: run.open_pick == "cure")
    if phase == "picking":
        return run_id
    plan = await bot.planned(run_id)
    if phase == "planned":
        return run_id
    await bot.desk.decide(plan, RAVI, True, "", "", f"yes {run_id}")
    if phase == "watching":
        await bot.until(run_id, lambda run: run.steps["painted"].status == "ok")
        await bot.desk.close(run_id, "cure", DANA, f"close {run_id}")
        await bot.until(run_id, lambda run: run.steps["dawn"].status == "working")
    return run_id


@pytest.mark.timeout(300)
async def test_a_rolling_update_ends_every_run_and_does_nothing_twice(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = ((leases, "LASTS_S"), (leases, "SEEN_EVERY_S"), (engine, "SWEEP_EVERY_S"))
    for module, name in (*hurried, (versions, "LEFT_FOR_LEASES"), (postgres, "CONNECTIONS")):
        monkeypatch.setattr(module, name, getattr(module, name))
    hurry()
    bots, world = Bots(url, tmp_path), SharedWorld(tmp_path / "world")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(bots.end)
        old = await stack.enter_async_context(front(url, tmp_path, "old"))
        new = await stack.enter_async_context(front(url, tmp_path, "new"))
        await asyncio.gather(*(bots.start("old") for _ in range(REPLICAS)))
        names = dict(zip("abcd", PHASES, strict=True))
        runs = await asyncio.gather(*(in_phase(old, *one) for one in names.items()))
        people = asyncio.create_task(People(old, new).lead(runs))
        later = {}
        for name in ("k", "l", "m"):
            await bots.start("new")
            later[name] = await new.begin(name, lamp=name)
            await bots.kill_the_oldest()
        last = await old.begin("z", lamp="z")
        others = asyncio.create_task(People(new).lead([*later.values(), last]))
        world.make("paint dawn green", "dawn")
        ended = {run.id: run for run in (*await people, *await others)}
        assert (await new.engine.store.read(verdict_of, [])).is_whole
    effects = Counter(effect for _, effect in world.made())
    assert max(effects.values()) == 1
    assert {f"paint {name} green" for name in (*names, *later, "z")} <= set(effects)
    assert {run.steps["dawn"].status for run in ended.values()} == {"ok"}
    assert {ended[run].steps["cellar"].status for run in later.values()} == {"ok"}
    assert ended[last].steps["attic"].says.startswith("Left out, says dana. This version of")
