"""What is known of events at Stripe, and whether we have processed them. Never what is in them."""

from pydantic import AwareDatetime

from bot.runbook import Facts, Table

EVERY = "*"


class Endpoint(Facts):
    """Our webhook endpoint, as Stripe has it."""

    id: str
    url: str
    is_enabled: bool
    types: tuple[str, ...]  #: What it is sent.
    api_version: str = ""  #: In which its events are written; empty: the account's.

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
    def foreign(self) -> tuple[Event, ...]:
        """
        Missed ones that are written in another version than our endpoint is sent: posted as they
        are, they would not be what Stripe would have sent.
        """
        wanted = self.endpoint.api_version
        return tuple(one for one in self.missed if wanted and one.api_version != wanted)

    def table(self) -> Table:
        columns = ("Event", "Type", "Created", "About", "Version", "Still tried", "Processed")
        rows = (
            (e.id, e.type, e.created_at, e.about, e.api_version, e.pending, e.processed_at or "no")
            for e in self.events
        )
        return Table(columns, tuple(rows))
