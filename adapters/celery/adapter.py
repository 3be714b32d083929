"""
The queues from the broker, the workers from Flower.

Flower's own figures count only where no broker is configured, and only for queues that it names:
a queue is not among them until Flower has seen a worker of it, however much waits there. Flower
tells the workers' configuration as well, result backend and all: of that nothing is passed on.
"""

import base64
from collections.abc import Mapping
from typing import Any

from adapters.celery.broker import Broker
from adapters.celery.facts import Queue, Worker, Workers
from adapters.http_calls import Answer, HttpCalls, Query
from adapters.plain import plain
from bot.runbook import Adapter
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import Credential

FLOWER = "Flower"
MOST_WORKERS, MOST_QUEUES = 200, 50
UNSEEN = (
    "Flower names no such queue. It names only those that a worker of has been seen since Flower"
    " was started, so that is no 0"
)


class Celery(Adapter):
    """`flower_login` is `user:password`, as Flower's --basic-auth takes it."""

    def __init__(
        self,
        broker: Broker | None,
        calls: HttpCalls,
        flower_url: str = "",
        flower_login: Credential | None = None,
    ) -> None:
        self._broker, self._calls = broker, calls
        self._flower_url, self._flower_login = flower_url.rstrip("/"), flower_login

    async def queue(self, name: str) -> Queue:
        """Raises Refused when neither the broker nor Flower is configured; Unreachable of it."""
        if self._broker:
            return await self._broker.queue(name)
        answer = await self._ask("/api/queues/length")
        for one in _list(answer, "active_queues"):
            if isinstance(one, dict) and one.get("name") == name:
                return Queue(name=name, source="Flower", waiting=_count(one.get("messages")))
        return Queue(name=name, source="Flower", cause="no data", error=UNSEEN)

    async def workers(self) -> Workers:
        """Takes a second, in which Flower asks them. Raises Refused, Unreachable."""
        told = await self._ask("/api/workers", [("refresh", "1")])
        alive = await self._ask("/api/workers", [("status", "1")])
        if not all(isinstance(one, bool) for one in alive.values()):
            raise Unreachable(f"{FLOWER} answered without saying who is alive")
        names = sorted({*alive, *told})[:MOST_WORKERS]
        found = (
            Worker(
                name=plain(name, 80),
                is_alive=alive.get(name, False),
                queues=_queues(told.get(name)),
            )
            for name in names
        )
        return Workers(workers=tuple(found))

    async def _ask(self, path: str, query: Query = ()) -> Mapping[str, Any]:
        if not self._flower_url:
            raise Refused(
                "Nobody can say which workers are alive or how much waits: neither"
                " celery.flower_url nor celery.broker_url is set"
                if not self._broker
                else "Nobody can say which workers are alive: celery.flower_url is not set"
            )
        url = f"{self._flower_url}{path}"

        async def read(login: str) -> Answer:
            headers = {"authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
            return await self._calls.read(FLOWER, url, query, headers)

        if self._flower_login:
            answer = await self._flower_login.use(read)
        else:
            answer = await self._calls.read(FLOWER, url, query)
        content = answer.json()
        if not isinstance(content, dict):
            raise Unreachable(f"{FLOWER} answered in a shape that is not known")
        return content


def _list(content: Mapping[str, Any], name: str) -> list[Any]:
    listed = content.get(name)
    if not isinstance(listed, list):
        raise Unreachable(f"{FLOWER} answered without its {name}")
    return listed


def _count(messages: object) -> int:
    if not isinstance(messages, int) or isinstance(messages, bool) or messages < 0:
        raise Unreachable(f"{FLOWER} answered without saying how many jobs wait")
    return messages


def _queues(told: object) -> tuple[str, ...] | None:
    """None: it never answered when Flower asked."""
    listed = told.get("active_queues") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        return None
    names = (one.get("name") for one in listed if isinstance(one, dict))
    return tuple(plain(name, 80) for name in names if isinstance(name, str))[:MOST_QUEUES]
