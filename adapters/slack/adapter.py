"""
Opens a run's channel once, whatever is lost on the way, and posts its timeline; reads what others
post in a channel.

A channel is ours when its purpose names our run; one that we just made and have not named yet is
ours too. An older channel is never taken over, and a private one never becomes public.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from adapters.slack.changes import CreateChannel, PostTimeline
from adapters.slack.channels import (
    Channel,
    Channels,
    PatientCalls,
    SlackCalls,
    channel,
    refused,
)
from adapters.slack.posts import Posts, read_posts
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import Refused
from bot.store.deliveries import Delivery

#: Slack's limit of people in one invitation.
PEOPLE_PER_INVITE = 100
#: How far Slack's clock and ours may be apart.
CLOCKS_APART = timedelta(minutes=2)


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


class Slack(Adapter):
    def __init__(
        self,
        calls: SlackCalls,
        rooms: Rooms,
        outbox: Outbox,
        timeline: Timeline,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._calls = PatientCalls(calls, nap)
        self._channels = Channels(self._calls)
        self._rooms, self._outbox, self._timeline = rooms, outbox, timeline
        #: By run: what the last look found, for the call after it; and what the answer to the last
        #: call showed, for the look after it. Slack takes 20 looks a minute.
        self._found: dict[str, Channel] = {}
        self._shown: dict[str, Channel] = {}

    async def posts(self, channel: str, since: datetime) -> Posts:
        """Of others, in a channel that we are in. Raises Refused, Unreachable."""
        us = await self._channels.who_we_are()
        return await read_posts(self._calls, us, channel, since)

    async def _see_channel(self, change: CreateChannel) -> Seen:
        """Where the run may speak it does so at once, also while its channel is not furnished."""
        ours = self._shown.pop(change.run, None) or await self._find(change)
        if ours is None:
            return Seen("before", f"This run has no #{change.name} yet")
        await self._rooms.remember(change.run, ours.id, ours.name)
        if not change.is_marked(ours.purpose) or ours.topic != change.whole_topic:
            self._found[change.run] = ours
            return Seen("before", f"#{ours.name} is open and not furnished yet")
        return Seen("applied", f"#{ours.name} is open")

    async def _create_channel(self, change: CreateChannel, key: Key) -> None:
        """Goes on from wherever an earlier attempt got to."""
        ours = self._found.pop(change.run, None) or await self._open(change)
        do = self._calls.do
        if not change.is_marked(ours.purpose):
            await do("conversations.setPurpose", channel=ours.id, purpose=change.whole_purpose)
        await self._rooms.remember(change.run, ours.id, ours.name)
        await self._invite(ours, change.invite)
        answer = await do("conversations.setTopic", channel=ours.id, topic=change.whole_topic)
        if "channel" in answer:
            self._shown[change.run] = channel(answer["channel"])

    async def _find(self, change: CreateChannel) -> Channel | None:
        since = (change.since - CLOCKS_APART).timestamp()
        made = [
            one for one in await self._channels.made(change.is_private) if one.created >= since
        ]
        bare = [one for one in made if one.name in change.names and not one.purpose]
        marked = [one for one in made if change.is_marked(one.purpose)]
        return next(iter(marked + bare), None)

    async def _open(self, change: CreateChannel) -> Channel:
        """A name is there once, so a call that may have come is made again by that same name."""
        for name in change.names:
            answer = await self._calls.call(
                "conversations.create", name=name, is_private=change.is_private
            )
            if answer["ok"]:
                return channel(answer.get("channel"))
            if answer.get("error") != "name_taken":
                raise refused(f"#{name} was not opened", answer)
            if ours := await self._find(change):
                return ours
        raise Refused(
            f"#{change.names[0]} to #{change.names[-1]} all exist, archived ones included."
            " Nothing was opened. Start again with another description."
        )

    async def _invite(self, room: Channel, people: Iterable[str]) -> None:
        """A room without somebody is better than no room: who cannot be invited is left out."""
        everybody = list(people)
        for start in range(0, len(everybody), PEOPLE_PER_INVITE):
            users = ",".join(everybody[start : start + PEOPLE_PER_INVITE])
            await self._calls.call(
                "conversations.invite", channel=room.id, users=users, force=True
            )

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
