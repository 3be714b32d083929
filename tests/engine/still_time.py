"""
A loop in which time stands still while there is something to do, and jumps when there is not: an
hour of waiting costs nothing, and a whole test is repeated to the letter from its dice.

What a store's threads would do is done on the loop's own thread, one after another for each
executor, after as long as the dice say; so transactions and the rest interleave as with threads.
"""

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from bot.engine.clock import Clock

#: Seconds that a transaction of a store on this machine takes.
TAKES_S = (0.0, 0.0005, 0.002)
#: Of real time: nothing that is really elsewhere takes longer.
ABROAD_AT_MOST_S = 30.0


class Standstill(Exception):
    """Everything waits, and nothing will ever happen."""


class StillLoop(asyncio.SelectorEventLoop):
    """`abroad`: how many calls really are at another process; while there are any, time stands."""

    abroad = 0
    _at = 0.0

    def __init__(self, dice: random.Random) -> None:
        super().__init__(_Patient(self))
        self.dice = dice
        self._lines: dict[Any, deque[tuple[asyncio.Future[Any], Callable[[], Any]]]] = {}

    def time(self) -> float:
        return self._at

    def let_pass(self, seconds: float) -> None:
        self._at += seconds

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        self.abroad += 1
        try:
            yield
        finally:
            self.abroad -= 1

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self.create_future()
        line = self._lines.setdefault(executor, deque())
        line.append((future, partial(func, *args)))
        if len(line) == 1:
            self.call_later(self.dice.choice(TAKES_S), self._serve, line)
        return future

    def cut(self) -> None:
        """The process dies: of what its threads were to do, some was done, and the rest is not."""
        for line in self._lines.values():
            for _ in range(self.dice.randint(0, len(line))):
                self._serve(line)
            line.clear()

    def _serve(self, line: deque[tuple[asyncio.Future[Any], Callable[[], Any]]]) -> None:
        if not line:
            return
        future, run = line.popleft()
        given_up = future.cancelled()
        if not given_up or self.dice.random() < 0.5:  # a thread may have been at it already
            try:
                result = run()
            except Exception as error:
                if not given_up:
                    future.set_exception(error)
            else:
                if not given_up:
                    future.set_result(result)
        if line:
            self.call_later(self.dice.choice(TAKES_S), self._serve, line)


class _Patient(selectors.DefaultSelector):
    def __init__(self, loop: StillLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if self._loop.abroad:
            ready = super().select(ABROAD_AT_MOST_S)
            if not ready:
                raise Standstill(f"no answer from abroad within {ABROAD_AT_MOST_S:g} s")
            return ready
        ready = super().select(0)
        if not ready and timeout is None:
            raise Standstill("everything waits, and nothing will happen")
        if not ready and timeout:
            self._loop.let_pass(timeout)
        return ready


class StillClock(Clock):
    """`ahead`: how far somebody set it. No two readings are the same moment."""

    BEGAN = 1_790_000_000.0

    def __init__(self, loop: StillLoop) -> None:
        self._loop, self._read = loop, 0
        self.ahead = 0.0

    def now(self) -> float:
        self._read += 1
        return self.BEGAN + self._loop.time() + self.ahead + self._read * 1e-6

    def monotonic(self) -> float:
        return self._loop.time()
