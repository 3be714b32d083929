"""
Calls of Meta's Graph API. Tokens go into the Authorization header, and one that is asked about
into a form: never into an address. What is asked may be asked twice; what alters is sent once.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapters.http_calls import Answer, HttpCalls, Query
from adapters.meta.errors import META, raised, trouble_in
from adapters.meta.usage import Usage, usages_in
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.vault import Credential
from bot.settings import MetaSettings

TRIES, PAUSE_S = 2, 0.5
#: Ids of apps and ad accounts: nothing else becomes part of an address.
ID = re.compile(r"(?:act_)?[0-9]{1,30}")


@dataclass(frozen=True)
class GraphAnswer:
    content: Mapping[str, Any]
    usages: tuple[Usage, ...]
    unread: tuple[str, ...]  #: Headers of usage that cannot be read.

    def list(self, name: str = "data") -> list[Mapping[str, Any]]:
        """Raises Unreachable when there is none."""
        listed = self.content.get(name)
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise Unreachable(f"{META} answered without a list")
        return listed


class Graph:
    """With the app's secret every call proves that it comes from us (`appsecret_proof`)."""

    def __init__(
        self, calls: HttpCalls, settings: MetaSettings, app_secret: Credential | None
    ) -> None:
        self._calls, self._app_secret = calls, app_secret
        self._url = f"{settings.graph_url.rstrip('/')}/{settings.version}"

    async def get(self, path: str, token: str, query: Query = ()) -> GraphAnswer:
        """Raises Unreachable, Limited, NotAccepted, Refused."""
        for left in range(TRIES - 1, -1, -1):
            try:
                asked = [*query, *await self._proof(token)]
                answer = await self._calls.ask(META, self._at(path), asked, _headers(token))
                return _read(answer)
            except NothingDone:
                raise
            except Unreachable:
                if not left:
                    raise
            await asyncio.sleep(PAUSE_S)
        raise AssertionError("there is a last try")

    async def ask_about(self, path: str, token: str, form: Query) -> GraphAnswer:
        """
        A question with something in it that belongs into no address: a form that is to be taken
        for a GET, as Meta's own JavaScript SDK sends long questions. Raises as `get` does.
        """
        asked = [*form, ("method", "get"), *await self._proof(token)]
        url = self._at(path)
        return _read(await self._calls.submit(META, "POST", url, asked, _headers(token)))

    async def send(
        self, method: Literal["POST", "DELETE"], path: str, token: str, form: Query
    ) -> None:
        """Once. Raises Limited and Refused when nothing was done; Unreachable: not known."""
        told = [*form, *await self._proof(token)]
        url = self._at(path)
        answer = await self._calls.submit(META, method, url, told, _headers(token))
        content = _read(answer, writing=True).content
        if str(content.get("success")).lower() != "true":
            raise Unreachable(f"{META} did not say that it was done")

    async def _proof(self, token: str) -> Query:
        if not self._app_secret:
            return ()
        secret = await self._app_secret.value()
        proof = hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        return (("appsecret_proof", proof),)

    def _at(self, path: str) -> str:
        return f"{self._url}/{path}"


def checked(graph_id: str) -> str:
    """An id as it may stand in an address. Raises Refused."""
    if not ID.fullmatch(graph_id):
        raise Refused("That is no id of an app or ad account at Meta. Nothing was asked.")
    return graph_id


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "accept": "application/json"}


def _read(answer: Answer, writing: bool = False) -> GraphAnswer:
    usages, unread = usages_in(answer.headers)
    try:
        trouble = trouble_in(answer)
    except Unreachable as error:
        known = "; it is not known whether it was done" if writing else ""
        raise Unreachable(f"{error}{known}") from None
    if trouble:
        raise raised(trouble, usages, writing)
    content = answer.json()
    if not isinstance(content, dict):
        raise Unreachable(f"{META} answered in a shape that is not known")
    return GraphAnswer(content, usages, unread)
