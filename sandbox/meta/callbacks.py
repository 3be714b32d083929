"""What Meta asks of, and sends to, the callback that an app is subscribed with."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

import aiohttp

LIMIT = aiohttp.ClientTimeout(5.0)
TROUBLE = (aiohttp.ClientError, ValueError, TimeoutError)


async def verify(callback: str, verify_token: str) -> str:
    """Why it is no callback for us; empty: it is one."""
    challenge = str(secrets.randbelow(10**9))
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    try:
        async with (
            aiohttp.ClientSession(timeout=LIMIT) as session,
            session.get(callback, params=query) as answer,
        ):
            said = await answer.text()
    except TROUBLE:
        return "cURL error"
    if answer.status != 200:
        return f"HTTP Status Code = {answer.status}"
    return "" if said == challenge else "the challenge was not echoed"


async def deliver(callback: str, body: Mapping[str, Any], secret: str) -> bool:
    """Signed with the secret. Whether it was taken."""
    raw = json.dumps(body).encode()
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    headers = {
        "X-Hub-Signature-256": f"sha256={signature}",
        "Content-Type": "application/json",
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=LIMIT) as session,
            session.post(callback, data=raw, headers=headers) as answer,
        ):
            return answer.status == 200
    except TROUBLE:
        return False
