"""
Auth0: tokens for the Management API, users, what they hold, and the log of their sign-ins.

A revocation is taken (202) and carried out a moment later. Its search is what we use of Lucene:
terms that must all hold.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from sandbox.peers.auth0_answers import (
    BROWSER,
    Entry,
    User,
    entry_shape,
    error,
    held_shape,
    limited,
    limits,
    no_user,
    oauth_error,
    said,
    user_shape,
)
from sandbox.peers.peer import CALL, Peer

SCOPES = frozenset(
    {"read:users", "update:users", "read:sessions", "delete:sessions", "read:refresh_tokens",
     "delete:refresh_tokens", "read:logs"}
)  # fmt: skip
MOST_PER_PAGE, MOST_ENTRIES, MOST_TAKEN = 100, 1000, 100
TERM = re.compile(
    r'type:\((?P<types>[\w ]+)\)|date:\[(?P<since>\S+) TO (?P<until>\S+)\]'
    r'|(?P<field>user_id|ip):"(?P<value>(?:[^"\\]|\\.)*)"'
)  # fmt: skip


class Auth0(Peer):
    """
    Faults of its own: limited (429), later (what is revoked is there for `later_s` still).
    `scopes` is what the application was granted.
    """

    FAULTS = Peer.FAULTS | {"limited", "later"}

    def __init__(self, client_secret: str = "", slow_s: float = 30.0) -> None:
        super().__init__(slow_s)
        self.client_id = "sandboxClientOfTheBot"
        self.client_secret = client_secret or secrets.token_urlsafe(48)
        self.scopes = set(SCOPES)
        self.token_lasts_s, self.token_begins = 86_400, "eyJhbGciOiJSUzI1NiJ9"
        self.later_s = 0.5
        self.users: list[User] = []
        self.entries: list[Entry] = []
        self._tokens: set[str] = set()
        self._working: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        user = "/api/v2/users/{id}"
        return [
            web.post("/oauth/token", self._grant),
            web.get("/api/v2/users-by-email", self._by_email),
            web.get(user, self._get),
            web.patch(user, self._patch),
            web.get(f"{user}/sessions", self._sessions),
            web.delete(f"{user}/sessions", self._end_sessions),
            web.get(f"{user}/refresh-tokens", self._refresh_tokens),
            web.delete(f"{user}/refresh-tokens", self._revoke_tokens),
            web.get("/api/v2/logs", self._logs),
        ]

    async def stop(self) -> None:
        await asyncio.gather(*self._working, return_exceptions=True)
        await super().stop()

    def enrol(self, user: User) -> User:
        self.users.append(user)
        return user

    def sign_in(
        self,
        user: User,
        ip: str,
        ago: timedelta = timedelta(0),
        kind: str = "s",
        user_agent: str = BROWSER,
    ) -> None:
        """An entry of the log; one that succeeds opens a session and gives a refresh token."""
        at = datetime.now(UTC) - ago
        self.entries.append(Entry(at, kind, user.id, user.email, ip, user_agent))
        self.entries.sort(key=lambda one: one.at, reverse=True)
        if kind == "s":
            user.sessions.append(secrets.token_hex(12))
            user.refresh_tokens.append(secrets.token_hex(12))

    def expire_tokens(self) -> None:
        self._tokens.clear()

    async def _grant(self, request: web.Request) -> web.Response:
        if self.strikes("limited"):
            return limited()
        body = request[CALL].body
        asked = body if isinstance(body, dict) else {}
        known = (asked.get("client_id"), asked.get("client_secret"))
        if known != (self.client_id, self.client_secret):
            return oauth_error(401, "access_denied", "Unauthorized")
        if asked.get("audience") != f"{self.url}/api/v2/":
            says = f"Service not found: {asked.get('audience')}"
            return oauth_error(403, "access_denied", says)
        token = f"{self.token_begins}.{secrets.token_urlsafe(40)}.{secrets.token_urlsafe(40)}"
        self._tokens.add(token)
        granted = {"access_token": token, "scope": " ".join(sorted(self.scopes))}
        return web.json_response(
            granted | {"expires_in": self.token_lasts_s, "token_type": "Bearer"}
        )

    async def _by_email(self, request: web.Request) -> web.Response:
        if no := self._no(request, "read:users"):
            return no
        wanted = request.query.get("email")
        if not wanted:
            return error(400, "Bad Request", "Missing required property: email", "invalid_query")
        return said([user_shape(one) for one in self.users if one.email == wanted])

    async def _get(self, request: web.Request) -> web.Response:
        if no := self._no(request, "read:users"):
            return no
        user = self._found(request)
        return said(user_shape(user)) if user else no_user()

    async def _patch(self, request: web.Request) -> web.Response:
        if no := self._no(request, "update:users"):
            return no
        user, wanted = self._found(request), request[CALL].body
        if user is None:
            return no_user()
        if not isinstance(wanted, dict) or not isinstance(wanted.get("blocked"), bool):
            return error(400, "Bad Request", "Payload validation error", "invalid_body")
        user.is_blocked = wanted["blocked"]
        return said(user_shape(user))

    async def _sessions(self, request: web.Request) -> web.Response:
        return self._listed(request, "read:sessions", "sessions", lambda one: one.sessions)

    async def _refresh_tokens(self, request: web.Request) -> web.Response:
        scope = "read:refresh_tokens"
        return self._listed(request, scope, "tokens", lambda one: one.refresh_tokens)

    async def _end_sessions(self, request: web.Request) -> web.Response:
        return self._emptied(request, "delete:sessions", lambda one: one.sessions)

    async def _revoke_tokens(self, request: web.Request) -> web.Response:
        return self._emptied(request, "delete:refresh_tokens", lambda one: one.refresh_tokens)

    def _listed(
        self, request: web.Request, scope: str, name: str, held: Callable[[User], list[str]]
    ) -> web.Response:
        """A page, by checkpoint: `from` is what the page before said is next."""
        if no := self._no(request, scope):
            return no
        user = self._found(request)
        if user is None:
            return no_user()
        take, start = int(request.query.get("take", "50")), int(request.query.get("from", "0"))
        if not 1 <= take <= MOST_TAKEN:
            return error(400, "Bad Request", "Query validation error", "invalid_query_string")
        ids = held(user)
        page: dict[str, Any] = {name: [held_shape(one, user) for one in ids[start : start + take]]}
        return said(page | ({"next": str(start + take)} if len(ids) > start + take else {}))

    def _emptied(
        self, request: web.Request, scope: str, held: Callable[[User], list[str]]
    ) -> web.Response:
        if no := self._no(request, scope):
            return no
        user = self._found(request)
        if user is None:
            return no_user()
        if self.strikes("later"):
            working = asyncio.create_task(self._empty_later(held(user)))
            self._working.add(working)
            working.add_done_callback(self._working.discard)
        else:
            held(user).clear()
        return web.Response(status=202, headers=limits())

    async def _empty_later(self, held: list[str]) -> None:
        await asyncio.sleep(self.later_s)
        held.clear()

    async def _logs(self, request: web.Request) -> web.Response:
        if no := self._no(request, "read:logs"):
            return no
        query = request.query
        size, page = int(query.get("per_page", "50")), int(query.get("page", "0"))
        terms = [TERM.fullmatch(one) for one in query.get("q", "").split(" AND ")]
        if size > MOST_PER_PAGE or not all(terms):
            return error(400, "Bad Request", "Query validation error", "invalid_query_string")
        if (page + 1) * size > MOST_ENTRIES:
            says = f"You can only page through the first {MOST_ENTRIES} records."
            return error(400, "Bad Request", says, "invalid_paging")
        wanted = [term.groupdict() for term in terms if term]
        found = [one for one in self.entries if all(_holds(term, one) for term in wanted)]
        return said([entry_shape(one) for one in found[page * size : (page + 1) * size]])

    def _no(self, request: web.Request, scope: str) -> web.Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._tokens:
            return error(401, "Unauthorized", "Expired token received", "invalid_token")
        if self.strikes("limited"):
            return limited()
        if scope not in self.scopes:
            says = f"Insufficient scope, expected any of: {scope}"
            return error(403, "Forbidden", says, "insufficient_scope")
        return None

    def _found(self, request: web.Request) -> User | None:
        return next((one for one in self.users if one.id == request.match_info["id"]), None)


def _holds(term: Mapping[str, str], entry: Entry) -> bool:
    if term["types"]:
        return entry.type in term["types"].split(" OR ")
    if term["since"]:
        since, until = (datetime.fromisoformat(term[one]) for one in ("since", "until"))
        return since <= entry.at <= until
    wanted = re.sub(r"\\(.)", r"\1", term["value"])
    return wanted == (entry.user_id if term["field"] == "user_id" else entry.ip)
