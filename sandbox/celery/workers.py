"""
Workers that take jobs from Redis, as Celery's do: they acknowledge a job when it is done, and a
job that a worker died over stays taken.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.exceptions import RedisError

from sandbox.celery.messages import Job, acknowledge, take
from sandbox.celery.redis_server import RedisServer

WAIT_S, AGAIN_S = 1.0, 0.2

Carry = Callable[[Job], Awaitable[None]]


class Worker:
    def __init__(self, name: str, queue: str, server: RedisServer, carry_out: Carry) -> None:
        self.name, self.queue = name, queue
        self._server, self._carry_out = server, carry_out
        self._task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        if not self.is_alive:
            self._task = asyncio.create_task(self._work(), name=self.name)

    async def die(self) -> None:
        """At once, whatever it does, and though that may swallow being cancelled."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=AGAIN_S)

    async def _work(self) -> None:
        while True:
            with suppress(RedisError, OSError):
                await self._work_connected()
            await asyncio.sleep(AGAIN_S)

    async def _work_connected(self) -> None:
        client = self._server.client()
        try:
            while True:
                if job := await take(client, self.queue, WAIT_S):
                    await self._carry_out(job)
                    await acknowledge(client, job)
        finally:
            with suppress(RedisError, OSError):
                await client.aclose()
