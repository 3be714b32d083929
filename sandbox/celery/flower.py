"""
Flower: as much of its API as tells how long queues are and which workers are alive.

As the real one, it knows only the workers it has seen since it was started, and the queues of
those; and tells their whole configuration to whoever asks.
"""

import asyncio
import base64
import secrets
import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from redis.exceptions import RedisError

from sandbox.celery.messages import keys
from sandbox.celery.redis_server import RedisServer
from sandbox.celery.workers import Worker
from sandbox.peers.peer import Peer

DEFAULT_QUEUE = "celery"


class Flower(Peer):
    """`inspect_s`: how long it listens for answers of workers when it is told to refresh."""

    def __init__(
        self,
        server: RedisServer,
        workers: Sequence[Worker],
        inspect_s: float = 1.0,
        slow_s: float = 30.0,
    ) -> None:
        super().__init__(slow_s)
        self.login = f"bot:{secrets.token_hex(8)}"
        self._server, self._workers, self._inspect_s = server, workers, inspect_s
        self._seen: dict[str, Worker] = {}
        self._told: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/workers", self._list),
            web.get("/api/queues/length", self._lengths),
        ]

    def forget(self) -> None:
        """As if it had just been started."""
        self._seen.clear()
        self._told.clear()

    def _look(self) -> None:
        """Workers tell of themselves every few seconds."""
        self._seen |= {one.name: one for one in self._workers if one.is_alive}

    async def _list(self, request: web.Request) -> web.Response:
        if denied := self._denied(request):
            return denied
        self._look()
        if request.query.get("refresh"):
            await asyncio.sleep(self._inspect_s)
            alive = [one for one in self._seen.values() if one.is_alive]
            self._told |= {one.name: self._shape(one) for one in alive}
        if request.query.get("status"):
            return web.json_response({name: one.is_alive for name, one in self._seen.items()})
        return web.json_response(self._told)

    async def _lengths(self, request: web.Request) -> web.Response:
        if denied := self._denied(request):
            return denied
        self._look()
        names = sorted({DEFAULT_QUEUE, *(one.queue for one in self._seen.values())})
        client = self._server.client()
        try:
            lengths = [
                {"name": name, "messages": sum([await client.llen(key) for key in keys(name)])}
                for name in names
            ]
        except RedisError:
            return web.Response(status=500)
        finally:
            await client.aclose()
        return web.json_response({"active_queues": lengths})

    def _denied(self, request: web.Request) -> web.Response | None:
        known = base64.b64encode(self.login.encode()).decode()
        if request.headers.get("Authorization") == f"Basic {known}":
            return None
        return web.Response(status=401)

    def _shape(self, worker: Worker) -> dict[str, Any]:
        return {
            "registered": ["ad_sync.sync"],
            "timestamp": time.time(),
            "conf": {"broker_url": self._server.url, "result_backend": self._server.url},
            "active_queues": [
                {
                    "name": worker.queue,
                    "exchange": {"name": worker.queue, "type": "direct", "durable": True},
                    "routing_key": worker.queue,
                    "durable": True,
                    "no_ack": False,
                    "alias": None,
                }
            ],
            "stats": {"total": {}, "pid": 1, "uptime": 60, "prefetch_count": 1},
        }
