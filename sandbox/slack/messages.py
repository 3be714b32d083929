"""
Messages as Slack keeps them: posted, edited, deleted, threaded.

A reply belongs to its thread's first message, whichever message of the thread was named. Messages
only one person sees never enter the history.
"""

import copy
from dataclasses import dataclass, field

from sandbox.slack.channels import Channel
from sandbox.slack.wire import Failure, Json, Stamps

TEXT_KEPT = 40_000  #: chat.postMessage cuts what is longer.


@dataclass
class Draft:
    """What is to become a message."""

    author: Json  #: user, and for an app bot_id and app_id.
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    thread_ts: str | None = None
    files: list[Json] = field(default_factory=list)
    subtype: str | None = None
    broadcast: bool = False

    def body(self) -> Json:
        message: Json = {"type": "message", **self.author, "text": self.text[:TEXT_KEPT]}
        if self.subtype:
            message["subtype"] = self.subtype
        parts = {
            "blocks": self.blocks,
            "attachments": self.attachments,
            "metadata": self.metadata,
            "files": self.files,
        }
        return message | {name: part for name, part in parts.items() if part}


def post(channel: Channel, draft: Draft, stamps: Stamps) -> Json:
    """Store it; the stored message is returned. Raises Failure when its thread is not there."""
    thread_ts = thread_of(channel, draft.thread_ts) if draft.thread_ts else None
    message = draft.body() | {"ts": stamps.next()}
    if thread_ts:
        message["thread_ts"] = thread_ts
        message["parent_user_id"] = channel.messages[thread_ts].get("user")
        if draft.broadcast:
            message["subtype"] = "thread_broadcast"
    channel.messages[message["ts"]] = message
    if thread_ts:
        count_replies(channel, thread_ts)
    return message


def thread_of(channel: Channel, ts: str) -> str:
    message = channel.messages.get(ts)
    if message is None or message.get("subtype") == "tombstone":
        raise Failure("cannot_reply_to_message")
    return str(message.get("thread_ts", ts))


def count_replies(channel: Channel, thread_ts: str) -> None:
    parent = channel.messages[thread_ts]
    found = replies(channel, thread_ts)
    for name in ("reply_count", "reply_users_count", "latest_reply", "reply_users", "thread_ts"):
        parent.pop(name, None)
    if found:
        users = list(dict.fromkeys(str(reply.get("user")) for reply in found))
        parent.update(
            thread_ts=thread_ts,
            reply_count=len(found),
            reply_users_count=len(users),
            latest_reply=found[-1]["ts"],
            reply_users=users,
            is_locked=False,
            subscribed=False,
        )


def replies(channel: Channel, thread_ts: str) -> list[Json]:
    return [m for m in channel.messages.values() if is_reply(m) and m["thread_ts"] == thread_ts]


def is_reply(message: Json) -> bool:
    return bool(message.get("thread_ts", message["ts"]) != message["ts"])


def in_channel(channel: Channel) -> list[Json]:
    """What the channel itself shows: no replies but those also sent to the channel."""
    shown = channel.messages.values()
    return [m for m in shown if not is_reply(m) or m.get("subtype") == "thread_broadcast"]


def edit(message: Json, changes: Json, by: str, stamps: Stamps) -> None:
    """Give the message the fields of `changes`; an empty one goes away."""
    for name, value in changes.items():
        if value or name == "text":
            message[name] = value
        else:
            message.pop(name, None)
    message["edited"] = {"user": by, "ts": stamps.next()}


def delete(channel: Channel, ts: str) -> None:
    message = channel.messages[ts]
    channel.pins = [pin for pin in channel.pins if pin["ts"] != ts]
    if message.get("reply_count"):
        kept = ("ts", "thread_ts", "reply_count", "reply_users", "reply_users_count")
        channel.messages[ts] = {name: message[name] for name in (*kept, "latest_reply")} | {
            "type": "message",
            "subtype": "tombstone",
            "user": "USLACKBOT",
            "hidden": True,
            "text": "This message was deleted.",
        }
        return
    del channel.messages[ts]
    if is_reply(message):
        count_replies(channel, message["thread_ts"])


def shown(message: Json, *, with_metadata: bool = True) -> Json:
    """A copy to hand out."""
    copied = copy.deepcopy(message)
    if not with_metadata:
        copied.pop("metadata", None)
    return copied
