"""
Slack's channels, for many runs at once.

Slack takes most of these calls 20 times a minute. So runs wait in a line, one call of a method at
a time, and those that look for their channel share what one of them reads.
"""

import asyncio
import html
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from adapters.plain import plain
from bot.runbook.errors import NothingDone, Refused, Unreachable

Answer = Mapping[str, Any]

#: Characters of a channel's name, says Slack.
LONGEST_NAME = 80
#: Channels in a page of a list: the most that Slack gives.
PAGE = 999
#: Seconds until a call that was not answered is made again; then twice as long each time, up to.
AGAIN_FIRST_S, AGAIN_MOST_S = 0.25, 4.0

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
    nothing was answered, NothingDone when besides nothing happened.
    """

    async def call(self, method: str, **arguments: Any) -> Answer: ...


class PatientCalls:
    """
    Calls Slack until it is answered, and waits as long as Slack says: whoever calls has a time
    limit. Only for what may be done twice. `nap` waits for so many seconds.
    """

    def __init__(
        self, calls: SlackCalls, nap: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._calls, self._nap = calls, nap
        self._lines: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def call(self, method: str, **arguments: Any) -> Answer:
        """Also an answer that says no."""
        async with self._lines[method]:
            for again_s in _naps():
                try:
                    return await self._calls.call(method, **arguments)
                except NothingDone as error:
                    await self._nap(error.again_after_s)
                except Unreachable:
                    await self._nap(again_s)
        raise AssertionError("the naps never end")

    async def do(self, method: str, wants: str = "", **arguments: Any) -> Answer:
        """`wants` is what the answer must have. Raises Refused, or Unreachable without it."""
        answer = await self.call(method, **arguments)
        if not answer["ok"]:
            raise refused(f"Slack refused {method}", answer)
        if wants and answer.get(wants) is None:
            raise Unreachable(f"Slack answered {method} without its {wants}")
        return answer


@dataclass(frozen=True)
class Channel:
    id: str
    name: str
    creator: str
    created: int
    topic: str
    purpose: str


@dataclass
class _Reading:
    """Whoever asks shares a reading with all who ask for it before it begins."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    last: Sequence[Channel] | None = None


class Channels:
    """The channels we made."""

    def __init__(self, calls: PatientCalls) -> None:
        self._calls, self._our_id = calls, ""
        self._readings: defaultdict[bool, _Reading] = defaultdict(_Reading)

    async def made(self, is_private: bool) -> Sequence[Channel]:
        """As Slack has them at some moment after this was asked. Raises Refused, Unreachable."""
        reading = self._readings[is_private]
        begun = reading.begun
        async with reading.turn:
            if reading.begun == begun or reading.last is None:
                reading.begun, reading.last = reading.begun + 1, None
                reading.last = await self._read(is_private)
            return reading.last

    async def _read(self, is_private: bool) -> Sequence[Channel]:
        """Of those we are in: we are in whatever we made."""
        us, cursor = await self.who_we_are(), None
        found: list[Channel] = []
        while True:
            answer = await self._calls.do(
                "users.conversations",
                "channels",
                types="private_channel" if is_private else "public_channel",
                limit=PAGE,
                cursor=cursor,
            )
            for one in answer["channels"]:
                read = channel(one)
                if bool(one.get("is_private")) == is_private and read.creator == us:
                    found.append(read)
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return found

    async def who_we_are(self) -> str:
        if not self._our_id:
            self._our_id = str((await self._calls.do("auth.test", "user_id"))["user_id"])
        return self._our_id


def channel(answer: Any) -> Channel:
    """Slack escapes &, < and > in what it gives back. Raises Unreachable for another shape."""
    try:
        topic, purpose = (answer.get(what) or {} for what in ("topic", "purpose"))
        return Channel(
            id=str(answer["id"]),
            name=plain(answer["name"], LONGEST_NAME),
            creator=str(answer.get("creator", "")),
            created=int(answer.get("created", 0)),
            topic=html.unescape(str(topic.get("value", ""))),
            purpose=html.unescape(str(purpose.get("value", ""))),
        )
    except (AttributeError, LookupError, TypeError, ValueError):
        raise Unreachable("Slack described a channel in a shape that cannot be read") from None


def refused(what: str, answer: Answer) -> Refused:
    error = str(answer.get("error", "no reason given"))
    advice = BAD_NAME if error.startswith("invalid_name") else ADVICE.get(error, "")
    if error == "missing_scope" and answer.get("needed"):
        advice = f"It needs {answer['needed']}. {advice}"
    return Refused(f"{what} ({error}). {advice}".strip())


def _naps() -> Iterator[float]:
    nap = AGAIN_FIRST_S
    while True:
        yield nap
        nap = min(2 * nap, AGAIN_MOST_S)
