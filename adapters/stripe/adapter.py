"""
Reads events at Stripe and in our table of processed ones, and has our endpoint take one again.

An event is never processed here: our endpoint does that, and its table alone says whether it did.
What is in an event is passed on as it came, and neither shown nor stored.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from adapters.http_calls import Answer, HttpCalls, NotFound, Query
from adapters.stripe.changes import ReplayEvent, RetryDelivery
from adapters.stripe.facts import EVERY, Endpoint, Event, Events
from adapters.stripe.processed import ProcessedEvents
from adapters.stripe.reading import endpoint_of, event_of, page_of
from adapters.stripe.signing import signature
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.secrets.vault import Credential, NotAccepted
from bot.settings import StripeSettings

T = TypeVar("T")
STRIPE, OURS = "Stripe", "Our webhook endpoint"
PAGE, MOST = 50, 200  #: Events of one page, and of one look.
MOST_TYPES = 20  #: That Stripe takes in one question.
AT_ONCE = 5  #: Of 100 calls a second that Stripe takes, 25 in test mode.
SECRET_KEY = "sk_"
#: Endpoints say no to a wrong signature with HTTP 400, in words of their own.
OF_THE_SIGNATURE = re.compile("signature", re.IGNORECASE)


class Stripe(Adapter):
    """`clock`: seconds since the epoch, for what is signed."""

    def __init__(
        self,
        calls: HttpCalls,
        settings: StripeSettings,
        processed: ProcessedEvents,
        api_key: Credential | None,
        webhook_secret: Credential | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._calls, self._settings, self._processed = calls, settings, processed
        self._api_key, self._webhook_secret, self._clock = api_key, webhook_secret, clock

    async def endpoint(self) -> Endpoint:
        """Ours. Raises Unreachable, Refused."""
        settings = self._settings
        if not settings.endpoint:
            raise Refused("Nobody knows which endpoint is ours. Set stripe.endpoint, we_...")
        if not settings.webhook_url:
            raise Refused("Nobody knows where our endpoint is. Set stripe.webhook_url.")
        answer = await self._read(f"/v1/webhook_endpoints/{settings.endpoint}")
        return endpoint_of(answer.json(), settings.webhook_url, settings.may_retry)

    async def undelivered(self, since: datetime, until: datetime | None = None) -> Events:
        """
        What our endpoint is sent and Stripe could not deliver, to it or to another one. Raises
        Unreachable, Refused when there is more than can be looked at.
        """
        endpoint = await self.endpoint()
        query = [("delivery_success", "false")]
        query += [("created[gte]", str(int(since.timestamp())))]
        if until is not None:
            query += [("created[lt]", str(int(until.timestamp())))]
        if EVERY not in endpoint.types and len(endpoint.types) <= MOST_TYPES:
            query += [("types[]", one) for one in endpoint.types]
        newest_first = [one for one in await self._list(query) if endpoint.is_sent(one.type)]
        return await self._compared(endpoint, reversed(newest_first))

    async def events(self, ids: Sequence[str]) -> Events:
        """These, each by itself. Raises Unreachable, Refused."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def read(one: str) -> Event | None:
            async with limit:
                try:
                    return event_of((await self._event(one)).json())
                except NotFound:
                    return None

        wanted = list(dict.fromkeys(ids))
        found = await asyncio.gather(*(read(one) for one in wanted))
        gone = tuple(one for one, event in zip(wanted, found, strict=True) if event is None)
        in_order = sorted(filter(None, found), key=lambda one: one.created_at)
        return await self._compared(await self.endpoint(), in_order, gone)

    async def processed(self, events: Events) -> Events:
        """The same ones, looked up in our table again. Raises Unreachable, Refused."""
        return await self._compared(events.endpoint, events.events, events.gone)

    async def _compared(
        self, endpoint: Endpoint, events: Iterable[Event], gone: tuple[str, ...] = ()
    ) -> Events:
        listed = list(events)
        done = await self._processed.among([one.id for one in listed]) if listed else {}
        seen = (one.model_copy(update={"processed_at": done.get(one.id)}) for one in listed)
        return Events(endpoint=endpoint, events=tuple(seen), gone=gone)

    async def _list(self, query: Query) -> list[Event]:
        found: list[Event] = []
        after: Query = ()
        while len(found) < MOST:
            asked = [*query, ("limit", str(PAGE)), *after]
            events, has_more = page_of((await self._read("/v1/events", asked)).json())
            found += events
            if not has_more:
                return found
            if not events:
                raise Unreachable("Stripe answered with an empty page and says there are more")
            after = [("starting_after", events[-1].id)]
        raise Refused(
            f"Stripe has more than {MOST} events that were not delivered in this time. Take a"
            " shorter one, the oldest first."
        )

    async def _event(self, event: str) -> Answer:
        return await self._read(f"/v1/events/{event}")

    async def _read(self, path: str, query: Query = ()) -> Answer:
        url = f"{self._settings.api_url.rstrip('/')}{path}"

        async def read(key: str) -> Answer:
            return await self._calls.read(STRIPE, url, query, self._headers(key))

        return await self._key().use(read)

    async def _see(self, change: ReplayEvent | RetryDelivery) -> Seen:
        at = (await self._processed.among([change.event])).get(change.event)
        if at is None:
            return Seen("before", f"{change.event} is not in our table of processed events")
        return Seen("applied", f"{change.event} was processed {at:%Y-%m-%d %H:%M:%S} UTC")

    async def _replay(self, change: ReplayEvent, key: Key) -> None:
        if self._webhook_secret is None:
            raise Refused("Nothing was sent: it cannot be signed. Set stripe.webhook_secret.")
        body = await _before_sending(self._body(change))
        await self._webhook_secret.use(lambda secret: self._post(change.url, body, secret))

    async def _body(self, change: ReplayEvent) -> bytes:
        """Byte by byte as Stripe has it."""
        answer = await self._event(change.event)
        event = event_of(answer.json())
        if (event.id, event.type) != (change.event, change.type):
            raise Unreachable("Stripe answered with another event than it was asked for")
        return answer.body

    async def _post(self, url: str, body: bytes, secret: str) -> None:
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": signature(body, secret, int(self._clock())),
        }
        try:
            await self._calls.write(OURS, url, body, headers)
        except NotAccepted:
            raise
        except Refused as error:
            if OF_THE_SIGNATURE.search(str(error)):
                raise NotAccepted(str(error)) from None
            raise

    async def _retry(self, change: RetryDelivery, key: Key) -> None:
        url = f"{self._settings.api_url.rstrip('/')}/v1/events/{change.event}/retry"
        body = urlencode({"webhook_endpoint": change.endpoint}).encode()

        async def write(api_key: str) -> Answer:
            headers = self._headers(api_key) | {
                "content-type": "application/x-www-form-urlencoded",
                "idempotency-key": key,
            }
            return await self._calls.write(STRIPE, url, body, headers)

        try:
            await self._key().use(write)
        except Refused as error:
            raise Refused(f"{error}. Replay it to our own endpoint instead.") from None

    def _key(self) -> Credential:
        if self._api_key is None:
            raise Refused("Stripe was not asked: there is no key. Set stripe.api_key.")
        return self._api_key

    def _headers(self, key: str) -> dict[str, str]:
        if key.startswith(SECRET_KEY):
            raise Refused(
                "stripe.api_key is a secret key, which may move money. Nothing was sent: make a"
                " restricted one, rk_..."
            )
        return {"authorization": f"Bearer {key}", "stripe-version": self._settings.api_version}

    alters = (
        pair(
            ReplayEvent,
            observe=_see,
            apply=_replay,
            permissions=("Stripe: Events and Webhook Endpoints, read",),
        ),
        pair(
            RetryDelivery,
            observe=_see,
            apply=_retry,
            permissions=("Stripe: Events and Webhook Endpoints, write",),
        ),
    )


async def _before_sending(reading: Awaitable[T]) -> T:
    """Raises NothingDone where `reading` raises Unreachable."""
    try:
        return await reading
    except NothingDone:
        raise
    except Unreachable as error:
        raise NothingDone(f"{error}. Nothing was sent") from None
