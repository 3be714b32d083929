"""
The one place that calls AWS.

Reading and writing are kept apart. Clients that read retry; clients that write never do: boto3's
default of three attempts makes a failover twice when one answer is lost. Whoever wrote and got no
answer is told so, and looks. The two have their own threads, so that reads that hang never hold
up a change; a change that waited for a thread for too long is not sent at all.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from adapters.http_calls import plain
from bot.runbook.errors import NothingDone, Refused, StepError, Unreachable
from bot.secrets.redaction import REDACTOR

Answer = dict[str, Any]
Kind = Literal["read", "write"]
READERS, WRITERS = 16, 4
LONGEST_MESSAGE, LONGEST_CODE = 300, 80
#: Pages can be empty and go on, as those of a long log do.
MOST_PAGES = 50
IAM_PREFIXES = {"elbv2": "elasticloadbalancing"}
#: Where the permission is not called like the operation.
IAM_NAMES = {
    "s3:HeadObject": "s3:GetObject",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
}
#: How long a write may wait for its turn. After that it is not sent at all, so that botocore's own
#: limits have ended it before it is given up: a call given up from outside goes on in its thread.
GRACE_S = 1.0
CLOCK_RESOLUTION = timedelta(seconds=2)
THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|PriorRequest")
DENIED = re.compile("AccessDenied|Unauthorized|NotAuthorized|^AuthFailure")
BAD_CREDENTIALS = re.compile("ExpiredToken|InvalidClientTokenId|UnrecognizedClient|Signature")
MISSING = re.compile("NotFound(Fault|Exception)?$|^NoSuch|^404$")
#: Seconds until a call that was throttled is worth another: its bucket is filled every second.
THROTTLED_S = 2.0
WHO = re.compile(r":(?:assumed-role|role|user)/([\w+=,.@-]+)")
#: The request never left: nothing can have been changed.
NEVER_LEFT = (ConnectTimeoutError, EndpointConnectionError)
NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
)


class NotThere(Refused):
    """AWS knows no such thing."""


@dataclass(frozen=True)
class Pages:
    """What a paginated call gave. `is_complete` is False when there was more than was wanted."""

    items: list[Any]
    is_complete: bool


class AwsCalls:
    """
    `timeout_s` is the limit of one call in all: connecting, waiting, a read's repetitions.
    Credentials are found where boto3 finds them. Raises Unreachable when there was no answer
    (after a write: it may have happened), NothingDone when besides nothing happened, Refused when
    AWS said no, NotThere when there is none.
    """

    def __init__(
        self, region: str, endpoint_url: str | None = None, timeout_s: float = 10.0
    ) -> None:
        self._region, self._endpoint_url, self._timeout_s = region, endpoint_url, timeout_s
        self._session: boto3.session.Session | None = None
        self._ahead = timedelta()
        self._clients: dict[tuple[str, Kind], Any] = {}
        self._making = threading.Lock()
        self._pools: dict[Kind, ThreadPoolExecutor] = {
            "read": ThreadPoolExecutor(READERS, "aws-read"),
            "write": ThreadPoolExecutor(WRITERS, "aws-write"),
        }

    async def read(self, service: str, operation: str, /, **params: Any) -> Answer:
        """The answer to a call that changes nothing, such as ("ecs", "describe_services")."""
        return await self._call(Call(service, operation, "read"), params)

    async def read_pages(
        self, service: str, operation: str, items: str, at_most: int, /, **params: Any
    ) -> Pages:
        """What the pages hold under `items`, until it is enough. Each page has its time limit."""
        call = Call(service, operation, "read")
        pages = await self._run(
            call, lambda client: iter(client.get_paginator(operation).paginate(**params))
        )
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            page = await self._run(call, lambda _: next(pages, None))
            if page is None:
                return Pages(found, is_complete=True)
            self._set_clock(page)
            found.extend(page.get(items, []))
            if len(found) > at_most:
                break
        return Pages(found[:at_most], is_complete=False)

    async def write(self, service: str, operation: str, /, **params: Any) -> Answer:
        """Makes one call, once. Unreachable, unless NothingDone, means that nobody knows."""
        return await self._call(Call(service, operation, "write"), params)

    def now(self) -> datetime:
        """The time by AWS's clock, as its last answer had it, to the second."""
        return datetime.now(UTC) + self._ahead

    async def close(self) -> None:
        """Drops what has not been sent yet; waits for nothing."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    async def _call(self, call: "Call", params: Answer) -> Answer:
        answer = await self._run(call, lambda client: getattr(client, call.operation)(**params))
        self._set_clock(answer)
        return cast(Answer, answer)

    async def _run(self, call: "Call", do: Callable[[Any], Any]) -> Any:
        try:
            client = await self._client(call)
        except (BotoCoreError, ValueError):
            raise call.not_set_up() from None
        writes = call.kind == "write"
        start_by = time.monotonic() + (GRACE_S if writes else self._timeout_s)

        def send() -> Any:
            if time.monotonic() > start_by:
                raise call.not_sent()
            return do(client)

        sent: Future[Any] = self._pools[call.kind].submit(send)
        limit = self._timeout_s + (2 * GRACE_S if writes else 0)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(sent), limit)
        except TimeoutError:
            raise call.not_sent() if sent.cancel() else call.unanswered() from None
        except (BotoCoreError, ClientError) as error:
            raise call.in_words(error) from None
        except ResponseParserError:  # Which is none of the two.
            raise call.unreadable() from None

    def _set_clock(self, answer: Answer) -> None:
        ahead = answered_at(answer) - datetime.now(UTC)
        self._ahead = ahead if abs(ahead) > CLOCK_RESOLUTION else timedelta()

    async def _client(self, call: "Call") -> Any:
        """Made apart from the call: it loads for a while, which is not AWS being slow."""
        made = self._clients.get((call.service, call.kind))
        return made or await asyncio.to_thread(self._made, call.service, call.kind)

    def _made(self, service: str, kind: Kind) -> Any:
        with self._making:
            if (service, kind) not in self._clients:
                self._clients[service, kind] = self._make(service, kind)
            return self._clients[service, kind]

    def _make(self, service: str, kind: Kind) -> Any:
        if self._session is None:
            self._session = boto3.session.Session(region_name=self._region)
        attempts = 3 if kind == "read" else 1
        config = Config(
            connect_timeout=self._timeout_s * 0.3,
            read_timeout=self._timeout_s * 0.7,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=READERS if kind == "read" else WRITERS,
            user_agent_extra="runbook-bot",
        )
        make = cast(Callable[..., Any], self._session.client)
        client = make(service, endpoint_url=self._endpoint_url, config=config)
        client.meta.events.register("before-sign", self._learn_credentials)
        return client

    def _learn_credentials(self, **_: object) -> None:
        """Before each call, for they change: those of a role are good for some hours."""
        found = self._session.get_credentials() if self._session else None
        if found:
            frozen = found.get_frozen_credentials()
            for value in (frozen.secret_key, frozen.token):
                if value:
                    REDACTOR.learn(value, "of AWS")


@dataclass(frozen=True)
class Call:
    """A call, and how to say to a person what became of it. Never repeats what was sent."""

    service: str
    operation: str
    kind: Kind

    @property
    def permission(self) -> str:
        """As IAM spells it: `ecs:UpdateService`."""
        action = "".join(word.capitalize() for word in self.operation.split("_"))
        name = f"{IAM_PREFIXES.get(self.service, self.service)}:{action.replace('Db', 'DB')}"
        return IAM_NAMES.get(name, name)

    def in_words(self, error: BotoCoreError | ClientError) -> StepError:
        if isinstance(error, ClientError):
            return self._answered(error)
        if isinstance(error, NO_CREDENTIALS):
            return Refused(
                f"The bot has no AWS credentials, so it cannot ask for {self.permission}."
                f" {self._nothing_done} Ask whoever runs the bot."
            )
        if isinstance(error, ParamValidationError):
            return Refused(
                f"The bot asked AWS wrongly for {self.permission}. {self._nothing_done}"
                " This is a fault of the bot: report it, and do this step by hand."
            )
        if isinstance(error, NEVER_LEFT):
            return NothingDone(
                f"AWS cannot be reached for {self.permission}. {self._nothing_done} Try again."
            )
        return self.unanswered()

    def unanswered(self) -> Unreachable:
        return Unreachable(f"AWS did not answer {self.permission}. {self._perhaps_done}")

    def unreadable(self) -> Unreachable:
        return Unreachable(
            f"AWS answered {self.permission} with something that cannot be read."
            f" {self._perhaps_done}"
        )

    def not_sent(self) -> NothingDone:
        return NothingDone(
            f"{self.permission} was not sent to AWS: too many calls still wait for an answer."
            f" {self._nothing_done} Try again."
        )

    def not_set_up(self) -> Refused:
        """No client could be made: a profile, region, address or credential is none."""
        return Refused(
            f"The bot's AWS settings or credentials cannot be used for {self.permission}."
            f" {self._nothing_done} Ask whoever runs the bot."
        )

    def _answered(self, error: ClientError) -> StepError:
        code = plain(error.response.get("Error", {}).get("Code") or "", LONGEST_CODE)
        says = plain(error.response.get("Error", {}).get("Message") or "", LONGEST_MESSAGE)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if THROTTLED.search(code) or status == 429:
            return NothingDone(
                f"AWS limits our calls of {self.permission} ({code}). {self._nothing_done}"
                " Try again in a minute.",
                THROTTLED_S,
            )
        if DENIED.search(code) or BAD_CREDENTIALS.search(code):
            return Refused(self._denied(code, says))
        if status >= 500:
            return Unreachable(
                f"AWS failed to answer {self.permission} (HTTP {status}). {self._perhaps_done}"
            )
        kind = NotThere if MISSING.search(code) else Refused
        return kind(f"AWS refused {self.permission}: {says} ({code}). {self._nothing_done}")

    def _denied(self, code: str, says: str) -> str:
        if BAD_CREDENTIALS.search(code):
            return (
                f"AWS does not accept the bot's credentials for {self.permission} ({code})."
                f" {self._nothing_done} Ask whoever runs the bot."
            )
        who = WHO.search(says)
        role = f" for role {who[1]}" if who else ""
        return (
            f"AWS refused {self.permission}{role} ({code}). {self._nothing_done}"
            " Ask someone with IAM rights."
        )

    @property
    def _nothing_done(self) -> str:
        return "Nothing was changed." if self.kind == "write" else "Nothing was read."

    @property
    def _perhaps_done(self) -> str:
        if self.kind == "write":
            return "It may have been done all the same: look before anything is repeated."
        return "Nothing was read. Try again."


def answered_at(answer: Mapping[str, Any]) -> datetime:
    """When AWS answered, by its own clock: ages are then right whatever the clock here says."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)
