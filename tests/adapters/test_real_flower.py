"""What our own Flower and our own workers are modelled on: Celery's, run for real."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from adapters.celery import Celery, Queue, Workers
from adapters.celery.broker import Broker
from adapters.http_calls import HttpCalls
from bot.runbook.errors import StepError
from sandbox.celery.redis_server import RedisServer, find
from sandbox.guard import dismiss, guard
from tests.credentials import given

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find() is None, reason="there is no redis-server"),
]
ROOT = Path(__file__).parents[2]
QUEUE, LOGIN = "ad_sync", "bot:flower-password"
T = TypeVar("T")

PUSH = """
from tests.adapters.celery_jobs import sync
for priority, count in ((0, 5), (3, 4), (6, 7), (9, 5)):
    for _ in range(count):
        sync.apply_async((600,), priority=priority)
"""


@asynccontextmanager
async def python(broker: str, *words: str) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        cwd=ROOT,
        env={"BROKER": broker, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )
    guarding = await guard(child.pid, "KILL")
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        await dismiss(guarding)


async def until(ask: Callable[[], Awaitable[T]], is_so: Callable[[T], bool]) -> T:
    async with asyncio.timeout(60):
        while True:
            try:
                found = await ask()
            except StepError:
                pass  # It is not up yet.
            else:
                if is_so(found):
                    return found
            await asyncio.sleep(0.1)


async def test_real_flower_and_workers_agree_with_what_we_count(unused_tcp_port: int) -> None:
    celery = ("-m", "celery", "-A", "tests.adapters.celery_jobs")
    flower = (
        "flower",
        "--address=127.0.0.1",
        f"--port={unused_tcp_port}",
        f"--basic-auth={LOGIN}",
    )
    # Threads: a solo worker answers nobody while it works.
    worker = (
        "worker",
        "-n",
        "w1@box",
        "-P",
        "threads",
        "-c",
        "1",
        "-Q",
        QUEUE,
        "--without-mingle",
    )
    url, calls = f"http://127.0.0.1:{unused_tcp_port}", HttpCalls(10)
    async with RedisServer() as server:
        ours = Celery(Broker(given(server.url), 5), calls, url, given(LOGIN))
        flowers = Celery(None, calls, url, given(LOGIN))

        async def theirs() -> Queue:
            return await flowers.queue(QUEUE)

        async def workers() -> Workers:
            return await ours.workers()

        async with python(server.url, *celery, *flower), python(server.url, "-c", PUSH) as pushing:
            await pushing.wait()
            found = await ours.queue(QUEUE)
            assert (found.waiting, found.by_priority, found.taken) == (21, (5, 4, 7, 5), 0)
            blind = await until(theirs, lambda one: True)
            assert (blind.waiting, blind.cause) == (None, "no data")
            async with python(server.url, *celery, *worker) as working:
                told = await until(workers, lambda one: any(w.queues for w in one.workers))
                assert told.alive_for(QUEUE) == ("w1@box",)
                assert server.password not in f"{told!r}"
                seen = await until(theirs, lambda one: one.waiting == 20)
                found = await ours.queue(QUEUE)
                assert (found.waiting, found.taken) == (seen.waiting, 1)
                working.kill()
                await working.wait()
                told = await until(workers, lambda one: bool(one.dead))
                assert (told.dead, told.alive_for(QUEUE)) == (("w1@box",), ())
                found = await ours.queue(QUEUE)
                assert (found.waiting, found.taken) == (20, 1)
    await calls.close()
