"""Stripe, our endpoint and a database for tests: Stripe may also answer in a shape not its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from aiohttp import web

from adapters.http_calls import HttpCalls
from adapters.postgres_calls import PostgresCalls
from adapters.stripe import Stripe
from adapters.stripe.processed import ProcessedEvents
from bot.settings import StripeSettings
from sandbox.peers import stripe as peers
from sandbox.peers.webhooks import WebhookEndpoint
from sandbox.postgres import Database
from tests.credentials import given

INVOICE = {"id": "in_1Paid", "object": "invoice", "amount_paid": 4200, "note": "Zahlung für Ünal"}


class StrangeStripe(peers.Stripe):
    """Answers `strange` instead of data, when told to."""

    FAULTS = peers.Stripe.FAULTS | {"strange"}
    strange: object = None

    def _no(self, request: web.Request) -> web.Response | None:
        if self.strikes("strange"):
            return web.json_response(self.strange)
        return super()._no(request)

    @property
    def retries(self) -> int:
        return sum(call.path.endswith("/retry") for call in self.calls)


@dataclass(frozen=True)
class Shop:
    """Stripe, and our endpoint that it delivers to."""

    stripe: StrangeStripe
    ours: WebhookEndpoint
    database: Database
    calls: HttpCalls

    def adapter(self, secret: str = "", dsn: str = "", **settings: Any) -> Stripe:
        told = {
            "api_url": self.stripe.url,
            "endpoint": self.stripe.endpoint,
            "webhook_url": self.ours.webhook_url,
            "may_retry": True,
        }
        return Stripe(
            self.calls,
            StripeSettings.model_validate(told | settings),
            ProcessedEvents(PostgresCalls(given(dsn or self.database.dsn), timeout_s=2.0)),
            given(self.stripe.api_key),
            given(secret or self.stripe.webhook_secret),
        )

    def missed(self, minutes: int, kind: str = "invoice.paid") -> peers.Stored:
        return self.stripe.happen(kind, INVOICE, ago=timedelta(minutes=minutes))

    async def run(self, query: str) -> None:
        admin = await asyncpg.connect(self.database.admin_dsn)
        try:
            await admin.execute(query)
        finally:
            await admin.close()


@asynccontextmanager
async def shop_of(database: Database) -> AsyncIterator[Shop]:
    async with (
        StrangeStripe(slow_s=2.0) as peer,
        WebhookEndpoint(peer.webhook_secret, lambda: database.dsn, slow_s=2.0) as ours,
    ):
        peer.endpoint_url = ours.webhook_url
        calls = HttpCalls(timeout_s=0.7)
        yield Shop(peer, ours, database, calls)
        await calls.close()


def last(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)
