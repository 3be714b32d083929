"""
One replica of the chaos test: `python -m tests.engine.chaos_bot URL FOLDER` works until it is
killed. The world is a file that all replicas share: a line for each effect, with the key of the
call that made it; a call whose key is there already has no effect, as with AWS's client tokens.
"""

import asyncio
import fcntl
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from bot.engine import engine, leases, versions
from bot.engine.ended import ApplyTiming
from bot.runbook import Key, Runbook
from tests.engine.small_world import BOOK, World, living_bot

#: As in production, and four times as fast.
LASTS_S, SEEN_EVERY_S, SWEEP_EVERY_S = 1.0, 0.25, 0.5
TIMING = ApplyTiming(call_limit=0.6, settle=0.2, look_every=0.1, applying_limit=5)
LONGEST_CALL_S, LOST = 0.2, 0.1  #: Seconds; and of all calls, whose answers never come.


class Delay(asyncio.Event):
    """What a call waits for."""

    async def wait(self) -> bool:  # type: ignore[override]
        await asyncio.sleep(random.uniform(0, LONGEST_CALL_S))
        return True


class SharedWorld(World):
    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file, self.hold = file, Delay()
        self.file.touch()
        self.lamps, self.said = _Lamps(self), _Said(self)

    def made(self) -> Iterator[tuple[str, str]]:
        """Each effect with its key, oldest first."""
        for line in self.file.read_text().splitlines():
            key, _, effect = line.partition("\t")
            yield key, effect

    def make(self, command: str, key: Key) -> None:
        with self.file.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not any(line.startswith(f"{key}\t") for line in file):
                file.write(f"{key}\t{command}\n")
        self.lose_answers = int(random.random() < LOST)


class _Lamps(dict[str, str]):
    """As the file has them: red until they are painted."""

    def __init__(self, world: SharedWorld) -> None:
        super().__init__()
        self._world = world

    def __getitem__(self, name: str) -> str:
        done = [effect.split() for _, effect in self._world.made()]
        return ["red", *(one[2] for one in done if one[:2] == ["paint", name])][-1]

    def __setitem__(self, name: str, color: str) -> None:
        """The file knows."""


class _Said(set[str]):
    def __init__(self, world: SharedWorld) -> None:
        super().__init__()
        self._world = world

    def __contains__(self, text: object) -> bool:
        return f"say {text}" in [effect for _, effect in self._world.made()]


def hurry() -> None:
    leases.LASTS_S, leases.SEEN_EVERY_S = LASTS_S, SEEN_EVERY_S
    engine.SWEEP_EVERY_S = SWEEP_EVERY_S
    versions.LEFT_FOR_LEASES = 1


async def work(url: str, folder: Path, book: Runbook = BOOK) -> None:
    hurry()
    async with living_bot(folder, SharedWorld(folder / "world"), url, book=book, timing=TIMING):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
