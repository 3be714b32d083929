"""
One life of a bot for the kill tests: `python -m tests.engine.killed_bot FOLDER POINT WHEN`.

It starts the lamp run (or goes on with it), approves whatever is asked as other people, and dies
by SIGKILL at its POINT-th transaction, `before` or `after` the commit; POINT 0 lives on to the
run's end. The world is a file that outlives it: one line for each effect.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.engine.intents import Refusal
from bot.engine.record import RunRecord
from bot.store.store import Store
from tests.engine.small_world import DANA, LENA, RAVI, Bot, World, living_bot

T = TypeVar("T")


class Mortal(Store):
    """Dies at its n-th transaction."""

    point, when, done = 0, "after", 0

    async def tx(self, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        Mortal.done += 1
        dies = Mortal.done == Mortal.point
        if dies and Mortal.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = await super().tx(run, *args, **kwargs)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


class Lasting(World):
    """A world that is a file. An effect is there once its line is."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.effects = _Lines(path)
        for line in self.effects:
            if line.startswith("paint"):
                _, lamp, self.lamps[lamp] = line.split()
            if line.startswith("say"):
                self.said.add(line.removeprefix("say "))


class _Lines(list[str]):
    def __init__(self, path: Path) -> None:
        super().__init__(path.read_text().splitlines() if path.exists() else [])
        self._path = path

    def append(self, line: str) -> None:
        super().append(line)
        with self._path.open("a") as file:
            file.write(line + "\n")


async def live(folder: Path) -> None:
    async with living_bot(folder, Lasting(folder / "world"), store=Mortal) as bot:
        run_id = await bot.begin()
        await bot.until(
            run_id, lambda run: run.open_pick == "cure" or bool(_pending(run)) or _far(run)
        )
        run = await _record(bot, run_id)
        if run.steps["paint"].status == "waiting":
            await bot.desk.pick(run_id, "paint", DANA, "pick")
        await bot.until(run_id, lambda run: bool(_pending(run)) or _far(run))
        for approval in _pending(await _record(bot, run_id)):
            for who in (RAVI, RAVI, LENA):  # pressed twice, and by somebody else as well
                await bot.desk.decide(approval, who, True, "", "", f"{who.user_id} {approval}")
        await bot.until(run_id, lambda run: run.steps["painted"].status == "ok" or _over(run))
        run = await bot.until(run_id, lambda run: run.open_pick == "cure" or _over(run))
        if not _over(run):
            answer = await bot.desk.close(run_id, "cure", DANA, "close")
            assert not isinstance(answer, Refusal), answer
        await bot.until(run_id, _over)


async def _record(bot: Bot, run_id: str) -> RunRecord:
    record = await bot.desk.record(run_id)
    assert record
    return record


def _pending(run: RunRecord) -> list[str]:
    return [one.id for one in run.approvals.values() if one.status == "pending"]


def _far(run: RunRecord) -> bool:
    return run.steps["paint"].status in ("applying", "given") or _over(run)


def _over(run: RunRecord) -> bool:
    return run.status == "finished"


if __name__ == "__main__":
    Mortal.point, Mortal.when = int(sys.argv[2]), sys.argv[3]
    asyncio.run(live(Path(sys.argv[1])))
    print(f"transactions {Mortal.done}")
