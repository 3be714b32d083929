"""Two books that look at the same sync, and one with a card; and what of them stands in Slack."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import Field

from bot.engine.record import RunRecord, Said, Trouble
from bot.runbook import Concern, Found, Runbook, RunbookInputs, Table
from bot.runbook.findings import Verdict
from bot.runbook.step import Speaks
from bot.runbook.words import ok, problem, unknown, warning
from bot.slack.announcer import SlackAnnouncer
from bot.store.deliveries import Delivery
from bot.store.outbox_tables import outbox
from tests.engine.clockwork import MORNING, SetByHand, comes_to, over
from tests.engine.small_world import Bot, Lamp, Silent

ACME, INIT = "organization 12", "organization 7"


class Inputs(RunbookInputs):
    organization: str = Field(default="", pattern=r"^[a-z]*$")


@dataclass
class Sync:
    """What is found: of each organization that is not well, and of everything else."""

    stale: dict[str, Verdict] = field(default_factory=dict)
    says: str = ""
    queue: Verdict = "ok"

    def look(self, narrow: str = "") -> Found[Lamp]:
        if self.says == "down":
            return unknown("The database does not answer")
        concerns = tuple(Concern(name, f"last sync {self.says}") for name in self.stale)
        if not concerns:
            return ok("all of them synced", Lamp(color="green"))
        says = f"{len(concerns)} stale{narrow}"
        worst = problem if "problem" in self.stale.values() else warning
        table = Table(("organization",), tuple((name,) for name in self.stale))
        own = tuple(Concern(one.name, one.says, self.stale[one.name]) for one in concerns)
        return worst(says, Lamp(color="red"), concerns=own, table=table)

    def line(self) -> Found[Lamp]:
        if self.queue == "unknown":
            return unknown("The queue does not answer")
        word = {"ok": ok, "warning": warning, "problem": problem}[self.queue]
        return word(f"the queue is {self.queue}", Lamp(color="red"))


def book(sync: Sync, book_id: str, speaks: Speaks = "as it goes", topic: str = "sync") -> Runbook:
    made = Runbook(
        id=book_id, title="Ad Sync", severity="P3", category="Test", inputs=Inputs, speaks=speaks
    )
    looks = made.section("Look", together=True)

    @looks.check("Last sync", about=topic)
    def last_sync(inputs: Inputs) -> Found[Lamp]:
        return sync.look(inputs.organization)

    @looks.check("Queue")
    def queue() -> Found[Lamp]:
        return sync.line()

    return made


class Speaking(Silent):
    """Says what the bot says in Slack."""

    def __init__(self) -> None:
        super().__init__()
        self.slack = SlackAnnouncer({}, "C0ALERTS")

    def announce(self, run: RunRecord, said: Sequence[Said]) -> Sequence[Delivery]:
        super().announce(run, said)
        return self.slack.announce(run, said)

    def announce_trouble(self, trouble: Trouble) -> Sequence[Delivery]:
        return self.slack.announce_trouble(trouble)


@dataclass(frozen=True)
class Shown:
    name: str
    thread: str | None
    text: str
    blocks: str


async def shown(bot: Bot) -> list[Shown]:
    """Every message that is in Slack's channel or on its way there, in its order."""

    def read(c: sa.Connection) -> list[Shown]:
        query = sa.select(outbox).where(outbox.c.kind == "message").order_by(outbox.c.seq)
        found = [(row, json.loads(row.payload)) for row in c.execute(query)]
        return [
            Shown(row.name, row.thread, one["text"], json.dumps(one["blocks"]))
            for row, one in found
        ]

    return await bot.engine.store.read(read)


async def reports(bot: Bot) -> list[str]:
    return [one.text for one in await shown(bot) if one.name.endswith("/result")]


async def fires(bot: Bot, clock: SetByHand, minutes: float = 15) -> list[str]:
    """A quarter of an hour later its run is over; what it has said."""
    before = len(await reports(bot))
    await comes_to(bot, clock, clock.at + timedelta(minutes=minutes))
    await over(bot)
    return (await reports(bot))[before:]


def at(minutes: float) -> datetime:
    return MORNING + timedelta(minutes=minutes)
