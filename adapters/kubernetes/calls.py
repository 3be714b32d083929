"""
The one place that calls Kubernetes.

Reading may be tried again; writing is done once. Every call has one time limit, for connecting,
waiting and reading the answer together; a stream has it until it begins. kubernetes_asyncio checks
no status of what it does not read itself, and has no limits of its own: both are here.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
from kubernetes_asyncio.client import ApiClient

from adapters.http_calls import PAUSE_S, READ_TRIES, UNREADABLE
from adapters.kubernetes.access import kubeconfig_credential, open_client, open_place
from adapters.kubernetes.errors import Call, Expired
from bot.runbook.errors import NothingDone, Unreachable
from bot.runbook.values import all_storable, storable
from bot.secrets.vault import Credential
from bot.settings import KubernetesSettings

#: In bytes. A page of pods is a tenth of it.
LARGEST_ANSWER = 4_000_000
PAGE, MOST_PAGES = 50, 20
#: What may be half a character, which is no text: how JSON begins to write one.
HALF_A_PAIR = b"\\ud"
PATCH = "application/strategic-merge-patch+json"

Json = dict[str, Any]
Query = Mapping[str, object]
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    content: Json
    at: datetime  #: By Kubernetes' own clock, to the second: ages are right whatever ours says.


@dataclass(frozen=True)
class Pages:
    """`is_complete` is False when there was more than is read."""

    items: list[Any]
    is_complete: bool
    version: str  #: From here on a watch goes on.
    at: datetime


@dataclass(frozen=True)
class _Raw:
    status: int
    headers: Mapping[str, str]
    body: bytes


class KubeCalls:
    """
    Raises Unreachable when there was no answer (after a write: it may have happened), NothingDone
    when besides nothing happened, Refused on a clear no, NotThere when there is none.
    """

    def __init__(self, settings: KubernetesSettings, token: Credential | None = None) -> None:
        self._settings, self._token = settings, token
        self._client: ApiClient | None = None
        self._own_token: Credential | None = None  #: Of a kubeconfig.
        self._opening = asyncio.Lock()

    @property
    def timeout_s(self) -> float:
        return self._settings.timeout_s

    async def close(self) -> None:
        if self._own_token:
            await self._own_token.close()
        if self._client:
            await self._client.close()

    async def read(self, call: Call, query: Query | None = None) -> Answer:
        """At most three times."""
        raw = await self._limited(call, self._read_again(call, query or {}))
        return Answer(as_json(call, raw.body), _answered_at(raw.headers))

    async def read_pages(self, call: Call, query: Query | None = None) -> Pages:
        """What the pages of a list hold. Each page has its time limit. Raises Expired too."""
        items: list[Any] = []
        asked: dict[str, object] = {**(query or {}), "limit": PAGE}
        for _ in range(MOST_PAGES):
            answer = await self.read(call, asked)
            found, metadata = answer.content.get("items"), answer.content.get("metadata")
            if not isinstance(found or [], list) or not isinstance(metadata, dict):
                raise call.unreadable()
            items += found or []
            asked["continue"] = metadata.get("continue")
            version = str(metadata.get("resourceVersion", ""))
            if not asked["continue"]:
                return Pages(items, True, version, answer.at)
        return Pages(items, False, version, answer.at)

    async def read_text(self, call: Call, query: Query) -> str:
        raw = await self._limited(call, self._read_again(call, query))
        return raw.body.decode("utf-8", "replace")

    async def write(self, call: Call, body: Json) -> Answer:
        """Sends once. Unreachable, unless NothingDone, means that nobody knows."""
        raw = await self._limited(call, self._send(call, {}, body))
        return Answer(as_json(call, raw.body), _answered_at(raw.headers))

    @asynccontextmanager
    async def stream(
        self, call: Call, query: Query, idle_s: float
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """An answer that goes on. Without a byte for so long it is broken off."""
        limits = aiohttp.ClientTimeout(sock_connect=self.timeout_s, sock_read=idle_s)
        response = await self._limited(call, self._begin(call, query, None, limits))
        try:
            yield response.content
        except TimeoutError:
            raise call.unanswered(idle_s) from None
        except (aiohttp.ClientError, OSError) as error:
            raise call.broken(error) from None
        finally:
            response.close()

    async def _limited(self, call: Call, sending: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await sending
        except TimeoutError:
            raise call.unanswered(self.timeout_s) from None

    async def _read_again(self, call: Call, query: Query) -> _Raw:
        for tried in range(1, READ_TRIES):
            try:
                return await self._send(call, query)
            except Unreachable as error:
                if not _passes_soon(error):
                    raise
            await asyncio.sleep(PAUSE_S * tried)
        return await self._send(call, query)

    async def _send(self, call: Call, query: Query, body: Json | None = None) -> _Raw:
        response = await self._begin(call, query, body, aiohttp.ClientTimeout(total=None))
        try:
            return await _whole(call, response)
        except (aiohttp.ClientError, OSError) as error:
            raise call.broken(error) from None
        finally:
            response.close()

    async def _begin(
        self, call: Call, query: Query, body: Json | None, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """An answer whose status is good, and which is not read yet."""
        client = await self._ready()

        async def send(token: str) -> aiohttp.ClientResponse:
            return await self._ask(client, call, query, body, limits, token)

        return await (self._token.use(send) if self._token else send(""))

    async def _ask(
        self,
        client: ApiClient,
        call: Call,
        query: Query,
        body: Json | None,
        limits: aiohttp.ClientTimeout,
        token: str,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "*/*" if call.sub == "log" else "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = PATCH
        try:
            response: aiohttp.ClientResponse = await client.call_api(
                call.path,
                "GET" if body is None else "PATCH",
                query_params=_asked(query),
                header_params=headers,
                body=body,
                _preload_content=False,
                _request_timeout=limits,
            )
            if response.status < 300:
                return response
            with contextlib.closing(response):
                raw = await _whole(call, response)
        except TimeoutError:  # which is an OSError
            raise call.unanswered(self.timeout_s) from None
        except (aiohttp.ClientError, OSError) as error:
            raise call.broken(error) from None
        raise call.answered(raw.status, raw.headers, raw.body)

    async def _ready(self) -> ApiClient:
        """Raises Refused when the settings cannot be used."""
        async with self._opening:
            if self._client is None:
                place = await open_place(self._settings)
                if self._settings.kubeconfig and not self._settings.url:
                    self._own_token = kubeconfig_credential(self._settings, place)
                    self._token = self._own_token
                self._client = await open_client(place)
            return self._client


def _asked(query: Query) -> list[tuple[str, str]]:
    return [(name, storable(str(value))) for name, value in query.items() if value is not None]


def _passes_soon(error: Unreachable) -> bool:
    if isinstance(error, NothingDone):
        return error.again_after_s <= 1
    return not isinstance(error, Expired)


async def _whole(call: Call, response: aiohttp.ClientResponse) -> _Raw:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > LARGEST_ANSWER:
            raise call.unreadable()
    return _Raw(response.status, response.headers, bytes(body))


def as_json(call: Call, body: bytes) -> Json:
    """Raises Unreachable for what is no object."""
    try:
        content = json.loads(body)
    except UNREADABLE:
        raise call.unreadable() from None
    if not isinstance(content, dict):
        raise call.unreadable()
    found: Json = all_storable(content) if HALF_A_PAIR in body.lower() else content
    return found


def _answered_at(headers: Mapping[str, str]) -> datetime:
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)
