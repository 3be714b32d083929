"""
The one place that calls AWS.

Reading and writing are kept apart. Clients that read retry; clients that write never do: boto3's
default of three attempts makes a failover twice when one answer is lost. Whoever wrote and got no
answer is told so, and looks. The two have their own threads, so that reads that hang never hold
up a change; a change that waited for a thread for too long is not sent at all.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
)
from botocore.parsers import ResponseParserError

from adapters.aws_errors import Call, Kind
from bot.secrets.redaction import REDACTOR

Answer = dict[str, Any]
READERS, WRITERS = 16, 4
#: Pages can be empty and go on, as those of a long log do.
MOST_PAGES = 50
#: How long a write may wait for its turn. After that it is not sent at all, so that botocore's own
#: limits have ended it before it is given up: a call given up from outside goes on in its thread.
GRACE_S = 1.0
CLOCK_RESOLUTION = timedelta(seconds=2)


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


def answered_at(answer: Mapping[str, Any]) -> datetime:
    """When AWS answered, by its own clock: ages are then right whatever the clock here says."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)
