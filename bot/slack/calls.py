"""
The one place that calls Slack, once: nothing here repeats a call, but for one that was refused
because of a token which has been changed meanwhile. No secret leaves through it.

An answer is data, a refusal included (`ok` is false and `error` says why). What is raised says
whether the call can have had an effect: `NotSent` it never left, `Limited` Slack did not take it,
`Lost` nobody knows.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.runbook.errors import NothingDone, Refused, StepError, Unreachable
from bot.secrets.redaction import REDACTOR
from bot.secrets.vault import Credential
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
        "usergroups.list",
        "usergroups.users.list",
        "users.conversations",
        "users.info",
    }
)
#: The token is not accepted, and so nothing was done.
NOT_ACCEPTED = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
)
#: An upload may carry megabytes: it gets this many times the limit of a call.
UPLOAD_TIMES = 3
#: HTTP: the request timed out; too early. The only refusals of an upload that mean "later".
TRY_AGAIN = frozenset({408, 425})
#: Seconds to wait when Slack limits us and does not say for how long.
RETRY_AFTER_S = 30.0


class Lost(Unreachable):
    """No answer came: it may have happened all the same. Look before anything is repeated."""


class NotSent(NothingDone):
    """Slack could not be reached: nothing happened."""


class Limited(NothingDone):
    """Slack took nothing because we call this method too often."""

    def __init__(self, method: str, again_after_s: float) -> None:
        super().__init__(
            f"Slack limits our calls of {method}. Nothing happened."
            f" It can be called again in {again_after_s:.0f} s.",
            again_after_s,
        )
        self.method = method


@asynccontextmanager
async def open_calls(settings: SlackSettings, token: Credential) -> AsyncIterator["Calls"]:
    """A client without retries, with a session of its own that carries the time limit."""
    limit = aiohttp.ClientTimeout(total=settings.timeout_s)
    async with aiohttp.ClientSession(timeout=limit) as session:
        client = AsyncWebClient(
            base_url=settings.api_url,
            session=session,
            retry_handlers=[],
        )
        yield Calls(client, session, token, settings.timeout_s)


class Calls:
    def __init__(
        self,
        client: AsyncWebClient,
        session: aiohttp.ClientSession,
        token: Credential,
        timeout_s: float,
    ) -> None:
        self.client, self.timeout_s = client, timeout_s
        self._session, self._token = session, token

    @property
    def token_reference(self) -> str:
        """Where the token is kept."""
        return str(self._token.reference)

    async def call(self, method: str, **arguments: Any) -> Answer:
        """Raises Lost, NotSent or Limited. Arguments that are None are left out."""
        given = {name: value for name, value in arguments.items() if value is not None}
        clean = REDACTOR.tree(given)
        used = await self._take_token()
        answer = await self._call(method, clean)
        if answer.get("error") in NOT_ACCEPTED and await self._token.renew(used):
            await self._take_token()
            answer = await self._call(method, clean)
        return answer

    async def _take_token(self) -> str:
        try:
            self.client.token = value = await self._token.value()
        except StepError as error:
            raise NotSent(f"Slack was not called, for the bot has no token. {error}") from None
        return value

    async def respond(self, url: str, text: str, blocks: Sequence[Any]) -> bool:
        """
        To one person alone. The address is good for 5 uses in 30 minutes. It is a secret, so no
        log has it; and it is used only when it is Slack's.
        """
        if not self._is_slacks(url):
            return False
        limit = max(1, int(self.timeout_s))
        webhook = AsyncWebhookClient(url, timeout=limit, retry_handlers=[])
        try:
            said = await webhook.send(
                text=REDACTOR.text(text),
                blocks=REDACTOR.tree(blocks),
                response_type="ephemeral",
                replace_original=False,
            )
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        return said.status_code == 200

    def _is_slacks(self, url: str) -> bool:
        """hooks.slack.com for slack.com, or the very host of the Web API, and nowhere else."""
        try:
            there, api = urlsplit(url), urlsplit(self.client.base_url)
        except ValueError:  # It has brackets and is no address.
            return False
        own = (there.scheme, there.netloc) == (api.scheme, api.netloc)
        return own or (there.scheme == "https" and there.netloc == f"hooks.{api.netloc}")

    async def _call(self, method: str, given: Mapping[str, Any]) -> Answer:
        try:
            async with asyncio.timeout(self.timeout_s):
                if method in READS:
                    sent = self.client.api_call(method, http_verb="GET", params=dict(given))
                else:
                    sent = self.client.api_call(method, json=dict(given))
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
        """
        Puts a file where Slack said. Nobody sees it before it is completed, so no answer is as
        good as no. Raises NotSent, Limited, and Refused when this file will never be taken.
        """
        self._check(url)
        limit = aiohttp.ClientTimeout(total=self.timeout_s * UPLOAD_TIMES)
        try:
            async with self._session.post(url, data=content, timeout=limit) as answer:
                status, headers = answer.status, answer.headers
                await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise NotSent("Slack does not take the upload of a file (no answer)") from None
        if status == 429:
            raise Limited("files.getUploadURLExternal", _retry_after(headers))
        if 400 <= status < 500 and status not in TRY_AGAIN:
            raise Refused(f"Slack refused the upload of a file (HTTP {status}).")
        if status != 200:
            raise NotSent(f"Slack does not take the upload of a file (HTTP {status})")

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
            raise Refused("Slack named an address for a file that is not encrypted. Not used.")


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
