"""
What is to be delivered to Slack, as data: the rows of the outbox before they are rows.

A delivery has a name, and a name has one place: delivering it again is a new revision of the same
message (an edit), never a second message. Whoever wants something said writes a delivery in the
transaction that makes it true; only bot/slack/outbox.py sends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

DeliveryKind = Literal[
    "message",  # payload: text, blocks. A name that was sent already is edited in place.
    "file",  # payload: filename, title, alt_text, and `content`: base64. Uploaded once.
    "topic",  # payload: topic
    "purpose",  # payload: purpose
    "invite",  # payload: users: [ids]
    "pin",  # payload: message: the name of the message to pin
    "bookmark",  # payload: title, link
    "ephemeral",  # payload: user, text, blocks. Sent at most once; may be lost, by Slack's nature.
]


class Priority(IntEnum):
    """Lower goes first when Slack limits us."""

    APPROVAL = 0
    FINAL = 1
    POST = 2
    EDIT = 3


@dataclass(frozen=True)
class Delivery:
    """
    One thing to be seen in Slack.

    place: "run" is the run's own room (its incident channel, or where it was started when it opens
    none); "origin" where it was started; or a literal channel id. `thread` is the name of the
    message it hangs below. Names begin with the run's id, such as `7F3K/card` or
    `7F3K/step/roll_back`.
    """

    name: str
    kind: DeliveryKind
    payload: Mapping[str, Any]
    place: str = "run"
    thread: str | None = None
    priority: Priority = Priority.POST
    not_before: float | None = None  #: Seconds since the epoch; None: at once.
    revises: bool = False  #: Only if something was delivered below this name before.


@dataclass(frozen=True)
class Place:
    """Where a run speaks, once it is known."""

    run_id: str
    channel_id: str
    channel_name: str = ""


def message(
    name: str,
    text: str,
    blocks: Sequence[Mapping[str, Any]] = (),
    *,
    place: str = "run",
    thread: str | None = None,
    priority: Priority = Priority.POST,
    not_before: float | None = None,
) -> Delivery:
    """A message: `text` alone must carry the meaning, for screen readers and notifications."""
    payload = {"text": text, "blocks": list(blocks)}
    return Delivery(name, "message", payload, place, thread, priority, not_before)
