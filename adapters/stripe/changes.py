"""
Two ways of having our endpoint take an event once more. What it has processed is the company's own
table: an endpoint that is sent an event twice processes it once, as Stripe demands of every one.
"""

import shlex
from typing import Annotated

from pydantic import Field

from bot.runbook import CHANGE, Change

#: The id of an event, or of an endpoint.
Id = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$", description="an id, such as evt_1Abc")
]


class _OfEvent(Change):
    effect = CHANGE
    repeatable = True

    event: Id
    type: str  #: For whoever approves.

    def target(self) -> str:
        return f"stripe/event/{self.event}"

    def command(self) -> str:
        return shlex.join(("stripe", "events", "resend", self.event))

    def then(self) -> str:
        return f"{self.event} is in our table of processed events"


class ReplayEvent(_OfEvent):
    """The event, as Stripe has it, posted to our endpoint with the signature that Stripe makes."""

    url: str  #: Of our endpoint.

    def command(self) -> str:
        return shlex.join(("replay-stripe-event", self.event, self.type, "--to", self.url))


class RetryDelivery(_OfEvent):
    """Stripe delivers it once more, by the call that its command line makes."""

    endpoint: Id

    def command(self) -> str:
        return f"{super().command()} --webhook-endpoint {shlex.quote(self.endpoint)}"
