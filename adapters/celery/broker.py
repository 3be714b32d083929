"""
Celery's broker, a Redis, asked how much waits in a queue: a connection made anew each time.

Kombu keeps one list for each of four priorities, and all that workers have taken in one hash. The
plain list alone says 1 when 21 wait. Not answering is a fact here: a queue that nobody can reach
is what is looked for. No message holds the address, the user or the password.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import redis.asyncio
from redis import exceptions as wrong
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters.celery.facts import Cause, Queue
from bot.secrets.vault import Credential

#: kombu.transport.redis: what stands between a queue and a priority, and the priorities there are.
SEPARATOR, STEPS = "\x06\x16", (0, 3, 6, 9)
TAKEN = "unacked"


def keys(queue: str) -> tuple[str, ...]:
    """The lists that make up a queue, by priority."""
    return tuple(f"{queue}{SEPARATOR}{step}" if step else queue for step in STEPS)


class Broker:
    """`timeout_s` is for one question as a whole, connecting included."""

    def __init__(self, url: Credential, timeout_s: float) -> None:
        self._url, self._timeout_s = url, timeout_s

    async def queue(self, name: str) -> Queue:
        used = await self._url.value()
        found = await self._queue(used, name)
        if found.cause == "authentication" and await self._url.renew(used):
            return await self._queue(await self._url.value(), name)
        return found

    async def _queue(self, url: str, name: str) -> Queue:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                lengths, taken = await self._ask(url, name)
        except TROUBLE as error:
            cause, says = self._failure(error)
            return Queue(name=name, source="Redis", cause=cause, error=says)
        return Queue(
            name=name,
            source="Redis",
            waiting=sum(lengths),
            by_priority=tuple(lengths),
            taken=taken,
            answered_in=timedelta(seconds=time.monotonic() - began),
        )

    async def _ask(self, url: str, name: str) -> tuple[Sequence[int], int]:
        """All at one moment: a job that a worker takes meanwhile is counted once."""
        client = redis.asyncio.Redis.from_url(
            url, protocol=2, retry=Retry(NoBackoff(), 0), single_connection_client=True
        )
        try:
            async with client.pipeline(transaction=True) as pipe:
                for key in keys(name):
                    pipe.llen(key)
                pipe.hlen(TAKEN)
                *lengths, taken = await pipe.execute()
            return [int(one) for one in lengths], int(taken)
        finally:
            with suppress(*TROUBLE):
                await client.aclose()

    def _failure(self, error: Exception) -> tuple[Cause, str]:
        """In our words: the client's may hold the address and the user."""
        if isinstance(error, TimeoutError | wrong.TimeoutError):
            return "timed out", f"Redis did not answer within {self._timeout_s:g} s"
        for kind, cause, says in FAILURES:
            if isinstance(error, kind):
                return cause, says
        if isinstance(error, wrong.ConnectionError):
            return "refused", _unconnected(error)
        if "WRONGTYPE" in str(error):
            return "wrong type", "what is kept under the queue's name in Redis is no queue"
        if "max number of clients" in str(error):
            return "refused", "Redis has no connection left for another client"
        return "other", "Redis answered with something that cannot be read"


def _unconnected(error: BaseException) -> str:
    if "max number of clients" in str(error):
        return "Redis has no connection left for another client"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "Redis cannot be found: its name is not known to the network"
        if isinstance(cause, ConnectionRefusedError):
            return "Redis does not accept connections: nothing listens"
        cause = cause.__cause__ or cause.__context__
    return "Redis broke the connection before it had answered, or takes no TLS as its URL asks"


#: All that the client raises when a server does not answer as it should, or its URL is none.
TROUBLE = (wrong.RedisError, OSError, ValueError, TypeError, LookupError)
FAILURES: tuple[tuple[type[Exception], Cause, str], ...] = (
    (wrong.AuthenticationError, "authentication", "Redis does not accept our user or password"),
    (wrong.NoPermissionError, "denied", "Redis does not let our user count what waits"),
    (wrong.BusyLoadingError, "loading", "Redis was just started and still reads its data"),
    (wrong.InvalidResponse, "other", "what answered is no Redis"),
    (ValueError, "other", "Redis could not be asked: check celery.broker_url in the settings"),
)
