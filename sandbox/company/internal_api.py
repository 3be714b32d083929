"""
The company's internal API: POST /sync/organization/{id} notes what was asked for, and puts a job
into the queue. The same Idempotency-Key is the same sync.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from aiohttp import web

from sandbox.peers.peer import Peer

NOTE = """
    INSERT INTO sync_requests (organization_id, idempotency_key) VALUES ($1, $2)
    ON CONFLICT (idempotency_key) DO NOTHING RETURNING id
"""
FOUND = "SELECT id, organization_id FROM sync_requests WHERE idempotency_key = $1"


class InternalApi(Peer):
    """Faults of its own: limited (429). `start` is given the id of a row of sync_requests."""

    FAULTS = Peer.FAULTS | {"limited"}

    def __init__(
        self,
        dsn: Callable[[], str],
        start: Callable[[int], Awaitable[None]],
        slow_s: float = 30.0,
    ) -> None:
        super().__init__(slow_s)
        self.key = secrets.token_hex(16)
        self._dsn, self._start = dsn, start

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/health", self._health),
            web.post("/sync/organization/{organization:[0-9]+}", self._sync),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _sync(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Internal-Key") != self.key:
            return web.json_response({"error": "unauthorized"}, status=401)
        if self.strikes("limited"):
            told = {"message": "slow down"}
            return web.json_response(told, status=429, headers={"Retry-After": "2"})
        organization = int(request.match_info["organization"])
        connection = await asyncpg.connect(self._dsn(), timeout=5)
        try:
            return await self._note(connection, organization, request)
        finally:
            await connection.close()

    async def _note(
        self, connection: Any, organization: int, request: web.Request
    ) -> web.Response:
        key = request.headers.get("Idempotency-Key")
        query = "SELECT is_active FROM organizations WHERE id = $1"
        is_active = await connection.fetchval(query, organization)
        if is_active is None:
            return web.json_response({"message": "no such organization"}, status=404)
        if not is_active:
            return web.json_response({"message": "the organization is not active"}, status=409)
        made = await connection.fetchval(NOTE, organization, key)
        if made is None:
            there = await connection.fetchrow(FOUND, key)
            if there["organization_id"] != organization:
                return web.json_response({"message": "the key is of another sync"}, status=422)
            return web.json_response({"sync_id": there["id"], "status": "accepted"}, status=202)
        await self._start(made)
        return web.json_response({"sync_id": made, "status": "accepted"}, status=202)
