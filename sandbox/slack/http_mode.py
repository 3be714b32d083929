"""
HTTP mode: signed requests to the app's request URL instead of Socket Mode.

The signature is v0= HMAC-SHA256 over "v0:timestamp:body" with the signing secret. Events say which
attempt they are and why the one before did not count.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.acks import ACK_LIMIT_S, Ack, PayloadKind
from sandbox.slack.clock import Clock
from sandbox.slack.wire import Json

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def signed(secret: str, body: str, timestamp: int) -> dict[str, str]:
    base = f"v0:{timestamp}:{body}".encode()
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": f"v0={digest}",
    }


class HttpMode:
    def __init__(self, request_url: str, signing_secret: str, clock: Clock) -> None:
        self.url = request_url  #: May be set anew at any time, as in the app's settings.
        self._secret = signing_secret
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._failed: dict[str, str] = {}  #: Event id -> why its last attempt did not count.

    async def verify(self) -> bool:
        """Whether the app answers the challenge Slack asks when a request URL is set."""
        challenge = secrets.token_hex(16)
        body = json.dumps({"token": "sandbox", "challenge": challenge, "type": "url_verification"})
        status, text, _ = await self._post(body, JSON_TYPE, {})
        return status == 200 and challenge in text

    async def carry(self, kind: PayloadKind, payload: Json, attempt: int = 0) -> Ack:
        body, content_type = _encoded(kind, payload)
        event_id = str(payload.get("event_id", ""))
        extra: dict[str, str] = {}
        if attempt:
            extra = {
                "X-Slack-Retry-Num": str(attempt),
                "X-Slack-Retry-Reason": self._failed.get(event_id, "unknown_error"),
            }
        started = time.perf_counter()
        try:
            status, text, answered_type = await self._post(body, content_type, extra)
        except TimeoutError:
            self._failed[event_id] = "http_timeout"
            return Ack(False, ACK_LIMIT_S * 1000, error="operation_timeout")
        except aiohttp.ClientError:
            self._failed[event_id] = "connection_failed"
            return Ack(False, error="dispatch_failed")
        ms = (time.perf_counter() - started) * 1000
        if status != 200:
            self._failed[event_id] = "http_error"
            return Ack(False, ms, error="dispatch_failed")
        self._failed.pop(event_id, None)
        return Ack(True, ms, _answer(text, answered_type))

    async def _post(
        self, body: str, content_type: str, extra: dict[str, str]
    ) -> tuple[int, str, str]:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=ACK_LIMIT_S)
            self._session = aiohttp.ClientSession(timeout=limit)
        headers = signed(self._secret, body, int(self._clock.now()))
        headers |= {"Content-Type": content_type, **extra}
        async with self._session.post(self.url, data=body.encode(), headers=headers) as answer:
            return answer.status, await answer.text(), answer.content_type

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)


def _encoded(kind: PayloadKind, payload: Json) -> tuple[str, str]:
    if kind == "events_api":
        return json.dumps(payload), JSON_TYPE
    if kind == "slash_commands":
        return urlencode(payload), FORM_TYPE
    return urlencode({"payload": json.dumps(payload)}), FORM_TYPE


def _answer(text: str, content_type: str) -> Json:
    if not text:
        return {}
    if content_type == JSON_TYPE:
        answered = json.loads(text)
        return answered if isinstance(answered, dict) else {}
    return {"text": text}
