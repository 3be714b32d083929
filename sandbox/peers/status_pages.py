"""The status pages of Meta, Stripe and Auth0, each in its own shape."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, get_args

from aiohttp import web

from sandbox.peers.peer import PAGE, Peer

Vendor = Literal["Meta", "Stripe", "Auth0"]
Condition = Literal["well", "trouble", "unknown shape", "strange word", "html", "slow", "error"]
PATHS: Mapping[Vendor, str] = {
    "Meta": "/meta/data/orgs.json",
    "Stripe": "/stripe/current",
    "Auth0": "/auth0/api/v2/status.json",
}


class VendorPages(Peer):
    """Each vendor fails by itself: `vendors["Meta"] = "trouble"`."""

    def __init__(self, slow_s: float = 30.0) -> None:
        super().__init__(slow_s)
        self.vendors: dict[Vendor, Condition] = dict.fromkeys(get_args(Vendor), "well")

    def page(self, vendor: Vendor) -> str:
        return f"{self.url}{PATHS[vendor]}"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/{vendor}/{rest:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        named: list[Vendor] = [one for one, path in PATHS.items() if path == request.path]
        if not named:
            return web.json_response({"error": "not found"}, status=404)
        condition = self.vendors[named[0]]
        if condition == "slow":
            await asyncio.sleep(self.slow_s)
        if condition == "html":
            return web.Response(text=PAGE, content_type="text/html")
        if condition == "error":
            return web.json_response({"error": "bad gateway"}, status=502)
        if condition == "unknown shape":
            return web.json_response({"components": [{"name": "api", "health": 1.0}]})
        return web.json_response(_CONTENT[named[0]](condition))


def _meta(condition: Condition) -> list[dict[str, Any]]:
    words = {"trouble": "Major disruptions", "strange word": "Pending review"}
    marketing = words.get(condition, "No known issues")
    return [
        {
            "id": "business",
            "name": "Business tools",
            "services": [
                {"id": "ads-manager", "name": "Ads Manager", "status": "Resolved"},
                {"id": "business-manager", "name": "Meta Business Suite", "status": WELL_AT_META},
            ],
        },
        {
            "id": "platform",
            "name": "Developer platform",
            "services": [
                {"id": "marketing-api", "name": "Marketing API", "status": marketing},
                {"id": "graph-api", "name": "Graph API", "status": WELL_AT_META},
                {"id": "webhooks", "name": "Webhooks", "status": WELL_AT_META},
            ],
        },
    ]


def _stripe(condition: Condition) -> dict[str, Any]:
    states = {"trouble": "degraded", "strange word": "sideways"}
    api = states.get(condition, "up")
    trouble = "Some API requests are slower than usual."
    return {
        "largestatus": api,
        "message": trouble if condition == "trouble" else "All services are online.",
        "time": "Nov 24, 2026 08:00 UTC",
        "statuses": {
            "api": api,
            "checkoutjs": "up",
            "dashboard": "up",
            "emails": "up",
            "stripejs": "up",
            "webhooks": "up",
        },
    }


def _auth0(condition: Condition) -> dict[str, Any]:
    indicators = {"trouble": "major", "strange word": "fine"}
    indicator = indicators.get(condition, "none")
    trouble = "Elevated errors when signing in"
    return {
        "page": {"id": "auth0", "name": "Auth0", "url": "https://status.auth0.com"},
        "status": {
            "indicator": indicator,
            "description": trouble if condition == "trouble" else "All Systems Operational",
        },
    }


WELL_AT_META = "No known issues"
_CONTENT = {"Meta": _meta, "Stripe": _stripe, "Auth0": _auth0}
