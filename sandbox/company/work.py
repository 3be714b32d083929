"""
What the company's workers do: the jobs of the queue `ad_sync`, put there by the internal API and,
every few minutes, by the regular sync. When all workers are dead, jobs pile up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.exceptions import RedisError

from sandbox.celery.flower import Flower
from sandbox.celery.messages import Job, push
from sandbox.celery.redis_server import RedisServer, find
from sandbox.celery.workers import Worker
from sandbox.company.syncing import Syncing

QUEUE = "ad_sync"
SYNC, FRESHEN, NOTICE = "ad_sync.sync_organization", "ad_sync.freshen", "ad_sync.notice_change"
A_NOTICE_S = 0.02  #: What a worker needs to see that nothing is to be done.
#: The regular sync: how often, in seconds of real time, and into how many jobs it is cut.
EVERY_S, PARTS = 300.0, 12
WORKERS = ("celery@worker-1", "celery@worker-2")


class Work:
    """
    Redis, workers and Flower. Without a Redis on this machine there is no queue: then syncs are
    done at once, and nobody is told of a broker.
    """

    def __init__(self, syncing: Syncing, inspect_s: float = 1.0) -> None:
        self.is_there = find() is not None
        self.redis, self._syncing = RedisServer(), syncing
        self.workers = [Worker(name, QUEUE, self.redis, self._carry_out) for name in WORKERS]
        self.flower = Flower(self.redis, self.workers, inspect_s)
        self._regular: asyncio.Task[None] | None = None
        self._direct: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if not self.is_there:
            return
        await self.redis.start()
        await self.flower.start()
        self.revive()
        self._regular = asyncio.create_task(self._regularly(), name="the regular ad sync")

    async def stop(self) -> None:
        if self._regular:
            self._regular.cancel()
            await asyncio.gather(self._regular, return_exceptions=True)
        await self.kill()
        for task in self._direct:
            task.cancel()
        await asyncio.gather(*self._direct, return_exceptions=True)
        await self.flower.stop()
        await self.redis.stop()

    async def kill(self) -> None:
        """All workers at once, whatever they do; also for whoever plays their pods."""
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
        task = asyncio.create_task(self._syncing.carry_out(request))
        self._direct.add(task)
        task.add_done_callback(self._direct.discard)

    async def tick(self) -> None:
        """What the clock puts into the queue each time."""
        for part in range(PARTS):
            await self._push(FRESHEN, part)

    async def pile_up(self, jobs: int) -> None:
        """As if so many had come since the workers died."""
        await self._push(NOTICE, 0, times=jobs)

    async def _push(self, task: str, argument: int, times: int = 1) -> None:
        client = self.redis.client()
        try:
            await push(client, QUEUE, task, [argument], times=times)
        finally:
            await client.aclose()

    async def _regularly(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            with suppress(RedisError, OSError):
                await self.tick()

    async def _carry_out(self, job: Job) -> None:
        """A job that fails is done with, as Celery sees it."""
        done: dict[str, Callable[[int], Awaitable[None]]] = {
            SYNC: self._syncing.carry_out,
            FRESHEN: lambda part: self._syncing.freshen(part, PARTS),
            NOTICE: lambda _: asyncio.sleep(A_NOTICE_S),
        }
        with suppress(Exception):
            await done[job.task](*job.arguments)
