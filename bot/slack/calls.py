"""
The one place that calls Slack's Web API, once: nothing here repeats a call.

An answer is data, a refusal included (`ok` is false and `error` says why). What is raised says
whether the call can have had an effect: `NotSent` it never left, `Limited` Slack did not take it,
`Lost` nobody knows.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.runbook.errors import Unreachable
from bot.settings import SlackSettings

Answer = Mapping[str, Any]

#: Slack takes these with arguments in the query only, or does so best.
READS = frozenset(
    {
        "bookmarks.list",
        "conversations.history",
        "conversations.info",
        "conversations.list",
        "conversations.replies",
        "files.getUploadURLExternal",
        "files.info",
        "usergroups.users.list",
        "users.conversations",
        "users.info",
    }
)
#: An upload may carry megabytes: it gets this many times the limit of a call.
UPLOAD_TIMES = 3
#: Seconds to wait when Slack limits us and does not say for how long.
RETRY_AFTER_S = 30.0


class Lost(Unreachable):
    """No answer came: it may have happened all the same. Look before anything is repeated."""


class NotSent(Unreachable):
    """Slack could not be reached: nothing happened."""


class Limited(Unreachable):
    """Slack took nothing because we call this method too often."""

    def __init__(self, method: str, retry_after_s: float) -> None:
        super().__init__(
            f"Slack limits our calls of {method}. Nothing happened."
            f" It can be called again in {retry_after_s:.0f} s."
        )
        self.method, self.retry_after_s = method, retry_after_s


@asynccontextmanager
async def open_calls(settings: SlackSettings) -> AsyncIterator["Calls"]:
    """A client without retries, with a session of its own that carries the time limit."""
    limit = aiohttp.ClientTimeout(total=settings.timeout_s)
    async with aiohttp.ClientSession(timeout=limit) as session:
        client = AsyncWebClient(
            token=settings.bot_token.get_secret_value(),
            base_url=settings.api_url,
            session=session,
            retry_handlers=[],
        )
        yield Calls(client, session, settings.timeout_s)


class Calls:
    def __init__(
        self, client: AsyncWebClient, session: aiohttp.ClientSession, timeout_s: float
    ) -> None:
        self.client, self.timeout_s = client, timeout_s
        self._session = session

    async def call(self, method: str, **arguments: Any) -> Answer:
        """Raises Lost, NotSent or Limited. Arguments that are None are left out."""
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            async with asyncio.timeout(self.timeout_s):
                if method in READS:
                    sent = self.client.api_call(method, http_verb="GET", params=given)
                else:
                    sent = self.client.api_call(method, json=given)
                return _answer(method, (await sent).data)
        except SlackApiError as error:
            return _refused(method, error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise NotSent(
                f"Slack cannot be reached for {method}. Nothing happened. It is tried again."
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            raise _lost(method) from None

    async def upload(self, url: str, content: bytes) -> None:
        """Puts a file where Slack said. Nobody sees it before it is completed."""
        self._check(url)
        limit = aiohttp.ClientTimeout(total=self.timeout_s * UPLOAD_TIMES)
        try:
            async with self._session.post(url, data=content, timeout=limit) as answer:
                status = answer.status
                await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise NotSent("Slack did not take the upload of a file. It is tried again.") from None
        if status != 200:
            raise NotSent(f"Slack did not take the upload of a file (HTTP {status}).")

    def _check(self, url: str) -> None:
        """Encrypted, or on the very host the Web API is on (a Slack of our own)."""
        try:
            there, api = urlsplit(url), urlsplit(self.client.base_url)
        except ValueError:
            raise NotSent("Slack named an address for a file that is none. Not used.") from None
        if there.scheme != "https" and (there.scheme, there.hostname) != (
            api.scheme,
            api.hostname,
        ):
            raise NotSent("Slack named an address for a file that is not encrypted. Not used.")


def _answer(method: str, answer: Any) -> Answer:
    if not isinstance(answer, dict) or "ok" not in answer:
        raise _lost(method)
    return answer


def _refused(method: str, error: SlackApiError) -> Answer:
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    answer = getattr(response, "data", None)
    says = answer.get("error") if isinstance(answer, dict) else None
    if status == 429 or says in ("ratelimited", "rate_limited"):
        raise Limited(method, _retry_after(response.headers)) from None
    if status >= 500:
        raise _lost(method) from None
    return _answer(method, answer)


def _retry_after(headers: Mapping[str, str]) -> float:
    said = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return max(1.0, float(said)) if re.fullmatch("[0-9]{1,6}", said) else RETRY_AFTER_S


def _lost(method: str) -> Lost:
    return Lost(
        f"Slack did not answer {method}. It may have been done all the same:"
        " look before anything is repeated."
    )
