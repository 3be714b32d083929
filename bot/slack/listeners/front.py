"""
The order of things on every visit: who is it and from where (Bolt has checked that it is Slack who
says so), what do they want, note it, answer. What needs Slack's Web API happens after the answer.

Whether somebody may look at anything here is asked of the desk before a listener is called;
whether they may do what they want, by the listener or by the desk itself. The desk writes every
refusal into the audit log. A visit that came twice has the same key, and the desk knows it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr
from slack_bolt.async_app import AsyncAck

from bot.access.acts import Read
from bot.engine.intents import Desk, Refusal
from bot.runbook.values import Secret
from bot.slack.listeners import visit as visits
from bot.slack.listeners.origin import ELSEWHERE, Shows, in_place
from bot.slack.listeners.telling import Telling
from bot.slack.listeners.visit import Answer, Body, Instead, Next, Private, Visit, Wrong
from bot.slack.listeners.wrong import wrong
from bot.slack.turned_away import TurnedAway
from bot.slack.views.ephemeral import refused, sentence

#: Slack waits 3 s for an answer; this much of it is ours, in seconds.
ANSWER_WITHIN_S = 2.6
NOT_OURS = "Only members of the workspace that this bot serves can do this. Nothing was done."

Listener = Callable[["Front", Visit], Awaitable[Answer]]
BoltListener = Callable[[AsyncAck, dict[str, Any]], Awaitable[None]]
#: Stores a secret below a name, and says where it is. The key makes a repetition harmless.
KeepSecret = Callable[[str, SecretStr, str], Awaitable[Secret]]
#: Puts an answer into the acknowledgement; False when it has to be given afterwards.
Acknowledge = Callable[[AsyncAck, Answer], Awaitable[bool]]


@dataclass(frozen=True)
class Kind:
    """One kind of payload: how it is read, and what its acknowledgement can carry."""

    read: Callable[[Body], Visit]
    acknowledge: Acknowledge
    refuse: Callable[[Visit, Refusal], Answer] | None  #: None: its listener asks and refuses.


@dataclass(frozen=True)
class Front:
    """What listeners have at hand."""

    desk: Desk
    telling: Telling
    team_id: str
    turned_away: TurnedAway
    shows: Shows
    keep_secret: KeepSecret | None = None

    def bolt(self, kind: Kind, listener: Listener) -> BoltListener:
        async def answer(ack: AsyncAck, body: dict[str, Any]) -> None:
            visit = kind.read(body)
            found = await self._heard(kind, listener, visit)
            if not await kind.acknowledge(ack, found):
                self.telling.after(visit, found)

        return answer

    async def _heard(self, kind: Kind, listener: Listener, visit: Visit) -> Answer:
        if visit.actor.team_id != self.team_id:
            self.turned_away.note("somebody of another workspace", visit.actor.user_id)
            return Private(sentence(NOT_OURS))
        async with asyncio.timeout(ANSWER_WITHIN_S):
            if kind.refuse is None:
                return await listener(self, visit)
            who = await self.desk.judge(visit.actor, Read(), visit.what)
            if isinstance(who, Refusal):
                return kind.refuse(visit, who)
            if not await in_place(self.shows, visit):
                self.turned_away.note("a press where the bot asks no such thing", who.user_id)
                return kind.refuse(visit, ELSEWHERE)
            return await listener(self, replace(visit, who=who))


async def _to_command(ack: AsyncAck, found: Answer) -> bool:
    if isinstance(found, Private):
        said = found.says
        await ack(text=said.text, blocks=said.blocks, response_type="ephemeral")
        return True
    await ack()
    return False


async def _to_click(ack: AsyncAck, found: Answer) -> bool:
    await ack()
    return False


async def _to_submission(ack: AsyncAck, found: Answer) -> bool:
    if isinstance(found, Wrong):
        await ack(response_action="errors", errors=dict(found.fields))
    elif isinstance(found, Next):
        await ack(response_action="push", view=found.view)
    elif isinstance(found, Instead):
        await ack(response_action="update", view=found.view)
    else:
        await ack(response_action="clear")
        return False
    return True


def _privately(visit: Visit, refusal: Refusal) -> Answer:
    return Private(refused(refusal))


COMMAND = Kind(visits.of_command, _to_command, None)
CLICK = Kind(visits.of_click, _to_click, _privately)
SUBMISSION = Kind(visits.of_submission, _to_submission, wrong)
EVENT = Kind(visits.of_event, _to_click, None)
