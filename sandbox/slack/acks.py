"""What became of a payload that was sent to the app."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from sandbox.slack.wire import Json

ACK_LIMIT_S = 3.0

PayloadKind = Literal["slash_commands", "interactive", "events_api"]

#: dispatch_failed: nothing was connected or it answered badly; operation_timeout: no ack in time;
#: incomplete: Slack's own client held a form back.
AckError = Literal["", "dispatch_failed", "operation_timeout", "incomplete"]


@dataclass(frozen=True)
class Ack:
    acked: bool
    ms: float = 0.0
    payload: Json = field(default_factory=dict)  #: What the app answered with.
    error: AckError = ""
    errors: dict[str, str] = field(default_factory=dict)  #: Shown under a form's fields.


class Line(Protocol):
    """The way to the app: Socket Mode, or its request URL."""

    async def carry(self, kind: PayloadKind, payload: Json, attempt: int = 0) -> Ack: ...
