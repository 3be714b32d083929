"""
Where one example of the approval machine takes place: a loop with its own time, the world, the
town, a store, and the bots that live and die on it. One bot works and takes clicks; a replica
takes clicks only, for there are no leases yet that would keep two from taking work off each other.
"""

import asyncio
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from bot.store import store
from bot.store.store import Store
from tests.engine.approval_lives import Life, at
from tests.engine.approval_sites import Site
from tests.engine.approval_town import Town
from tests.engine.approval_world import World
from tests.engine.still_time import StillClock, StillLoop

Pressing = Sequence[asyncio.Task[None]]


class House:
    """`tally` counts what happened, over all examples. `story` is this one, line by line."""

    def __init__(self, site: Site, seed: int, tally: Counter[str]) -> None:
        dice = random.Random(seed)
        self._url = site.new_url()
        self._runner = asyncio.Runner(loop_factory=lambda: StillLoop(dice))
        loop = self._runner.get_loop()
        assert isinstance(loop, StillLoop)
        self.loop, self.tally = loop, tally
        self.clock = StillClock(loop)
        self.story: list[str] = []
        self.wrong: list[str] = []
        self._numbers, self._lives = itertools.count(1), itertools.count(1)
        self.world = World(loop, dice, self.tell, self.count)
        self.town = Town(loop, self.tell, self.count, self.clock.now)
        loop.set_exception_handler(self._unheard)
        self._together = patch.object(store, "TOGETHER_S", math.inf)  # not by a clock of its own
        self._together.start()
        self._runner.run(self._raise_up())

    def count(self) -> int:
        """Everything that happens has a number, in its order."""
        return next(self._numbers)

    def tell(self, line: str) -> None:
        self.story.append(f"{self.loop.time():9.3f}  {line}")

    def _unheard(self, _loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.wrong.append(f"nobody heard of: {context.get('message')} {error!r}")

    # Living and dying.

    async def _raise_up(self) -> None:
        self.store = Store(self._url)
        await at(self.loop, self.store, self.store.open())
        self.worker = self._life(works=True)
        self.replica = self._life(works=False)
        await self.worker.begin()

    def _life(self, works: bool) -> Life:
        number = next(self._lives)
        which = f"bot {number}" if works else f"replica {number}"
        return Life(which, self.store, self.world, self.town, self.clock, works)

    def restart(
        self, after_s: float, grace_s: float, press: Callable[[], Pressing] = tuple
    ) -> None:
        """All of it, so long after somebody pressed."""
        self.tally["restarts"] += 1
        self.tell(f"KILLED in {after_s:g} s, with {grace_s:g} s of grace; then started again")
        self._runner.run(self._restart(after_s, grace_s, press))

    async def _restart(
        self, after_s: float, grace_s: float, press: Callable[[], Pressing]
    ) -> None:
        pressing = press()
        await asyncio.sleep(after_s)
        for one in pressing:
            one.cancel()
        await asyncio.gather(*pressing, return_exceptions=True)
        if not grace_s:
            self.loop.cut()
        await self.worker.end(grace_s)
        await self.replica.end(0)
        await at(self.loop, self.store, self.store.close())
        await self._raise_up()

    def take_over(self, works_s: float, wakes_s: float) -> None:
        """The bot is frozen, another takes its place; then the first wakes, and dies."""
        self.tally["takeovers"] += 1
        self.tell(f"FROZEN for {works_s:g} s, awake for {wakes_s:g} s while another works")
        self._runner.run(self._take_over(works_s, wakes_s))

    async def _take_over(self, works_s: float, wakes_s: float) -> None:
        old = self.worker
        old.awake.clear()
        self.worker = self._life(works=True)
        await self.worker.begin()
        await asyncio.sleep(works_s)
        old.awake.set()
        await asyncio.sleep(wakes_s)
        await old.end(0)

    @contextmanager
    def unwritten(self) -> Iterator[None]:
        """Whatever the bot that works is about to write waits."""
        self.tell(f"what {self.worker.name} would write waits")
        self.worker.writes.clear()
        try:
            yield
        finally:
            self.worker.writes.set()

    def close(self) -> None:
        try:
            self._runner.run(self._close())
            self._runner.close()
        finally:
            self._together.stop()

    async def _close(self) -> None:
        await self.worker.end(0)
        await self.replica.end(0)
        await at(self.loop, self.store, self.store.close())

    # Time.

    def wait(self, seconds: float) -> None:
        self._runner.run(asyncio.sleep(seconds))

    def set_the_clock(self, seconds: float) -> None:
        self.clock.ahead += seconds
        self.tell(f"the clock is set by {seconds:g} s")
