"""
Jobs in Redis as kombu keeps them: a list for each priority of a queue, and what workers have taken
and not acknowledged in one hash.
"""

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis.asyncio

SEPARATOR, STEPS = "\x06\x16", (0, 3, 6, 9)
UNACKED, UNACKED_INDEX = "unacked", "unacked_index"


@dataclass(frozen=True)
class Job:
    task: str
    arguments: Sequence[Any]
    id: str
    tag: str  #: By which it is acknowledged.


def keys(queue: str) -> list[str]:
    return [f"{queue}{SEPARATOR}{step}" if step else queue for step in STEPS]


async def push(
    client: "redis.asyncio.Redis",
    queue: str,
    task: str,
    arguments: Sequence[Any] = (),
    priority: int = 0,
    times: int = 1,
) -> None:
    step = max(one for one in STEPS if one <= priority)
    key = f"{queue}{SEPARATOR}{step}" if step else queue
    made = [_message(queue, task, arguments, priority) for _ in range(times)]
    await client.lpush(key, *made)


async def take(client: "redis.asyncio.Redis", queue: str, timeout_s: float) -> Job | None:
    """The most urgent; None when there was none for so long."""
    found = await client.brpop(keys(queue), timeout=timeout_s)
    if found is None:
        return None
    message = json.loads(found[1])
    tag = message["properties"]["delivery_tag"]
    taken = json.dumps([message, "", queue])
    await client.hset(UNACKED, tag, taken)
    await client.zadd(UNACKED_INDEX, {tag: datetime.now(UTC).timestamp()})
    (arguments, _, _) = json.loads(base64.b64decode(message["body"]))
    return Job(message["headers"]["task"], arguments, message["headers"]["id"], tag)


async def acknowledge(client: "redis.asyncio.Redis", job: Job) -> None:
    await client.hdel(UNACKED, job.tag)
    await client.zrem(UNACKED_INDEX, job.tag)


def _message(queue: str, task: str, arguments: Sequence[Any], priority: int) -> str:
    job = str(uuid.uuid4())
    body = [list(arguments), {}, {"callbacks": None, "errbacks": None, "chain": None}]
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": task, "id": job, "root_id": job, "retries": 0},
            "properties": {
                "correlation_id": job,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": priority,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )
