"""What is known of events at Stripe, and whether we have processed them. Never what is in them."""

from pydantic import AwareDatetime

from adapters.stripe.changes import ReplayEvent, RetryDelivery
from bot.runbook import Facts, Table

EVERY = "*"


class Endpoint(Facts):
    """Our webhook endpoint: as Stripe has it, and as settings have it."""

    id: str
    url: str
    is_enabled: bool
    types: tuple[str, ...]  #: What it is sent.
    api_version: str = ""  #: In which its events are written; empty: the account's.
    webhook_url: str  #: Where we may post.
    may_retry: bool  #: Whether Stripe's own call may be used.

    def is_sent(self, kind: str) -> bool:
        return EVERY in self.types or kind in self.types


class Event(Facts):
    id: str
    type: str
    created_at: AwareDatetime
    about: str  #: The object it is about, such as `invoice in_1`.
    api_version: str = ""  #: In which it is written, for ever.
    pending: int = 0  #: Deliveries that Stripe still tries by itself.
    processed_at: AwareDatetime | None = None  #: By us; None: we have not.


class Events(Facts):
    """`events` stand in the order in which they happened."""

    endpoint: Endpoint
    events: tuple[Event, ...] = ()
    gone: tuple[str, ...] = ()  #: Ids of which Stripe has no event, or none any more.

    @property
    def missed(self) -> tuple[Event, ...]:
        """Those that we have not processed."""
        return tuple(one for one in self.events if one.processed_at is None)

    @property
    def unfit(self) -> tuple[str, ...]:
        """What is missed and cannot be posted as it is, and why."""
        return tuple(f"{one.id} {why}" for one in self.missed if (why := self._unfit_because(one)))

    @property
    def replays(self) -> tuple[ReplayEvent, ...]:
        return tuple(
            ReplayEvent(event=one.id, type=one.type, url=self.endpoint.webhook_url)
            for one in self.missed
            if not self._unfit_because(one)
        )

    @property
    def retries(self) -> tuple[RetryDelivery, ...]:
        """Stripe writes each in the version that our endpoint is sent."""
        return tuple(
            RetryDelivery(event=one.id, type=one.type, endpoint=self.endpoint.id)
            for one in self.missed
            if self.endpoint.may_retry and self.endpoint.is_sent(one.type)
        )

    def _unfit_because(self, event: Event) -> str:
        """Posted as it is, it would not be what Stripe would have sent."""
        sent = self.endpoint.api_version
        if not self.endpoint.is_sent(event.type):
            return f"is {event.type}, which our endpoint is not sent"
        if sent and event.api_version != sent:
            return f"is written in version {event.api_version}, and our endpoint is sent {sent}"
        return ""

    def table(self) -> Table:
        columns = ("Event", "Type", "Created", "About", "Version", "Still tried", "Processed")
        rows = (
            (e.id, e.type, e.created_at, e.about, e.api_version, e.pending, e.processed_at or "no")
            for e in self.events
        )
        return Table(columns, tuple(rows))
