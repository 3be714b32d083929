"""
Reads users, what they hold and how they signed in, by Auth0's Management API, and keeps them out.

Every change leaves something that can be looked at: whether a user is blocked, and whether any
session or refresh token is left. Auth0 takes a revocation and carries it out a moment later.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from adapters.auth0.changes import BlockUser, RevokeRefreshTokens, RevokeSessions, UnblockUser
from adapters.auth0.facts import Grant, Grants, SignIn, SignIns, Standing, Standings, User, Users
from adapters.auth0.reading import KINDS, entries_of, sessions_of, tokens_of, user_of, users_of
from adapters.auth0.token import ManagementToken
from adapters.http_calls import Answer, HttpCalls, NotFound, Query
from adapters.plain import plain
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import Refused, Unreachable
from bot.settings import Auth0Settings

AUTH0 = "Auth0"
#: Entries of a page, and how many Auth0 gives out by search at all: 1,000.
LOG_PAGE, LOG_PAGES = 100, 10
GRANT_PAGE, GRANT_PAGES = 50, 20
#: What would end a quoted term of Auth0's search.
QUOTES, BACKSLASHED = re.compile(r'([\\"])'), r"\\\1"
Read = Callable[[object], tuple[Sequence[Grant], str]]


class Auth0(Adapter):
    def __init__(self, calls: HttpCalls, settings: Auth0Settings, token: ManagementToken) -> None:
        self._calls, self._token = calls, token
        self._url = f"{settings.url.rstrip('/')}/api/v2"

    async def user(self, user_id: str) -> User:
        """Raises Unreachable; Refused, NotFound too."""
        return user_of((await self._read(_path(user_id))).json())

    async def users(self, email: str) -> Users:
        """Everybody with this address; none is no error. Raises Unreachable, Refused."""
        answer = await self._read("users-by-email", [("email", email.lower())])
        return Users(users=users_of(answer.json()))

    async def grants(self, user_id: str) -> Grants:
        """All sessions and refresh tokens. Raises Unreachable, Refused."""
        sessions = await self._all(f"{_path(user_id)}/sessions", sessions_of)
        tokens = await self._all(f"{_path(user_id)}/refresh-tokens", tokens_of)
        return Grants(user_id=user_id, grants=(*sessions, *tokens))

    async def standings(self, emails: Sequence[str]) -> Standings:
        """Of everybody with one of these addresses. Raises Unreachable, Refused."""
        found: list[Standing] = []
        missing = []
        for email in emails:
            users = (await self.users(email)).users
            if not users:
                missing.append(email)
            for user in users:
                held = await self.grants(user.id)
                count = held.count
                found.append(
                    Standing(
                        user=user,
                        sessions=count("session"),
                        refresh_tokens=count("refresh token"),
                    )
                )
        return Standings(standings=tuple(found), missing=tuple(missing))

    async def sign_ins(
        self, since: datetime, until: datetime, user_id: str = "", ip: str = ""
    ) -> SignIns:
        """By a user, from an address, or both. Raises Unreachable, Refused."""
        found: list[SignIn] = []
        query = [("q", _search(since, until, user_id, ip)), ("sort", "date:-1")]
        for page in range(LOG_PAGES):
            asked = [*query, ("per_page", str(LOG_PAGE)), ("page", str(page))]
            entries = entries_of((await self._read("logs", asked)).json())
            found += entries
            if len(entries) < LOG_PAGE:
                return SignIns(entries=tuple(found))
        return SignIns(entries=tuple(found), is_cut=True)

    async def _all(self, path: str, read: Read) -> list[Grant]:
        found: list[Grant] = []
        after: Query = ()
        for _ in range(GRANT_PAGES):
            answer = await self._read(path, [("take", str(GRANT_PAGE)), *after])
            grants, following = read(answer.json())
            found += grants
            if not following:
                return found
            after = [("from", following)]
        raise Unreachable(f"Auth0 has more than {GRANT_PAGE * GRANT_PAGES} of them; not all read")

    async def _see_block(self, change: BlockUser) -> Seen:
        return await self._see_blocked(change, wanted=True)

    async def _see_unblock(self, change: UnblockUser) -> Seen:
        return await self._see_blocked(change, wanted=False)

    async def _see_blocked(self, change: BlockUser | UnblockUser, wanted: bool) -> Seen:
        try:
            is_blocked = (await self.user(change.user_id)).is_blocked
        except NotFound:
            return _gone(change.user_id)
        now = f"{change.named} is {'blocked' if is_blocked else 'not blocked'}"
        return Seen("applied" if is_blocked is wanted else "before", now)

    async def _block(self, change: BlockUser, key: Key) -> None:
        await self._write("PATCH", _path(change.user_id), {"blocked": True})

    async def _unblock(self, change: UnblockUser, key: Key) -> None:
        await self._write("PATCH", _path(change.user_id), {"blocked": False})

    async def _see_sessions(self, change: RevokeSessions) -> Seen:
        return await self._see_left(change, "sessions", sessions_of)

    async def _see_tokens(self, change: RevokeRefreshTokens) -> Seen:
        return await self._see_left(change, "refresh-tokens", tokens_of)

    async def _see_left(
        self, change: RevokeSessions | RevokeRefreshTokens, what: str, read: Read
    ) -> Seen:
        path = f"{_path(change.user_id)}/{what}"
        try:
            answer = await self._read(path, [("take", str(GRANT_PAGE))])
        except NotFound:
            return _gone(change.user_id)
        grants, following = read(answer.json())
        words = what.replace("-", " ")
        if not grants and not following:
            return Seen("applied", f"{change.named} has no {words}")
        more = "or more " if following else ""
        return Seen("before", f"{change.named} has {len(grants)} {more}{words}")

    async def _revoke_sessions(self, change: RevokeSessions, key: Key) -> None:
        await self._write("DELETE", f"{_path(change.user_id)}/sessions")

    async def _revoke_tokens(self, change: RevokeRefreshTokens, key: Key) -> None:
        await self._write("DELETE", f"{_path(change.user_id)}/refresh-tokens")

    alters = (
        pair(
            BlockUser,
            observe=_see_block,
            apply=_block,
            permissions=("Auth0: read:users, update:users",),
        ),
        pair(
            UnblockUser,
            observe=_see_unblock,
            apply=_unblock,
            permissions=("Auth0: read:users, update:users",),
        ),
        pair(
            RevokeSessions,
            observe=_see_sessions,
            apply=_revoke_sessions,
            permissions=("Auth0: read:sessions, delete:sessions",),
        ),
        pair(
            RevokeRefreshTokens,
            observe=_see_tokens,
            apply=_revoke_tokens,
            permissions=("Auth0: read:refresh_tokens, delete:refresh_tokens",),
        ),
    )

    async def _read(self, path: str, query: Query = ()) -> Answer:
        async def read(token: str) -> Answer:
            url = f"{self._url}/{path}"
            return await self._calls.read(AUTH0, url, query, _headers(token))

        return await self._token.use(read)

    async def _write(
        self, method: Literal["PATCH", "DELETE"], path: str, body: dict[str, Any] | None = None
    ) -> None:
        async def write(token: str) -> Answer:
            url = f"{self._url}/{path}"
            return await self._calls.write(AUTH0, url, body, _headers(token), method)

        await self._token.use(write)


def _path(user_id: str) -> str:
    return f"users/{quote(user_id, safe='')}"


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "accept": "application/json"}


def _gone(user_id: str) -> Seen:
    return Seen("drifted", f"Auth0 knows no user {plain(user_id, 255)}")


def _search(since: datetime, until: datetime, user_id: str, ip: str) -> str:
    """In Auth0's search, https://auth0.com/docs/deploy-monitor/logs/log-search-query-syntax."""
    if not user_id and not ip:
        raise Refused("Say whose sign-ins, or from which address. Nothing was looked up.")
    terms = [f"type:({' OR '.join(KINDS)})", f"date:[{_moment(since)} TO {_moment(until)}]"]
    if user_id:
        terms.append(f'user_id:"{QUOTES.sub(BACKSLASHED, user_id)}"')
    if ip:
        terms.append(f'ip:"{_address(ip)}"')
    return " AND ".join(terms)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _address(ip: str) -> str:
    try:
        return str(ipaddress.ip_address(ip))
    except ValueError:
        raise Refused(f"{plain(ip, 60)} is no address. Nothing was looked up.") from None
