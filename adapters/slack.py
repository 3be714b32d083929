"""
Slack as an outside system: opens a run's channel and posts its timeline. No Block Kit here.

A channel is ours when its purpose names our run; one that we just made and have not named yet is
ours too. An older channel is never taken over, and a private one never becomes public.
"""

import html
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.http_calls import plain
from bot.runbook import CHANGE, Adapter, Change, Key, Seen, pair
from bot.runbook.errors import Refused, Unreachable
from bot.runbook.values import UserId
from bot.store.deliveries import Delivery

#: Slack's limits: of a name, of a topic and a purpose, of people in one invitation, and of
#: channels in a page.
LONGEST_NAME, LONGEST_TOPIC, PEOPLE_PER_INVITE, PAGE = 80, 250, 100, 999
#: The first name that is free of `name`, `name-2` ... is taken.
LAST_SUFFIX = 9
#: How far Slack's clock and ours may be apart.
CLOCKS_APART = timedelta(minutes=2)

#: What Slack says no to, and what to do about it.
ADVICE: Mapping[str, str] = {
    "cannot_create_channel": "The workspace does not let apps do this; an admin can change that.",
    "channel_not_found": "The bot cannot see the channel; invite it there.",
    "is_archived": "Somebody archived the channel; unarchive it and try again.",
    "invalid_auth": "The bot's token is not accepted; ask whoever runs the bot.",
    "missing_scope": "The bot's app lacks a scope; an admin must install it again with it.",
    "not_in_channel": "The bot was removed from the channel; invite it there.",
    "restricted_action": "The workspace does not let apps do this; an admin can change that.",
    "token_revoked": "The bot's token is not accepted; ask whoever runs the bot.",
    "user_is_restricted": "The bot is restricted in this workspace; an admin can change that.",
}
BAD_NAME = "Use at most 78 lowercase letters, digits, - and _ in the channel's name."


class SlackCalls(Protocol):
    """
    Calls Slack once. An answer that says no is an answer (`ok`, `error`). Raises Unreachable when
    nothing was answered.
    """

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]: ...


class Rooms(Protocol):
    async def remember(self, run_id: str, channel_id: str, name: str) -> None:
        """The run speaks in this channel from now on. Saying it twice does nothing."""


class Outbox(Protocol):
    """What is put is delivered once, in order, whatever happens."""

    async def put(self, run_id: str, deliveries: Sequence[Delivery]) -> None: ...

    async def states(self, names: Sequence[str]) -> Mapping[str, str]:
        """pending, sending, sent, unknown or dead; a name nobody put is left out."""


#: The deliveries that show a run's timeline; the first is named `<run>/timeline`.
Timeline = Callable[[str], Awaitable[Sequence[Delivery]]]


class CreateChannel(Change):
    """Opens a channel for a run. When the name is taken, `name-2` to `name-9` are tried."""

    effect = CHANGE
    ours = True
    opens_room = True

    name: str  #: Without #.
    run: str
    since: datetime  #: When the run was started: an older channel cannot be its own.
    topic: str = ""
    purpose: str = ""  #: The run's id is added.
    invite: tuple[UserId, ...] = ()  #: Whoever cannot be invited is left out.
    is_private: bool = False

    def target(self) -> str:
        return f"slack/{self.name}"

    def command(self) -> str:
        people = f", invite {shlex.join(self.invite)}" if self.invite else ""
        return f"create {'private ' if self.is_private else ''}#{shlex.quote(self.name)}{people}"

    @property
    def mark(self) -> str:
        """What only this run's channel has in its purpose."""
        return f"(run {self.run})"

    def is_marked(self, purpose: str) -> bool:
        """Before the mark stands what others wrote, and that may name any run."""
        return purpose.endswith(self.mark)

    @property
    def whole_purpose(self) -> str:
        about = plain(self.purpose, LONGEST_TOPIC - len(self.mark) - 1)
        return f"{about} {self.mark}".strip()

    @property
    def whole_topic(self) -> str:
        """Never empty: it is set last, and so tells that everything before it is done."""
        return plain(self.topic, LONGEST_TOPIC) or f"Run {self.run}"

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *(f"{self.name}-{n}" for n in range(2, LAST_SUFFIX + 1)))


class PostTimeline(Change):
    """What happened, step by step, in the run's channel."""

    effect = CHANGE
    ours = True

    run: str

    def target(self) -> str:
        return f"run/{self.run}"

    def command(self) -> str:
        return "post the timeline"


@dataclass(frozen=True)
class _Channel:
    id: str
    name: str
    creator: str
    created: int
    topic: str
    purpose: str


class Slack(Adapter):
    def __init__(
        self, calls: SlackCalls, rooms: Rooms, outbox: Outbox, timeline: Timeline
    ) -> None:
        self._calls, self._rooms, self._outbox = calls, rooms, outbox
        self._timeline, self._our_id = timeline, ""

    async def _see_channel(self, change: CreateChannel) -> Seen:
        channel = await self._find(change)
        if channel is None:
            return Seen("before", f"This run has no #{change.name} yet")
        if not change.is_marked(channel.purpose) or channel.topic != change.whole_topic:
            return Seen("before", f"#{channel.name} is open and not furnished yet")
        await self._rooms.remember(change.run, channel.id, channel.name)
        return Seen("applied", f"#{channel.name} is open")

    async def _create_channel(self, change: CreateChannel, key: Key) -> None:
        """Goes on from wherever an earlier attempt got to."""
        channel = await self._find(change) or await self._open(change)
        if not change.is_marked(channel.purpose):
            await self._do(
                "conversations.setPurpose", channel=channel.id, purpose=change.whole_purpose
            )
        await self._rooms.remember(change.run, channel.id, channel.name)
        await self._invite(channel, change.invite)
        await self._do("conversations.setTopic", channel=channel.id, topic=change.whole_topic)

    async def _find(self, change: CreateChannel) -> _Channel | None:
        us = await self._who_we_are()
        since = (change.since - CLOCKS_APART).timestamp()
        made = [
            channel
            async for channel in self._channels(change.is_private)
            if channel.creator == us and channel.created >= since
        ]
        bare = [one for one in made if one.name in change.names and not one.purpose]
        marked = [channel for channel in made if change.is_marked(channel.purpose)]
        return next(iter(marked + bare), None)

    async def _channels(self, is_private: bool) -> AsyncIterator[_Channel]:
        """Those the bot is in: it is in whatever it made."""
        cursor: str | None = None
        while True:
            answer = await self._do(
                "users.conversations",
                "channels",
                types="private_channel" if is_private else "public_channel",
                limit=PAGE,
                cursor=cursor,
            )
            for channel in answer["channels"]:
                found = _channel(channel)
                if bool(channel.get("is_private")) == is_private:
                    yield found
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    async def _who_we_are(self) -> str:
        if not self._our_id:
            self._our_id = str((await self._do("auth.test", "user_id"))["user_id"])
        return self._our_id

    async def _open(self, change: CreateChannel) -> _Channel:
        for name in change.names:
            answer = await self._calls.call(
                "conversations.create", name=name, is_private=change.is_private
            )
            if answer["ok"]:
                return _channel(answer.get("channel"))
            if answer.get("error") != "name_taken":
                raise _refused(f"#{name} was not opened", answer)
        raise Refused(
            f"#{change.names[0]} to #{change.names[-1]} all exist, archived ones included."
            " Nothing was opened. Start again with another description."
        )

    async def _invite(self, channel: _Channel, people: Iterable[str]) -> None:
        """A room without somebody is better than no room: who cannot be invited is left out."""
        everybody = list(people)
        for start in range(0, len(everybody), PEOPLE_PER_INVITE):
            users = ",".join(everybody[start : start + PEOPLE_PER_INVITE])
            await self._calls.call(
                "conversations.invite", channel=channel.id, users=users, force=True
            )

    async def _do(self, method: str, wants: str = "", **arguments: Any) -> Mapping[str, Any]:
        """`wants` is what the answer must have. Raises Refused, or Unreachable without it."""
        answer = await self._calls.call(method, **arguments)
        if not answer["ok"]:
            raise _refused(f"Slack refused {method}", answer)
        if wants and answer.get(wants) is None:
            raise Unreachable(f"Slack answered {method} without its {wants}")
        return answer

    async def _see_timeline(self, change: PostTimeline) -> Seen:
        name = _timeline_name(change)
        state = (await self._outbox.states([name])).get(name)
        if state is None:
            return Seen("before", "The timeline is not posted")
        if state == "sent":
            return Seen("applied", "The timeline is posted")
        if state == "dead":
            return Seen("unreadable", "Slack refused the timeline: see the bot's log")
        return Seen("applying", "The timeline is on its way to Slack")

    async def _post_timeline(self, change: PostTimeline, key: Key) -> None:
        await self._outbox.put(change.run, await self._timeline(change.run))

    alters = (
        pair(
            CreateChannel,
            observe=_see_channel,
            apply=_create_channel,
            permissions=("channels:manage", "channels:read", "groups:write", "groups:read"),
        ),
        pair(
            PostTimeline,
            observe=_see_timeline,
            apply=_post_timeline,
            permissions=("chat:write", "files:write"),
        ),
    )


def _timeline_name(change: PostTimeline) -> str:
    return f"{change.run}/timeline"


def _channel(answer: Any) -> _Channel:
    """Slack escapes &, < and > in what it gives back. Raises Unreachable for another shape."""
    try:
        topic, purpose = (answer.get(what) or {} for what in ("topic", "purpose"))
        return _Channel(
            id=str(answer["id"]),
            name=plain(answer["name"], LONGEST_NAME),
            creator=str(answer.get("creator", "")),
            created=int(answer.get("created", 0)),
            topic=html.unescape(str(topic.get("value", ""))),
            purpose=html.unescape(str(purpose.get("value", ""))),
        )
    except (AttributeError, LookupError, TypeError, ValueError):
        raise Unreachable("Slack described a channel in a shape that cannot be read") from None


def _refused(what: str, answer: Mapping[str, Any]) -> Refused:
    error = str(answer.get("error", "no reason given"))
    advice = BAD_NAME if error.startswith("invalid_name") else ADVICE.get(error, "")
    if error == "missing_scope" and answer.get("needed"):
        advice = f"It needs {answer['needed']}. {advice}"
    return Refused(f"{what} ({error}). {advice}".strip())
