"""
Conversations: public and private channels and direct messages, and Slack's rules about them.

An archived channel keeps its name (the design page marks this as observed, not documented).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from sandbox.slack.wire import Failure, Json, new_id

Kind = Literal["public", "private", "im"]

NAME_MAX = 80
TOPIC_MAX = 250


@dataclass
class Note:
    """A topic or a purpose."""

    value: str = ""
    creator: str = ""
    last_set: int = 0

    def shape(self) -> Json:
        return {"value": self.value, "creator": self.creator, "last_set": self.last_set}


@dataclass
class Channel:
    id: str
    name: str
    kind: Kind
    creator: str
    created: int
    members: list[str] = field(default_factory=list)
    topic: Note = field(default_factory=Note)
    purpose: Note = field(default_factory=Note)
    is_archived: bool = False
    is_general: bool = False
    previous_names: list[str] = field(default_factory=list)
    pins: list[Json] = field(default_factory=list)
    bookmarks: list[Json] = field(default_factory=list)
    messages: dict[str, Json] = field(default_factory=dict)  #: By ts, oldest first.
    ephemerals: list[tuple[str, Json]] = field(default_factory=list)  #: Who sees it, message.
    last_read: dict[str, str] = field(default_factory=dict)  #: Person -> ts.

    def shape(self, viewer: str, team_id: str) -> Json:
        if self.kind == "im":
            other = next((who for who in self.members if who != viewer), viewer)
            return {
                "id": self.id,
                "created": self.created,
                "is_im": True,
                "is_org_shared": False,
                "is_archived": self.is_archived,
                "user": other,
                "is_user_deleted": False,
                "context_team_id": team_id,
                "priority": 0,
            }
        private = self.kind == "private"
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not private,
            "is_group": private,
            "is_im": False,
            "is_mpim": False,
            "is_private": private,
            "is_archived": self.is_archived,
            "is_general": self.is_general,
            "is_shared": False,
            "is_ext_shared": False,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "pending_shared": [],
            "unlinked": 0,
            "created": self.created,
            "creator": self.creator,
            "context_team_id": team_id,
            "is_member": viewer in self.members,
            "topic": self.topic.shape(),
            "purpose": self.purpose.shape(),
            "previous_names": list(self.previous_names),
        }

    def seen_by(self, viewer: str) -> bool:
        return self.kind == "public" or viewer in self.members


def checked_name(name: str) -> str:
    """The name when Slack takes it; raises Slack's refusal otherwise."""
    if not name:
        raise Failure("invalid_name_required")
    if len(name) > NAME_MAX:
        raise Failure("invalid_name_maxlength")
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        raise Failure("invalid_name_specials")
    if not re.search(r"[a-z0-9]", name):
        raise Failure("invalid_name_punctuation")
    return name


class Channels:
    def __init__(self) -> None:
        self.by_id: dict[str, Channel] = {}

    def __iter__(self) -> Iterator[Channel]:
        return iter(list(self.by_id.values()))

    def add(self, channel: Channel) -> Channel:
        self.by_id[channel.id] = channel
        return channel

    def create(self, name: str, creator: str, created: int, *, private: bool) -> Channel:
        """A new channel with its creator in it. Raises Failure: a bad name, or one taken."""
        self.free_name(name)
        kind: Kind = "private" if private else "public"
        return self.add(Channel(new_id("C"), name, kind, creator, created, [creator]))

    def free_name(self, name: str) -> str:
        checked_name(name)
        if any(channel.name == name for channel in self if channel.kind != "im"):
            raise Failure("name_taken")
        return name

    def direct(self, one: str, other: str, created: int) -> tuple[Channel, bool]:
        """The direct messages between two, and whether they had any before."""
        for channel in self:
            if channel.kind == "im" and set(channel.members) == {one, other}:
                return channel, True
        members = [one, other]
        return self.add(Channel(new_id("D"), "", "im", one, created, members)), False

    def find(self, name_or_id: str) -> Channel | None:
        if name_or_id in self.by_id:
            return self.by_id[name_or_id]
        name = name_or_id.removeprefix("#")
        return next((c for c in self if c.name == name and c.kind != "im"), None)
