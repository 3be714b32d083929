"""An outbox on a real store, before a small Slack, with time that only tests move."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.engine.clock import Clock
from bot.slack.calls import Calls
from bot.slack.outbox import Outbox
from bot.store import delivering, outbox
from bot.store.deliveries import Delivery
from bot.store.rooms import begin_room
from bot.store.store import Store
from tests.slack.small_slack import START, SmallSlack
from tests.store.empty import empty_store


class StillClock(Clock):
    """Time stands still until it is moved. Setting `time` sets the clock on the wall alone."""

    def __init__(self) -> None:
        self.time = START
        self._passed = 0.0
        self._waiting: list[tuple[float, asyncio.Event]] = []
        self._rests = asyncio.Event()

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        await self.wait(asyncio.Event(), seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        if seconds <= 0:
            return
        waits = (self._passed + seconds, event)
        self._waiting.append(waits)
        self._rests.set()
        try:
            await event.wait()
        finally:
            self._waiting.remove(waits)
            self._rests.clear()

    def move(self, seconds: float) -> None:
        self.time += seconds
        self._passed += seconds
        for until, event in self._waiting:
            if until <= self._passed:
                event.set()

    async def at_rest(self) -> None:
        """Until whoever waits on this clock waits for nothing but time."""
        while not self._waiting or any(event.is_set() for _, event in self._waiting):
            await self._rests.wait()
            await asyncio.sleep(0)


class World:
    """`calls`: to a whole workspace, over HTTP; else everything is in memory."""

    def __init__(self, path: Path, calls: Calls | None = None) -> None:
        self._url = empty_store(path)
        self.clock, self.slack = StillClock(), SmallSlack()
        self.slack.now = lambda: START + self.clock.monotonic()
        self.calls = calls or self.slack

    async def open(self, origin: str = "C-ORIGIN") -> "World":
        self.store = Store(self._url)
        await self.store.open()
        await self.store.tx(begin_room, "7F3K", origin, False)
        self.start()
        return self

    def start(self) -> None:
        self.outbox = Outbox(
            self.store,
            self.calls,
            lambda plot: f"png of {plot.title}".encode(),
            clock=self.clock,
            fallback="C-ALERTS",
        )
        self.outbox.start()

    async def close(self) -> None:
        await self.outbox.stop(0)
        await self.store.close()

    async def kill(self) -> None:
        """Nothing of this life goes on; what is on its way to the store still gets there."""
        tasks = [*self.outbox._flying.values(), self.outbox._loop]
        for task in tasks:
            if task:
                task.cancel()
        for task in tasks:
            if task:
                with suppress(asyncio.CancelledError):
                    await task

    async def put(self, *deliveries: Delivery, run: str = "7F3K") -> None:
        await self.outbox.put(run, deliveries)

    async def deliver(self, *deliveries: Delivery, run: str = "7F3K") -> None:
        await self.put(*deliveries, run=run)
        await self.quiet()

    async def room(self, channel: str, run: str = "7F3K") -> None:
        await self.outbox.remember(run, channel, "incident-x")
        await self.quiet()

    async def quiet(self) -> None:
        """Until there is nothing to do before time moves."""
        while True:
            await self.clock.at_rest()
            if not self.outbox._flying:
                return
            await asyncio.wait(list(self.outbox._flying.values()))

    async def after(self, seconds: float, step_s: float = 1.0) -> None:
        """Second by second, as the outbox sees it; or in longer steps."""
        while seconds > 0:
            self.clock.move(min(step_s, seconds))
            seconds -= step_s
            self.outbox.wake()
            await self.quiet()

    async def states(self, *names: str) -> list[str | None]:
        known = await self.store.read(outbox.states, names)
        return [known.get(name) for name in names]

    async def open_rows(self) -> Sequence[Any]:
        return (await self.store.read(delivering.board)).rows
