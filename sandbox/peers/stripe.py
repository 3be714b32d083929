"""
Stripe: events of 30 days, our webhook endpoint, and the call that delivers an event once more.

It answers as Stripe does: pretty JSON, the newest first, at most 100 to a page, an `error` object
with a sentence, a request id. What it delivers it signs.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

from sandbox.peers.peer import Peer

VERSION = "2026-10-28.endive"
KEPT, TRIED = timedelta(days=30), timedelta(days=3)
MOST_PER_PAGE, MOST_TYPES = 100, 20
LISTED = frozenset(
    {"delivery_success", "types[]", "type", "created[gte]", "created[lt]", "limit",
     "starting_after"}
)  # fmt: skip


@dataclass
class Stored:
    id: str
    type: str
    created_at: datetime
    object: Mapping[str, Any]
    is_delivered: bool
    api_version: str


class Stripe(Peer):
    """
    Faults of its own: limited (429), denied (the key may not), no retry (there is no such call).
    """

    FAULTS = Peer.FAULTS | {"limited", "denied", "no retry"}

    def __init__(self, api_key: str = "", slow_s: float = 30.0) -> None:
        super().__init__(slow_s)
        self.api_key = api_key or f"rk_test_{secrets.token_hex(24)}"
        self.webhook_secret = f"whsec_{secrets.token_hex(16)}"
        self.endpoint = "we_1SandboxEndpoint"
        self.endpoint_url = ""  #: Where it delivers.
        self.endpoint_version: str | None = None
        self.endpoint_status = "enabled"
        self.enabled_events = ["*"]
        self.events: list[Stored] = []  #: The oldest first.
        self._answered: dict[str, Any] = {}  #: By idempotency key.
        self._delivering: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/events", self._list),
            web.get("/v1/events/{id}", self._get),
            web.post("/v1/events/{id}/retry", self._retry),
            web.get("/v1/webhook_endpoints/{id}", self._endpoint),
        ]

    async def stop(self) -> None:
        await asyncio.gather(*self._delivering, return_exceptions=True)
        await super().stop()

    def happen(
        self,
        kind: str,
        about: Mapping[str, Any],
        ago: timedelta = timedelta(0),
        is_delivered: bool = False,
    ) -> Stored:
        """An event, in its place among the others."""
        name = f"evt_1{secrets.token_hex(11)}"
        event = Stored(name, kind, datetime.now(UTC) - ago, about, is_delivered, VERSION)
        self.events.append(event)
        self.events.sort(key=lambda one: one.created_at)
        return event

    def body(self, event: Stored) -> bytes:
        """As it is delivered, and read: byte by byte the same."""
        return _pretty(self._shape(event)).encode()

    async def _list(self, request: web.Request) -> web.Response:
        if no := self._no(request):
            return no
        query = request.query
        if strange := sorted(set(query) - LISTED):
            return _error(400, f"Received unknown parameter: {strange[0]}", "parameter_unknown")
        types = query.getall("types[]", [])
        if (types and "type" in query) or len(types) > MOST_TYPES:
            return _error(400, "You may only specify one of these parameters: type, types.")
        size = int(query.get("limit", "10"))
        if not 1 <= size <= MOST_PER_PAGE:
            return _error(
                400, f"This value must be at most {MOST_PER_PAGE}. It currently is {size}."
            )
        found = [one for one in reversed(self._kept()) if _is_wanted(one, query, types)]
        if after := query.get("starting_after"):
            places = [at for at, one in enumerate(found) if one.id == after]
            if not places:
                return _missing(after)
            found = found[places[0] + 1 :]
        return _json(
            {
                "object": "list",
                "data": [self._shape(one) for one in found[:size]],
                "has_more": len(found) > size,
                "url": "/v1/events",
            }
        )

    async def _get(self, request: web.Request) -> web.Response:
        if no := self._no(request):
            return no
        event = self._found(request)
        return _json(self._shape(event)) if event else _missing(request.match_info["id"])

    async def _endpoint(self, request: web.Request) -> web.Response:
        if no := self._no(request):
            return no
        if request.match_info["id"] != self.endpoint:
            return _error(404, "No such webhook endpoint", "resource_missing")
        return _json(
            {
                "id": self.endpoint,
                "object": "webhook_endpoint",
                "api_version": self.endpoint_version,
                "application": None,
                "created": 1_700_000_000,
                "description": "Events of customers",
                "enabled_events": self.enabled_events,
                "livemode": False,
                "metadata": {},
                "status": self.endpoint_status,
                "url": self.endpoint_url,
            }
        )

    async def _retry(self, request: web.Request) -> web.Response:
        if self.strikes("no retry"):
            path = f"POST: {request.path}"
            return _error(404, f"Unrecognized request URL ({path}).")
        if no := self._no(request):
            return no
        form = parse_qs((await request.read()).decode())
        event = self._found(request)
        if event is None:
            return _missing(request.match_info["id"])
        if form.get("webhook_endpoint") != [self.endpoint]:
            return _error(400, "Missing required param: webhook_endpoint.", "parameter_missing")
        key = request.headers.get("Idempotency-Key", secrets.token_hex(8))
        if key not in self._answered:
            self._answered[key] = self._shape(event)
            delivering = asyncio.create_task(self._deliver(event))
            self._delivering.add(delivering)
            delivering.add_done_callback(self._delivering.discard)
        return _json(self._answered[key])

    async def _deliver(self, event: Stored) -> None:
        body = self.body(event)
        at = int(datetime.now(UTC).timestamp())
        mac = hmac.new(self.webhook_secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
        headers = {
            "Stripe-Signature": f"t={at},v1={mac.hexdigest()}",
            "Content-Type": "application/json; charset=utf-8",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.endpoint_url, data=body, headers=headers) as answer,
        ):
            event.is_delivered = event.is_delivered or answer.status < 300

    def _no(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return _error(401, "Invalid API Key provided: rk_test_********************")
        if self.strikes("limited"):
            says = "Request rate limit exceeded. Learn more about rate limits."
            headers = {"Stripe-Rate-Limited-Reason": "global-rate"}
            return _error(429, says, "rate_limit", headers)
        if self.strikes("denied"):
            says = "The provided key does not have the required permissions for this endpoint."
            return _error(403, says, "more_permissions_required")
        if request.headers.get("Stripe-Version", VERSION) != VERSION:
            return _error(400, "Invalid Stripe API version")
        return None

    def _kept(self) -> list[Stored]:
        return [one for one in self.events if datetime.now(UTC) - one.created_at < KEPT]

    def _found(self, request: web.Request) -> Stored | None:
        return next((one for one in self._kept() if one.id == request.match_info["id"]), None)

    def _shape(self, event: Stored) -> dict[str, Any]:
        is_tried = not event.is_delivered and datetime.now(UTC) - event.created_at < TRIED
        return {
            "id": event.id,
            "object": "event",
            "api_version": event.api_version,
            "created": int(event.created_at.timestamp()),
            "data": {"object": dict(event.object)},
            "livemode": False,
            "pending_webhooks": int(is_tried),
            "request": {"id": None, "idempotency_key": None},
            "type": event.type,
        }


def _is_wanted(event: Stored, query: Mapping[str, str], types: list[str]) -> bool:
    at = int(event.created_at.timestamp())
    return (
        (not types or event.type in types)
        and query.get("type", event.type) == event.type
        and query.get("delivery_success", str(event.is_delivered).lower())
        == str(event.is_delivered).lower()
        and at >= int(query.get("created[gte]", "0"))
        and at < int(query.get("created[lt]", "99999999999"))
    )


def _pretty(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


def _json(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    told = {"request-id": f"req_{secrets.token_hex(7)}", "stripe-version": VERSION}
    return web.Response(
        text=_pretty(content),
        status=status,
        content_type="application/json",
        headers=told | dict(headers or {}),
    )


def _error(
    status: int, says: str, code: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    error = {"message": says, "type": "invalid_request_error", **({"code": code} if code else {})}
    return _json({"error": error}, status, headers)


def _missing(event: str) -> web.Response:
    return _error(404, f"No such event: '{event}'", "resource_missing")
