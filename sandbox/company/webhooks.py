"""The company's callback for Meta's webhooks: it echoes a challenge, and takes what is signed."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from sandbox.peers.peer import PAGE, Peer

PATH = "/webhooks/meta"
Take = Callable[[Mapping[str, Any]], Awaitable[None]]


class Callback(Peer):
    """
    `take` is given what was signed rightly. Faults of its own: wrong token (it knows another one
    than it should), any token (it lets in everybody), page (a web page for everything), echo in
    text (the challenge with something round it).
    """

    FAULTS = Peer.FAULTS | {"wrong token", "any token", "page", "echo in text"}

    def __init__(self, app_secret: str, take: Take, slow_s: float = 30.0) -> None:
        super().__init__(slow_s)
        self.verify_token = secrets.token_hex(12)
        self._app_secret, self._take = app_secret, take

    @property
    def callback_url(self) -> str:
        return f"{self.url}{PATH}"

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self._verify), web.post(PATH, self._event)]

    async def _verify(self, request: web.Request) -> web.Response:
        if self.strikes("page"):
            return web.Response(text=PAGE, content_type="text/html")
        query = request.query
        known = "another" if self.strikes("wrong token") else self.verify_token
        is_known = query.get("hub.verify_token") == known or self.strikes("any token")
        if query.get("hub.mode") != "subscribe" or not is_known:
            return web.Response(status=403, text="Forbidden")
        challenge = query.get("hub.challenge", "")
        told = f'"{challenge}"\n' if self.strikes("echo in text") else challenge
        return web.Response(text=told)

    async def _event(self, request: web.Request) -> web.Response:
        raw = await request.read()
        made = hmac.new(self._app_secret.encode(), raw, hashlib.sha256).hexdigest()
        given = request.headers.get("X-Hub-Signature-256", "")
        if not hmac.compare_digest(given, f"sha256={made}"):
            return web.Response(status=401, text="bad signature")
        await self._take(json.loads(raw))
        return web.Response(text="ok")
