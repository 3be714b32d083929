"""
What the company's workers do: the jobs of the queue `ad_sync`, put there by the internal API and,
every few minutes, by the regular sync. When all workers are dead, jobs pile up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from sandbox.celery.flower import Flower
from sandbox.celery.messages import Job, push
from sandbox.celery.redis_server import RedisServer, find
from sandbox.celery.workers import Worker
from sandbox.company.syncing import Syncing

QUEUE = "ad_sync"
SYNC, FRESHEN, NOTICE = "ad_sync.sync_organization", "ad_sync.freshen", "ad_sync.notice_change"
FIRST = "ad_sync.freshen_organization"
A_NOTICE_S = 0.02  #: What a worker needs to see that nothing is to be done.
#: The regular sync: seconds of real time that a minute of its interval takes, how soon a new
#: interval counts, and into how many jobs it is cut.
A_MINUTE_S, LOOK_S, PARTS = 20.0, 1.0, 12
WORKERS = ("celery@worker-1", "celery@worker-2", "celery@worker-3")
FOLLOW_S = 0.05  #: How soon a worker follows its pod.


@dataclass(frozen=True)
class Pace:
    """What the company's parameters say of the regular sync."""

    interval_min: float = 15.0
    backs_off: bool = False  #: A worker that Meta refuses asks no more until the next time.
    first: tuple[int, ...] = ()  #: Organizations that are synced before all others.


class Work:
    """
    Redis, workers and Flower. Without a Redis on this machine there is no queue: then syncs are
    done at once, and nobody is told of a broker.
    """

    def __init__(
        self, syncing: Syncing, pace: Callable[[], Pace] = Pace, inspect_s: float = 1.0
    ) -> None:
        """`pace` is asked all the time, as workers read parameters."""
        self._pace = pace
        self.is_there = find() is not None
        self.redis, self._syncing = RedisServer(), syncing
        self.workers = [Worker(name, QUEUE, self.redis, self._carry_out) for name in WORKERS]
        self.flower = Flower(self.redis, self.workers, inspect_s)
        self._alive: Callable[[], int] = lambda: len(WORKERS)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if not self.is_there:
            return
        await self.redis.start()
        await self.flower.start()
        self.revive()
        self._go_on(self._regularly())
        self._go_on(self._follow())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.kill()
        await self.flower.stop()
        await self.redis.stop()

    def follow(self, alive: Callable[[], int]) -> None:
        """From the start on so many workers live as pods do."""
        self._alive = alive

    async def kill(self) -> None:
        """All workers at once, whatever they do."""
        await asyncio.gather(*(one.die() for one in self.workers))

    def revive(self) -> None:
        for one in self.workers:
            one.start()

    @property
    def are_alive(self) -> bool:
        return all(one.is_alive for one in self.workers)

    async def start_sync(self, request: int) -> None:
        if self.is_there:
            await self._push(SYNC, request)
            return
        self._go_on(self._syncing.carry_out(request))

    async def tick(self) -> None:
        """What the clock puts into the queue each time."""
        for organization in self._pace().first:
            await self._push(FIRST, organization)
        for part in range(PARTS):
            await self._push(FRESHEN, part)

    async def pile_up(self, jobs: int) -> None:
        """As if so many had come since the workers died."""
        await self._push(NOTICE, 0, times=jobs)

    def _go_on(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _push(self, task: str, argument: int, times: int = 1) -> None:
        client = self.redis.client()
        try:
            await push(client, QUEUE, task, [argument], times=times)
        finally:
            await client.aclose()

    async def _follow(self) -> None:
        """As one pod after the other dies and comes back."""
        before = len(self.workers)
        while True:
            alive = self._alive()
            if alive != before:
                for number, worker in enumerate(self.workers):
                    worker.start() if number < alive else await worker.die()
            before = alive
            await asyncio.sleep(FOLLOW_S)

    async def _regularly(self) -> None:
        waited_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            waited_s += LOOK_S
            if waited_s < self._pace().interval_min * A_MINUTE_S:
                continue
            waited_s = 0.0
            with suppress(RedisError, OSError):
                await self.tick()

    async def _carry_out(self, job: Job) -> None:
        """A job that fails is done with, as Celery sees it."""
        done: dict[str, Callable[[int], Awaitable[None]]] = {
            SYNC: self._syncing.carry_out,
            FIRST: self._syncing.freshen_one,
            FRESHEN: lambda part: self._syncing.freshen(part, PARTS, self._pace().backs_off),
            NOTICE: lambda _: asyncio.sleep(A_NOTICE_S),
        }
        with suppress(Exception):
            await done[job.task](*job.arguments)
