"""
The bot's own process is killed (SIGKILL) in each phase of RB-INC-001, or asked to end (SIGTERM),
and begins anew: there is one channel, one rollback and one decision, no message is lost and none
is said twice.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.aws.faults import FOREVER
from sandbox.box import Box
from tests.scenarios.life import Lives
from tests.scenarios.outage import CORE, Outage
from tests.scenarios.stage import Incident, until
from tests.scenarios.stories import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HELD_S = 600.0  #: Longer than any story: a call or an answer that never comes.
LATE_S = 12.0  #: Until a call comes that was on its way at the death: the bot is back by then.
#: What is to be seen at once and is neither seen nor on its way.
UNSENT = "select id from outbox where state in ('pending', 'unknown') and not_before is null"


@dataclass
class Story:
    """An outage in which the bot is killed once."""

    outage: Outage
    store: Path
    bot: Lives
    death: "Death"
    dying: asyncio.Task[None] | None = None

    @property
    def box(self) -> Box:
        return self.outage.box

    @property
    def was_asked(self) -> bool:
        """AWS has got the call that it holds."""
        return not self.box.aws.faults.shape()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Of the bot's store, which is only looked at."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as store:
            return store.execute(query).fetchall()

    async def live(self) -> Incident:
        room = await self.outage.live(self._at)
        assert self.dying
        await self.dying
        await until(self.box, lambda: not self.rows(UNSENT))
        assert await self.bot.end() == 0
        return room

    async def _at(self, moment: str) -> None:
        if moment != self.death.after or self.dying:
            return
        self.death.held(self)
        self.dying = asyncio.create_task(self._die())
        if self.death.held is nothing:
            await self.dying

    async def _die(self) -> None:
        await until(self.box, lambda: self.death.seen(self))
        if self.death.is_asked_to:
            assert await self.bot.end() == 0
        else:
            await self.bot.kill()
        self.box.slack.faults.clear()
        self.box.html_pages.clear()
        await self.bot.begin()


def nothing(_story: Story) -> None:
    """It is in that phase anyway."""


@dataclass(frozen=True)
class Death:
    """
    After a moment of the story a peer is made to hold the bot in a phase, and the bot is killed
    as soon as the peer has seen it there.
    """

    name: str
    after: str
    held: Callable[[Story], object] = nothing
    seen: Callable[[Story], object] = lambda _story: True
    updates: int = 1  #: How often ECS is told to update the service.
    is_asked_to: bool = False  #: By an orchestrator, and not killed.

    async def tell(self, stage: Stage) -> tuple[Story, Incident]:
        async with (
            stage.company() as (box, folder),
            stage.lives(box, folder) as bot,
        ):
            story = Story(Outage(box), folder / "runbook-bot.db", bot, self)
            return story, await story.live()


DEATHS = (
    Death(
        "between the intent and its call, which never comes to AWS",
        after="asked",
        held=lambda story: story.box.aws.faults.delay("ecs", "UpdateService", HELD_S),
        seen=lambda story: story.was_asked,
        updates=2,
    ),
    Death(
        "when the channel is there without topic, purpose, pin and people",
        after="a calm night",
        held=lambda story: story.box.slack.faults.late_answer("conversations.create", HELD_S),
        seen=lambda story: story.outage.channels,
    ),
    Death("right after the approval", after="approved"),
    Death(
        "during the watch",
        after="asked",
        held=lambda story: story.box.html_pages.add(CORE),
        seen=lambda story: story.outage.reads("Not well yet"),
    ),
    Death(
        "while the timeline is posted, and Slack never gets it",
        after="recovered",
        held=lambda story: story.box.slack.faults.delay("chat.postMessage", HELD_S),
        seen=lambda story: not story.box.slack.faults.active,
    ),
    Death(
        "between the intent and its call, which comes late to AWS",
        after="asked",
        held=lambda story: story.box.aws.faults.delay("ecs", "UpdateService", LATE_S),
        seen=lambda story: story.was_asked,
    ),
    Death("right after the command was acknowledged", after="typed"),
    Death(
        "during the diagnosis",
        after="a calm night",
        held=lambda story: story.box.aws.faults.delay("ecs", "DescribeServices", HELD_S),
        seen=lambda story: story.was_asked,
    ),
    Death(
        "while a plan is made",
        after="diagnosed",
        held=lambda story: story.box.aws.faults.delay("ecs", "DescribeServices", HELD_S),
        seen=lambda story: story.was_asked,
    ),
    Death("while an approval is pending", after="asked"),
    Death(
        "when the service is updated and nobody has noted it",
        after="asked",
        held=lambda story: story.box.aws.faults.late_answer("ecs", "UpdateService", HELD_S),
        seen=lambda story: story.outage.rollbacks,
    ),
    Death(
        "asked to end when the service is updated and AWS has not answered",
        after="asked",
        held=lambda story: story.box.aws.faults.late_answer("ecs", "UpdateService", HELD_S),
        seen=lambda story: story.outage.rollbacks,
        is_asked_to=True,
    ),
    Death(
        "while the timeline is posted, and Slack has it",
        after="recovered",
        held=lambda story: story.box.slack.faults.late_answer("chat.postMessage", HELD_S, FOREVER),
        seen=lambda story: story.outage.reads("Timeline of run"),
    ),
)


@pytest.mark.parametrize("told", DEATHS, indirect=True, ids=lambda death: death.name)
async def test_a_bot_that_is_killed_goes_on_and_the_run_ends_as_if_it_had_not_been(
    told: tuple[Story, Incident],
) -> None:
    story, room = told
    assert story.bot.begun == 2
    story.outage.check(room)
    assert story.box.updates(CORE) == story.death.updates
    assert story.rows("select by, approves from decisions") == [("U0RAVI", 1)]
    assert not story.rows("select id from work where status != 'finished'")
    assert not story.rows("select id from outbox where state != 'sent' and not_before is null")
