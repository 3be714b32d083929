"""
Somebody leads a run to its end by what they see of it in Slack, and by nothing else: they press
what is before them, and press it again when Slack or the bot tells them so, or nothing comes of
it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack.answers import CannotDo
from tests.scenarios.stage import Message, Person, has

#: Seconds after which somebody presses again: when Slack said that the bot did not answer, and
#: when it did and nothing is to be seen of it.
AGAIN_S, NOTHING_CAME_S = 1.0, 8.0
LOOKS_EVERY_S = 2.0


@dataclass
class Wish:
    """What those who lead want: an action of the runbook, while what it cures is wrong."""

    action: str = ""
    is_wrong: Callable[[], bool] = lambda: False
    approves: bool = True
    asked: set[str] = field(default_factory=set)  #: The plans that somebody said yes to.


@dataclass(frozen=True)
class Press:
    person: Person
    channel: str
    message: Message
    action: str

    @property
    def key(self) -> tuple[str, str]:
        return str(self.message["ts"]), self.action


class Leader:
    def __init__(self, box: Box, run: str, wish: Wish) -> None:
        self._box, self._run, self._wish = box, run, wish
        self._dana, self._ravi = Person(box, "U0DANA"), Person(box, "U0RAVI")
        self._not_before: dict[tuple[str, str], float] = {}
        self._denied = False

    async def lead(self) -> None:
        """Returns once Slack shows how the run ended."""
        while not any(self._said("result")):
            if press := self._next():
                await self._press(press)
            else:
                with suppress(TimeoutError):
                    await self._box.slack.wait_for(self._is_over_or_next, LOOKS_EVERY_S)

    def _is_over_or_next(self) -> object:
        return any(self._said("result")) or self._next()

    def _next(self) -> Press | None:
        now = asyncio.get_running_loop().time()
        due = (one for one in self._wanted() if self._not_before.get(one.key, 0) <= now)
        return next(due, None)

    def _wanted(self) -> Iterator[Press]:
        wish, is_wrong = self._wish, self._wish.is_wrong()
        for channel, message in self._said("question"):
            if has(message, names.STOP_HERE):
                yield Press(self._ravi, channel, message, self._truth(message, is_wrong))
        for channel, message in self._said("approval"):
            if has(message, names.DENY):
                answer = names.APPROVE if wish.approves else names.DENY
                yield Press(self._ravi, channel, message, answer)
        for channel, message in self._said("card"):
            if has(message, names.GO_ON):
                yield Press(self._dana, channel, message, names.GO_ON)
            elif wish.action and is_wrong and not self._denied:
                if has(message, action := f"{names.PICK}:{wish.action}"):
                    yield Press(self._dana, channel, message, action)
            elif has(message, names.CLOSE):
                yield Press(self._dana, channel, message, names.CLOSE)

    def _truth(self, question: Message, is_wrong: bool) -> str:
        """They look there; where nobody can, the step ends as failed."""
        if "`aws " not in str(question["text"]):
            return names.STOP_HERE
        return names.NOT_HAPPENED if is_wrong else names.HAPPENED

    async def _press(self, press: Press) -> None:
        if press.action == names.APPROVE:
            self._wish.asked.add(_value(press.message, names.APPROVE))
        pause = NOTHING_CAME_S
        with suppress(CannotDo):  # It is gone meanwhile.
            if not (await press.person.presses(press.message, press.channel, press.action)).acked:
                pause = AGAIN_S
            elif press.action == names.DENY:
                await self._deny(_value(press.message, names.DENY))
        self._not_before[press.key] = asyncio.get_running_loop().time() + pause

    async def _deny(self, plan: str) -> None:
        with suppress(TimeoutError):
            form = await self._box.slack.wait_for(lambda: self._forms(plan), NOTHING_CAME_S)
            ack = await self._ravi.submits(form[-1], {names.REASON: "Not tonight"})
            self._denied = ack.acked and not ack.errors

    def _forms(self, plan: str) -> list[dict[str, Any]]:
        views = self._box.slack.views(self._ravi.id)
        return [one for one in views if plan in str(one["private_metadata"])]

    def _said(self, what: str) -> Iterator[tuple[str, Message]]:
        """The messages of the run about that, wherever they stand."""
        for channel in self._box.slack.channels():
            for message in channel.messages.values():
                if op(message).startswith((f"{self._run}/{what}#", f"{self._run}/{what}/")):
                    yield channel.id, message


def op(message: Message) -> str:
    """As the outbox names it: the run, what it is about, and which revision."""
    return str((message.get("metadata") or {}).get("event_payload", {}).get("op", ""))


def _value(message: Message, action: str) -> str:
    """What the button of this name carries."""
    elements = (one for block in message["blocks"] for one in block.get("elements", ()))
    return next(str(one["value"]) for one in elements if one.get("action_id") == action)
