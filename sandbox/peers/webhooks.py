"""
The company's own endpoint for Stripe's webhooks: it takes what is signed, once by event id, and
writes down what it has processed in the company's database.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiohttp import web

from sandbox.peers.peer import Peer

PATH = "/webhooks/stripe"
TOLERANCE_S = 300
ONCE = """
    INSERT INTO processed_stripe_events (event_id, type, created_at, processed_at)
    VALUES ($1, $2, $3, now()) ON CONFLICT (event_id) DO NOTHING RETURNING event_id
"""


class NotSigned(Exception):
    """Not by Stripe, or too long ago. The message is what Stripe's own library says."""


class WebhookEndpoint(Peer):
    """
    Faults of its own: fails (500, nothing was processed), later (says yes, and processes after
    `later_s`, so that another may be processed before), forgets (says yes and does nothing).
    """

    FAULTS = Peer.FAULTS | {"fails", "later", "forgets"}

    def __init__(self, secret: str, dsn: Callable[[], str], slow_s: float = 30.0) -> None:
        super().__init__(slow_s)
        self.secret, self._dsn = secret, dsn
        self.later_s = 1.0
        self.handled: list[str] = []  #: Events that had an effect, in the order of their effects.
        self._working: set[asyncio.Task[None]] = set()

    @property
    def webhook_url(self) -> str:
        return f"{self.url}{PATH}"

    @property
    def posts(self) -> int:
        """How often somebody has brought an event."""
        return len(self.calls)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._take)]

    async def stop(self) -> None:
        await asyncio.gather(*self._working, return_exceptions=True)
        await super().stop()

    async def process(self, event: Any) -> None:
        """What an event has for an effect; once for each id."""
        connection = await asyncpg.connect(self._dsn())
        try:
            created = datetime.fromtimestamp(event["created"], UTC)
            if await connection.fetchval(ONCE, event["id"], event["type"], created):
                self.handled.append(event["id"])
        finally:
            await connection.close()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            verify(body, request.headers.get("Stripe-Signature", ""), self.secret)
        except NotSigned as error:
            return web.json_response({"error": str(error)}, status=400)
        if self.strikes("fails"):
            return web.json_response({"error": "Internal Server Error"}, status=500)
        if self.strikes("forgets"):
            return web.json_response({"received": True})
        event = json.loads(body)
        if self.strikes("later"):
            working = asyncio.create_task(self._process_later(event))
            self._working.add(working)
            working.add_done_callback(self._working.discard)
        else:
            await self.process(event)
        return web.json_response({"received": True})

    async def _process_later(self, event: Any) -> None:
        await asyncio.sleep(self.later_s)
        await self.process(event)


def verify(body: bytes, header: str, secret: str) -> None:
    """Raises NotSigned."""
    parts = [part.partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in parts if name == "t" and value.isdigit()]
    signatures = [value for name, value in parts if name == "v1"]
    if not times or not signatures:
        raise NotSigned("Unable to extract timestamp and signatures from header")
    signed = hmac.new(secret.encode(), f"{times[0]}.".encode() + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(signed, one) for one in signatures):
        raise NotSigned("No signatures found matching the expected signature for payload")
    if int(times[0]) < time.time() - TOLERANCE_S:
        raise NotSigned("Timestamp outside the tolerance zone")
