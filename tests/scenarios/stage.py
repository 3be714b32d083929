"""
What people do and see in a scenario: the local Slack's handle in the words of the story.

Everything goes the way it goes in Slack: a button that is not there cannot be pressed, and what a
person sees is what was really posted.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.slack.listeners.lost import NOT_NOTED, TOO_SLOW
from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack.acks import Ack
from sandbox.slack.answers import CannotDo

T = TypeVar("T")
GENERAL = "C0GENERAL"
#: Seconds that anything in a scenario may take on a busy machine.
PATIENCE_S = 90.0

#: What a person is told who presses where the bot does not know that it has asked.
NOT_HERE = "This is not where the bot asks for this"
#: What they press again after: that, and that the store did not take it, or not in time.
AGAIN = (NOT_HERE, NOT_NOTED, TOO_SLOW)
#: What a person is told who cannot be let through because Slack does not say who they are.
UNREADABLE = "Roles cannot be read now"

Message = Mapping[str, Any]
#: An op of the outbox: the run, what it is about, and which revision.
OF_A_RUN = re.compile(r"[2-9A-Z]{4}/(?P<name>.+)#\d+")
ONE_OF_MANY = re.compile(r"^(approval|question)/.+")


#: What happens before anything else does.
Then = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Nothing happens in between."""


@dataclass(frozen=True)
class Person:
    box: Box
    id: str

    async def types(self, text: str, channel: str = GENERAL) -> Ack:
        return await self.box.slack.command(self.id, channel, "/runbook", text)

    def told(self, channel: str = GENERAL) -> list[str]:
        """What only they have seen there, with its buttons."""
        return [json.dumps(one, ensure_ascii=False) for one in self._private(channel)]

    async def asks(self, text: str, acknowledged: Then = at_once) -> str:
        """Types it, and waits for what they are told, by the bot in private or by Slack in red."""
        before = len(self.told())
        ack = await self.types(text)
        await acknowledged()
        if not ack.acked:
            return ack.error
        return (await until(self.box, lambda: self.told()[before:]))[-1]

    async def insists(self, text: str, acknowledged: Then = at_once) -> None:
        """
        Types it again for as long as the bot could not look who is asking. Where it is not said
        whether a run has begun, they look first, as they are told to.
        """
        while "has begun" not in (said := await self.asks(text, acknowledged)):
            if UNREADABLE not in said and "Running now" in await self.asks("status"):
                return

    async def starts(self, text: str = "RB-INC-001 brief_desc=core-5xx") -> "Incident":
        """Starts the outage runbook by command, and goes to the channel it opens."""
        before = {channel.id for channel in self.box.slack.channels()}
        await self.insists(text)
        return await incident(self.box, before)

    async def presses(
        self, message: Message, channel: str, action: str, value: object = None
    ) -> Ack:
        return await self.box.slack.click(
            self.id, channel, str(message["ts"]), None, action, value
        )

    async def keeps_pressing(self, message: Message, channel: str, action: str) -> None:
        """
        Again when Slack says that the app did not respond, or the app that it was not taken, and
        the button is still there.
        """
        with suppress(CannotDo):
            while True:
                before = len(self.told(channel))
                if not (await self.presses(message, channel, action)).acked:
                    await until(self.box, lambda: self.box.slack.is_connected or None)
                elif not await self._is_put_off(message, channel, action, before):
                    return

    async def _is_put_off(self, message: Message, channel: str, action: str, before: int) -> bool:
        def answer() -> list[str] | None:
            said = self.told(channel)[before:]
            now = [one for one in self.box.slack.messages(channel) if one["ts"] == message["ts"]]
            return said or (None if any(has(one, action) for one in now) else [""])

        told = await until(self.box, answer)
        return any(again in one for one in told for again in AGAIN)

    async def sees_form(self, callback: str) -> Mapping[str, Any]:
        def there() -> Mapping[str, Any] | None:
            views = self.box.slack.views(self.id)
            return views[-1] if views and views[-1]["callback_id"] == callback else None

        return await until(self.box, there)

    async def submits(self, view: Mapping[str, Any], values: Mapping[str, Any]) -> Ack:
        return await self.box.slack.submit_view(self.id, str(view["id"]), values)

    def was_told(self, words: str, channel: str = GENERAL) -> bool:
        """In private: seen by this person alone."""
        return any(words in one["text"] for one in self._private(channel))

    def _private(self, channel: str) -> Sequence[Message]:
        return self.box.slack.ephemerals(self.id, channel)

    async def is_told(self, words: str, channel: str = GENERAL) -> None:
        await until(self.box, lambda: self.was_told(words, channel))


@dataclass(frozen=True)
class Incident:
    """The channel of one run."""

    box: Box
    channel: str
    name: str

    @property
    def messages(self) -> Sequence[Message]:
        return self.box.slack.messages(self.channel)

    @property
    def card(self) -> Message:
        return next(one for one in self.messages if has(one, names.AGAIN) or is_card(one))

    @property
    def thread(self) -> Sequence[Message]:
        return self.box.slack.messages(self.channel, str(self.card["ts"]))[1:]

    def saying(self, words: str) -> Sequence[Message]:
        return [one for one in self.messages if words in one["text"]]

    async def says(self, words: str) -> Message:
        """Waits until a message of the channel (not of a thread) has these words."""
        return (await until(self.box, lambda: self.saying(words)))[-1]

    def reads(self, words: str) -> bool:
        """In the channel, on its cards or in a thread."""
        said = self.box.slack.channel(self.channel).messages.values()
        return any(words in json.dumps(one, ensure_ascii=False) for one in said)

    async def shows(self, words: str) -> None:
        """Waits until that is to be read somewhere in the channel."""
        await until(self.box, lambda: self.reads(words))

    async def offers(self, action: str) -> Message:
        """Waits until the card has this button."""
        return await until(
            self.box, lambda: next((m for m in self.messages if has(m, action)), None)
        )

    async def asks_for_approval(self, words: str) -> Message:
        def there() -> Message | None:
            asked = [m for m in self.messages if words in json.dumps(m, ensure_ascii=False)]
            able = [m for m in asked if has(m, names.DENY)]
            return able[-1] if able else None

        return await until(self.box, there)


async def incident(box: Box, before: set[str]) -> Incident:
    def opened() -> Incident | None:
        for channel in box.slack.channels():
            if channel.id not in before and channel.name.startswith("incident-"):
                return Incident(box, channel.id, channel.name)
        return None

    found = await until(box, opened)
    await until(box, lambda: found.messages)
    return found


async def until(box: Box, truth: Callable[[], T | None]) -> T:
    """Waits for what is to become true in Slack, and returns it."""
    try:
        found = await box.slack.wait_for(truth, PATIENCE_S)
    except TimeoutError:
        raise AssertionError(f"it did not become true; Slack shows:\n{_shown(box)}") from None
    assert found is not None
    return found


def _shown(box: Box) -> str:
    """Every message of the runs' channels, with its thread, as its text alone reads."""
    lines = []
    for channel in box.slack.channels():
        for top in box.slack.messages(channel.id):
            lines.append(f"#{channel.name}: {top['text']}")
            thread = box.slack.messages(channel.id, str(top["ts"]))[1:]
            lines += [f"    {one['text']}" for one in thread]
    return "\n".join(lines)


def ops(box: Box, channel: str | None = None) -> list[str]:
    """
    What runs have said in this channel, or in all, as the outbox names it: without its run, and
    without what makes an approval or a question one of many.
    """
    places = [box.slack.channel(channel)] if channel else box.slack.channels()
    said = [one for place in places for one in place.messages.values()]
    stamps = [(one.get("metadata") or {}).get("event_payload", {}).get("op", "") for one in said]
    named = [found["name"] for stamp in stamps if (found := OF_A_RUN.fullmatch(stamp))]
    return [ONE_OF_MANY.sub(r"\1", name) for name in named]


def has(message: Message, action: str) -> bool:
    """Whether the message has a button or menu of this name, whatever it is about."""
    return f'"action_id": "{action}' in json.dumps(message)


def is_card(message: Message) -> bool:
    return any(block["type"] == "plan" for block in message.get("blocks", ()))
