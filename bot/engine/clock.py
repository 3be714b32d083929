"""Time, so that tests can move it."""

import asyncio
import contextlib
import time


class Clock:
    """The real one. Times are seconds since the epoch."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        """Seconds from some point on: for margins, which a clock that is set must not shorten."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Until the event is set, but no longer than that."""
        with contextlib.suppress(TimeoutError):  # not wait_for: in 3.11 it can swallow a cancel
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
