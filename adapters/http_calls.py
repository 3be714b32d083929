"""
Calls over HTTP, for adapters whose other side is a web API.

Reading may be tried again; writing is done once. Every call has one time limit, for connecting,
waiting and reading the answer together. No header, query or body of ours is ever put into a
message or a log: a message names the other side in words, and what it said.
"""

import asyncio
import ipaddress
import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from adapters.plain import plain
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.vault import NotAccepted

LARGEST_ANSWER = 2_000_000  #: In bytes.
READ_TRIES = 3
PAUSE_S = 0.2  #: Between two tries.
#: Nothing was done, and asking again soon may help.
A_MINUTE_S = 60.0  #: Until a call that was made too often is made again, when nobody says.
AN_HOUR_S = 3600.0  #: Whoever says longer is not believed.
PASSING = frozenset({429, 500, 502, 503, 504})
HIGHEST_PORT = 65535
SECRET_HEADERS = frozenset({"authorization", "x-internal-key"})
#: What reading JSON raises: it is none, or is nested too deep to be read.
UNREADABLE = (ValueError, RecursionError)

#: httpx logs every URL, with its query, at INFO; what is asked is nobody else's business.
logging.getLogger("httpx").setLevel(logging.WARNING)

Query = Sequence[tuple[str, str]]
UNCALLABLE = (
    "has an address or a token in settings that cannot be sent. Nothing was sent; correct it"
)


class NotFound(Refused):
    """The other side has no such thing."""


@dataclass(frozen=True)
class Answer:
    """What `who` answered. The body was read whole."""

    who: str
    status: int
    headers: Mapping[str, str]  #: Names in lower case.
    body: bytes
    took: timedelta  #: From the call until the whole answer was here.

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """A web page, as a login wall or a single-page application answers to anything."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    def json(self) -> Any:
        """Raises Unreachable when it is not JSON."""
        if self.is_page:
            raise Unreachable(f"{self.who} answered with a web page instead of data")
        try:
            return json.loads(self.body)
        except UNREADABLE:
            raise Unreachable(
                f"{self.who} answered with something that cannot be read ({len(self.body)} bytes)"
            ) from None


class HttpCalls:
    """
    `timeout_s` is for one call as a whole, all its tries included. Proxies and certificates come
    from the environment; loopback is never proxied.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s),
            follow_redirects=False,
            mounts={"all://127.0.0.1": None, "all://localhost": None},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(
        self,
        who: str,
        url: str,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """
        Reads once and gives whatever is answered, good or not. Raises Unreachable, or Refused
        when the address or a header cannot be sent at all.
        """
        request = self._request(who, "GET", url, headers, params=tuple(query) or None)
        return await self._limited(who, self._send(who, request))

    async def read(
        self,
        who: str,
        url: str,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Reads, at most three times. Raises Unreachable, or Refused on a clear no."""
        request = self._request(who, "GET", url, headers, params=tuple(query) or None)
        return _good(await self._limited(who, self._send_again(who, request)))

    async def write(
        self,
        who: str,
        url: str,
        body: Mapping[str, Any] | bytes | None,
        headers: Mapping[str, str] | None = None,
        method: Literal["POST", "PATCH", "DELETE"] = "POST",
    ) -> Answer:
        """
        Sends once; bytes as they are, anything else as JSON. Raises Refused, or NothingDone with
        the time to wait, when nothing was done; Unreachable when that is not known: look before
        sending again.
        """
        what = {"content": body} if isinstance(body, bytes | None) else {"json": dict(body)}
        request = self._request(who, method, url, headers, **what)
        answer = _good(await self._limited(who, self._send(who, request)), writing=True)
        if answer.is_page:
            raise Unreachable(
                f"{who} answered with a web page; it is not known whether it was done"
            )
        return answer

    async def submit(
        self,
        who: str,
        method: Literal["POST", "DELETE"],
        url: str,
        form: Query,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """
        Sends a form once and gives whatever is answered, good or not. Raises as `ask` does: on
        Unreachable look before sending again, unless it is NothingDone.
        """
        request = self._request(who, method, url, headers, data=dict(form))
        return await self._limited(who, self._send(who, request))

    def _request(
        self, who: str, method: str, url: str, headers: Mapping[str, str] | None, **what: Any
    ) -> httpx.Request:
        """An error of httpx would show the URL, or the header with the token in it."""
        try:
            request = self._client.build_request(method, url, headers=headers, **what)
        except (httpx.InvalidURL, UnicodeError):
            raise Refused(f"{who} {UNCALLABLE}") from None
        if (request.url.port or 0) > HIGHEST_PORT:
            raise Refused(f"{who} {UNCALLABLE}")
        _keep_secrets_off_the_wire(who, request)
        return request

    async def _limited(self, who: str, sending: Any) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s):
                answer: Answer = await sending
                return answer
        except TimeoutError:
            raise Unreachable(f"{who} did not answer within {self._timeout_s:g} s") from None

    async def _send_again(self, who: str, request: httpx.Request) -> Answer:
        for left in range(READ_TRIES - 1, 0, -1):
            try:
                answer = await self._send(who, request)
            except Unreachable:
                pass
            else:
                if answer.status not in PASSING:
                    return answer
            await asyncio.sleep(PAUSE_S * (READ_TRIES - left))
        return await self._send(who, request)

    async def _send(self, who: str, request: httpx.Request) -> Answer:
        began = time.monotonic()
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await _whole(who, response)
            finally:
                await response.aclose()
        except httpx.TimeoutException:
            raise TimeoutError from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError):
            raise Refused(f"{who} {UNCALLABLE}") from None
        except httpx.ConnectError as error:
            raise NothingDone(f"{who} {_trouble(error)}") from None
        except httpx.HTTPError as error:
            raise Unreachable(f"{who} {_trouble(error)}") from None
        took = timedelta(seconds=time.monotonic() - began)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(who, response.status_code, headers, body, took)


async def _whole(who: str, response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > LARGEST_ANSWER:
            raise Unreachable(
                f"{who} answered with more than {LARGEST_ANSWER // 1_000_000} MB; it was not read"
            )
    return bytes(body)


def _good(answer: Answer, writing: bool = False) -> Answer:
    who, status = answer.who, answer.status
    if answer.is_good:
        return answer
    if _is_too_often(answer):
        done = "; nothing was done" if writing else ""
        again_s = _after_s(answer)
        raise NothingDone(
            f"{who} says we ask too often (HTTP {status}). Try again in {again_s:g} s{done}",
            again_s,
        )
    if status == 401:
        raise NotAccepted(f"{who} does not accept our credentials (HTTP 401). Nothing was done.")
    if status >= 500:
        known = "; it is not known whether it was done" if writing else ""
        raise Unreachable(f"{who} answered with an error of its own (HTTP {status}){known}")
    if 300 <= status < 400:
        raise Refused(f"{who} sent us elsewhere (HTTP {status}). Check its address in settings.")
    kind = NotFound if status == 404 else Refused
    raise kind(f"{who} refused (HTTP {status}){_said(answer)}")


def _is_too_often(answer: Answer) -> bool:
    """GitHub says so with 403."""
    used_up = answer.headers.get("x-ratelimit-remaining") == "0"
    waits = "retry-after" in answer.headers or used_up
    return answer.status == 429 or (answer.status == 403 and waits)


def _after_s(answer: Answer) -> float:
    """In seconds, or until a moment by their own clock, as GitHub and Auth0 say it."""
    after = answer.headers.get("retry-after", "")
    if re.fullmatch("[0-9]{1,6}", after):
        return max(1.0, float(after))
    reset = answer.headers.get("x-ratelimit-reset", "")
    if not re.fullmatch("[0-9]{10}", reset):
        return A_MINUTE_S
    try:
        now = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return A_MINUTE_S
    return min(max(1.0, float(reset) - now), AN_HOUR_S)


def _said(answer: Answer) -> str:
    """The sentence in an error's JSON, where most APIs put one."""
    try:
        content = json.loads(answer.body)
    except UNREADABLE:
        return ""
    if not isinstance(content, dict):
        return ""
    inner = content.get("error")  # Stripe and Meta have an object here, others a word.
    word = inner.get("message") if isinstance(inner, dict) else inner
    told = content.get("message") or content.get("error_description") or word
    says = [told, *_listed(content.get("errors"))]
    texts = [plain(one, 120) for one in says if isinstance(one, str) and one]
    texts += [plain(one, 120) for one in _listed(content.get("errorMessages")) if one]
    return f": {'; '.join(texts[:4])}" if texts else ""


def _listed(errors: object) -> list[object]:
    if isinstance(errors, dict):
        return [f"{field}: {why}" for field, why in errors.items()]
    if isinstance(errors, list):
        return [_one_error(one) for one in errors]
    return []


def _one_error(error: object) -> object:
    if isinstance(error, dict):
        parts = (error.get(key) for key in ("field", "code", "message"))
        return " ".join(str(part) for part in parts if part)
    return error


def may_carry_secrets(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    return urlsplit(url).scheme == "https" or is_loopback(url)


def _keep_secrets_off_the_wire(who: str, request: httpx.Request) -> None:
    if SECRET_HEADERS.isdisjoint(request.headers):
        return
    if not may_carry_secrets(str(request.url)):
        raise Refused(
            f"{who} has an address without TLS; no credentials are sent there. Use https"
        )


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trouble(error: httpx.HTTPError) -> str:
    """What went wrong, without the error's own text: that may hold the URL."""
    reasons = {str(one).lower() for one in _causes(error)}
    if any("certificate" in reason or "ssl" in reason for reason in reasons):
        return "cannot be trusted: its certificate was not accepted"
    if any("name or service not known" in one or "getaddrinfo" in one for one in reasons):
        return "cannot be found: its name is not known to the network"
    if isinstance(error, httpx.ConnectError):
        return "does not accept connections"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return "broke the connection before it had answered"
    return "could not be asked"


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
