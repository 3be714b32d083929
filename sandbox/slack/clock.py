"""
The workspace's time: real time plus what a test moved it by.

Everything that expires here (triggers, rate limits, retries, scheduled messages) reads this clock,
so that a test can pass five minutes without waiting for them.
"""

import asyncio
import time


class Clock:
    def __init__(self) -> None:
        self._moved_s = 0.0
        self._sleepers: set[asyncio.Event] = set()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._moved_s

    def advance(self, seconds: float) -> None:
        """Move time forward; everyone who waits for a moment that has come wakes."""
        self._moved_s += seconds
        for sleeper in list(self._sleepers):
            sleeper.set()

    async def until(self, moment: float) -> None:
        moved = asyncio.Event()
        self._sleepers.add(moved)
        try:
            while (left := moment - self.now()) > 0:
                moved.clear()
                try:
                    await asyncio.wait_for(moved.wait(), left)
                except TimeoutError:
                    continue
        finally:
            self._sleepers.discard(moved)

    async def sleep(self, seconds: float) -> None:
        await self.until(self.now() + seconds)
