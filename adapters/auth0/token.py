"""
The access token for the Management API: asked for with the application's own secret, good for many
calls, and kept in memory only.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.http_calls import HttpCalls
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.redaction import REDACTOR
from bot.secrets.vault import Credential, NotAccepted
from bot.settings import Auth0Settings

T = TypeVar("T")
EARLY_S = 60.0  #: Before it expires it is no longer used.


class _Granted(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    access_token: str = Field(pattern=r"^[\x21-\x7e]{8,10000}$")
    expires_in: float = Field(gt=0, le=2_592_000)  #: Seconds.


class ManagementToken:
    """`clock` in seconds; it only moves forward."""

    def __init__(
        self,
        calls: HttpCalls,
        settings: Auth0Settings,
        secret: Credential | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls, self._settings, self._secret = calls, settings, secret
        self._clock, self._lock = clock, asyncio.Lock()
        self._value, self._until = "", float("-inf")

    async def use(self, call: Callable[[str], Awaitable[T]]) -> T:
        """What the call gives; made again, once, with another token if this is not accepted."""
        token = await self._current()
        try:
            return await call(token)
        except NotAccepted:
            if self._value == token:
                self._value = ""
        return await call(await self._current())

    async def _current(self) -> str:
        """Raises Refused, and NothingDone without an answer."""
        async with self._lock:
            if not self._value or self._clock() >= self._until:
                self._value = await self._new()
            return self._value

    async def _new(self) -> str:
        if self._secret is None or not self._settings.url or not self._settings.client_id:
            raise Refused(
                "Auth0 was not asked: set auth0.url, auth0.client_id and auth0.client_secret."
            )
        try:
            return await self._secret.use(self._ask)
        except NothingDone:
            raise
        except Unreachable as error:
            raise NothingDone(f"No token is to be had, so nothing was done: {error}") from None

    async def _ask(self, secret: str) -> str:
        url, asked_at = self._settings.url.rstrip("/"), self._clock()
        body = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": secret,
            "audience": f"{url}/api/v2/",
        }
        answer = await self._calls.write("Auth0", f"{url}/oauth/token", body)
        try:
            granted = _Granted.model_validate(answer.json())
        except ValidationError:
            raise Unreachable("Auth0 answered without a token") from None
        REDACTOR.learn(granted.access_token, "auth0 access token")
        self._until = asked_at + granted.expires_in - EARLY_S
        return granted.access_token
