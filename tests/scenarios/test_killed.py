"""
The bot's own process is killed (SIGKILL) in each phase of RB-INC-001, and begins anew: there is
one channel, one rollback and one decision, no message is lost and none is said twice.

Each story has a company of its own, but for its database. They go at the same time, for what takes
long in them is waiting, such as the 40 s until a call that nobody answered counts as not made.
"""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.aws.faults import FOREVER
from sandbox.box import Box
from sandbox.postgres import Database
from sandbox.slack.channels import Channel
from tests.scenarios.conftest import company_in
from tests.scenarios.life import Lives, lives
from tests.scenarios.stage import Incident, Person, incident, ops, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

CORE = "complyai-core"
HELD_S = 600.0  #: Longer than any story: an answer that never comes.

#: All that a run of this story says, each once.
SAID = Counter(
    (
        "started",
        "card",
        "step/create_channel#1",
        "question",
        "step/page_on_call#1",
        "step/affected_services#1",
        "step/recent_deployments#1",
        "step/database_connectivity#1",
        "step/external_dependencies#1",
        "approval",
        "step/roll_back#1",
        "step/recovered#1",
        "timeline",
        "step/document_timeline#1",
        "step/schedule_post_mortem#1",
        "step/create_tickets#1",
        "result",
        "result/origin",
    )
)


@dataclass
class Story:
    """An outage, from the command to the timeline, in which the bot is killed once."""

    box: Box
    store: Path
    bot: Lives
    death: "Death"
    deployed: int = 0  #: How many deployments the service has had before the bot's.
    dying: asyncio.Task[None] | None = None
    dana: Person = field(init=False)
    ravi: Person = field(init=False)

    def __post_init__(self) -> None:
        self.dana, self.ravi = Person(self.box, "U0DANA"), Person(self.box, "U0RAVI")

    @property
    def channels(self) -> list[Channel]:
        return [one for one in self.box.slack.channels() if one.name.startswith("incident-")]

    @property
    def rollbacks(self) -> int:
        return self.box.aws.rollouts(CORE) - self.deployed

    @property
    def was_asked(self) -> bool:
        """AWS has got the call that it holds."""
        return not self.box.aws.faults.shape()

    def reads(self, words: str) -> bool:
        """Somewhere in the run's channel."""
        said = [one for channel in self.channels for one in channel.messages.values()]
        return any(words in json.dumps(one, ensure_ascii=False) for one in said)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Of the bot's store, which nobody has open any more."""
        with closing(sqlite3.connect(self.store)) as store:
            return store.execute(query).fetchall()

    async def live(self) -> Incident:
        """To the end. People press a button once, when they see it."""
        box, general = self.box, {one.id for one in self.box.slack.channels()}
        await box.switch("bad-deploy", on=True)
        self.deployed = box.aws.rollouts(CORE)
        await self.at("a calm night")
        assert (await self.dana.types("RB-INC-001 brief_desc=core-5xx")).acked
        await self.at("typed")
        room = await incident(box, general)
        card = await room.offers(f"{names.PICK}:roll_back")
        await self.at("diagnosed")
        await self.dana.presses(card, room.channel, f"{names.PICK}:roll_back")
        asked = await room.asks_for_approval("update-service")
        await self.at("asked")
        assert (await self.ravi.presses(asked, room.channel, names.APPROVE)).acked
        await self.at("approved")
        await until(box, lambda: self.reads("OK · Watch recovery"))
        card = await room.offers(names.CLOSE)
        await self.at("recovered")
        await self.dana.presses(card, room.channel, names.CLOSE)
        assert self.dying
        await self.dying
        await until(box, lambda: "FINISHED" in room.card["text"])
        await until(box, lambda: set(ops(box)) >= set(SAID) and len(box.slack.files) == 2)
        assert await self.bot.end() == 0
        return room

    async def at(self, moment: str) -> None:
        if moment != self.death.after:
            return
        self.death.held(self)
        self.dying = asyncio.create_task(self._die())
        if self.death.held is nothing:
            await self.dying

    async def _die(self) -> None:
        await until(self.box, lambda: self.death.seen(self))
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


DEATHS = (
    Death(
        "between the intent and its call, which never comes to AWS",
        after="asked",
        held=lambda story: story.box.aws.faults.delay("ecs", "UpdateService", HELD_S),
        seen=lambda story: story.was_asked,
    ),
    Death(
        "when the channel is there without topic, purpose, pin and people",
        after="a calm night",
        held=lambda story: story.box.slack.faults.late_answer("conversations.create", HELD_S),
        seen=lambda story: story.channels,
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
    Death("right after the approval", after="approved"),
    Death(
        "when the service is updated and nobody has noted it",
        after="asked",
        held=lambda story: story.box.aws.faults.late_answer("ecs", "UpdateService", HELD_S),
        seen=lambda story: story.rollbacks,
    ),
    Death(
        "during the watch",
        after="asked",
        held=lambda story: story.box.html_pages.add(CORE),
        seen=lambda story: story.reads("Not well yet"),
    ),
    Death(
        "while the timeline is posted",
        after="recovered",
        held=lambda story: story.box.slack.faults.late_answer("chat.postMessage", HELD_S, FOREVER),
        seen=lambda story: story.reads("Timeline of run"),
    ),
)

Told = tuple[Story, Incident]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stories(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, asyncio.Task[Told]]]:
    """Those that are asked for. Their companies start one after another: that is work."""
    starting, database = asyncio.Lock(), Database(organizations=0)

    async def tell(death: Death) -> Told:
        folder = tmp_path_factory.mktemp("company")
        async with AsyncExitStack() as stack:
            async with starting:
                box = await stack.enter_async_context(company_in(folder, database))
                bot = await stack.enter_async_context(lives(box, folder))
            story = Story(box, folder / "runbook-bot.db", bot, death)
            return story, await story.live()

    async with database:
        begun = {death.name: asyncio.create_task(tell(death)) for death in _chosen(request)}
        yield begun
        for task in begun.values():
            task.cancel()
        await asyncio.gather(*begun.values(), return_exceptions=True)


def _chosen(request: pytest.FixtureRequest) -> list[Death]:
    here = [one for one in request.session.items if isinstance(one, pytest.Function)]
    told = [one.callspec.params["death"] for one in here if "stories" in one.fixturenames]
    return [death for death in told if isinstance(death, Death)]


@pytest.mark.parametrize("death", DEATHS, ids=lambda death: death.name)
async def test_a_bot_that_is_killed_goes_on_and_the_run_ends_as_if_it_had_not_been(
    stories: Mapping[str, asyncio.Task[Told]], death: Death
) -> None:
    story, room = await stories[death.name]
    assert story.bot.begun == 2
    _is_right_in_slack(story, room)
    assert story.rollbacks == 1 and story.box.aws.is_well(CORE)
    assert len(story.box.pagerduty.incidents) == 1
    assert len({one.title for one in story.box.github.issues}) == len(story.box.github.issues)
    assert story.rows("select by, approves from decisions") == [("U0RAVI", 1)]
    assert not story.rows("select id from work where status != 'finished'")
    assert not story.rows("select id from outbox where state != 'sent' and not_before is null")


def _is_right_in_slack(story: Story, room: Incident) -> None:
    assert Counter(ops(story.box)) == SAID
    (channel,) = story.channels
    assert {"U0DANA", "U0RAVI"} < set(channel.members)
    assert channel.topic.value == "P1 core-5xx" and "Service outage" in channel.purpose.value
    assert len(channel.pins) == len(channel.bookmarks) == 1
    assert all(one["text"] for one in room.messages if not one.get("files"))
