"""
The outage that scenarios of trouble tell: a bad deployment, dana who asks for the rollback, ravi
who approves it; and what is there in the end, whatever happened meanwhile.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack.channels import Channel
from tests.scenarios.stage import Incident, Person, incident, ops, until

CORE = "complyai-core"
COMMAND = "RB-INC-001 brief_desc=core-5xx"

#: All that a run says, each once.
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
CHECKS = {
    "step/affected_services#1",
    "step/recent_deployments#1",
    "step/database_connectivity#1",
    "step/external_dependencies#1",
}
FILES = 2  #: The timeline and the meeting.

#: Told at each moment of the story; it goes on when that returns.
Moment = Callable[[str], Awaitable[None]]


async def _unwatched(_moment: str) -> None:
    return


@dataclass
class Outage:
    box: Box
    deployed: int = 0  #: How many deployments the service has had before the bot's.
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

    def reads(self, words: str) -> bool:
        rooms = [Incident(self.box, one.id, one.name) for one in self.channels]
        return any(room.reads(words) for room in rooms)

    async def live(self, at: Moment = _unwatched) -> Incident:
        """From the command to the card's last word."""
        box, general = self.box, {one.id for one in self.box.slack.channels()}
        await box.switch("bad-deploy", on=True)
        self.deployed = box.aws.rollouts(CORE)
        await at("a calm night")
        await self.dana.insists(COMMAND)
        await at("typed")
        room = await incident(box, general)
        await until(box, lambda: set(ops(box)) >= CHECKS)
        card = await room.offers(f"{names.PICK}:roll_back")
        await at("diagnosed")
        await self.dana.keeps_pressing(card, room.channel, f"{names.PICK}:roll_back")
        asked = await room.asks_for_approval("update-service")
        await at("asked")
        await self.ravi.keeps_pressing(asked, room.channel, names.APPROVE)
        await at("approved")
        await room.shows("OK · Watch recovery")
        card = await room.offers(names.CLOSE)
        await at("recovered")
        await self.dana.keeps_pressing(card, room.channel, names.CLOSE)
        await at("finished")
        await until(box, lambda: "FINISHED" in room.card["text"])
        await until(box, lambda: set(ops(box)) >= set(SAID) and len(box.slack.files) == FILES)
        return room

    def check(self, room: Incident) -> None:
        """Everything is there, and nothing is there twice."""
        said = Counter(ops(self.box))
        assert said == SAID, f"too much: {said - SAID}, too little: {SAID - said}"
        assert len(self.box.slack.files) == FILES
        (channel,) = self.channels
        assert {"U0DANA", "U0RAVI"} < set(channel.members)
        assert channel.topic.value == "P1 core-5xx" and "Service outage" in channel.purpose.value
        assert len(channel.pins) == len(channel.bookmarks) == 1
        assert all(one["text"] for one in room.messages if not one.get("files"))
        assert self.rollbacks == 1 and self.box.aws.is_well(CORE)
        assert len(self.box.pagerduty.incidents) == 1
        titles = [one.title for one in self.box.github.issues]
        assert titles and len(set(titles)) == len(titles)
