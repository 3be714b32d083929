"""What Auth0 keeps of users, and how it answers: its shapes, its errors, its limits."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

LIMIT = 50  #: Calls a second.
BROWSER = "Chrome 141.0.0 / Mac OS X 10.15.7"


@dataclass
class User:
    id: str
    email: str
    name: str
    is_blocked: bool = False
    sessions: list[str] = field(default_factory=list)
    refresh_tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    at: datetime
    type: str
    user_id: str
    user_name: str
    ip: str
    user_agent: str = BROWSER


def user_shape(user: User) -> dict[str, Any]:
    blocked = {"blocked": True} if user.is_blocked else {}
    return blocked | {
        "user_id": user.id,
        "email": user.email,
        "email_verified": True,
        "name": user.name,
        "identities": [{"connection": "Username-Password-Authentication", "provider": "auth0"}],
        "created_at": "2025-02-03T08:00:00.000Z",
        "updated_at": "2026-02-03T08:00:00.000Z",
        "last_login": "2026-02-03T08:00:00.000Z",
        "last_ip": "198.51.100.7",
        "logins_count": 7,
    }


def held_shape(name: str, user: User) -> dict[str, Any]:
    device = {"initial_ip": "198.51.100.7", "last_ip": "198.51.100.8", "last_user_agent": "curl"}
    return {
        "id": name,
        "user_id": user.id,
        "created_at": "2026-02-03T08:00:00.000Z",
        "last_interacted_at": "2026-02-03T09:00:00.000Z",
        "device": device,
    }


def entry_shape(entry: Entry) -> dict[str, Any]:
    at = f"{entry.at:%Y-%m-%dT%H:%M:%S}.{entry.at.microsecond // 1000:03}Z"
    return {
        "_id": secrets.token_hex(12),
        "date": at,
        "type": entry.type,
        "user_id": entry.user_id,
        "user_name": entry.user_name,
        "ip": entry.ip,
        "user_agent": entry.user_agent,
        "client_name": "ComplyAI",
        "location_info": {"country_code": "DE", "city_name": "Berlin"},
    }


def limits(left: int = LIMIT) -> dict[str, str]:
    reset = int((datetime.now(UTC) + timedelta(seconds=2)).timestamp())
    return {
        "x-ratelimit-limit": str(LIMIT),
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": str(reset),
    }


def said(content: dict[str, Any] | Iterable[Any]) -> web.Response:
    return web.json_response(content, headers=limits())


def error(status: int, name: str, says: str, code: str, left: int = LIMIT) -> web.Response:
    body = {"statusCode": status, "error": name, "message": says, "errorCode": code}
    return web.json_response(body, status=status, headers=limits(left))


def limited() -> web.Response:
    says = "Global limit has been reached"
    return error(429, "Too Many Requests", says, "too_many_requests", left=0)


def oauth_error(status: int, name: str, says: str) -> web.Response:
    return web.json_response({"error": name, "error_description": says}, status=status)


def no_user() -> web.Response:
    return error(404, "Not Found", "The user does not exist.", "inexistent_user")
