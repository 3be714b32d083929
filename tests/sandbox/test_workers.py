"""The sandbox's Celery workers."""

import asyncio
from asyncio import CancelledError
from contextlib import suppress

from sandbox.celery.messages import Job, push
from sandbox.celery.redis_server import RedisServer
from sandbox.celery.workers import Worker

QUEUE = "ad_sync"


async def test_a_worker_dies_though_its_job_swallows_being_cancelled() -> None:
    begun = asyncio.Event()

    async def swallows(_job: Job) -> None:
        begun.set()
        with suppress(CancelledError):
            await asyncio.Event().wait()

    async with RedisServer() as server:
        worker = Worker("celery@worker-1", QUEUE, server, swallows)
        worker.start()
        client = server.client()
        await push(client, QUEUE, "ad_sync.notice_change", [0])
        await client.aclose()
        await begun.wait()
        await worker.die()
        assert not worker.is_alive
