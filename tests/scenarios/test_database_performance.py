"""RB-INC-003 as it goes at night: the real bot, and a real PostgreSQL with real trouble in it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from bot.runbook.durations import seconds
from bot.slack.views import names
from sandbox.aws.load import DatabaseLoad
from sandbox.box import Box
from sandbox.people import COLLEAGUES
from sandbox.postgres import Database
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import Incident, Message, Person, has, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Of a small company, whose slow queries are quicker than a large one's.
LIMITS = {
    "slow_query": seconds(0.3),
    "scans_looked_for": seconds(0.6),
    "large_table": 10_000,
}
SLOW = "Slow queries read public.activity_events"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    """One company and its bot; each test has its trouble in a channel of its own."""
    async with (
        Database(organizations=100) as database,
        company_in(tmp_path_factory.mktemp("company"), database, scale=0.02) as box,
        bot_in(box, thresholds={"RB-INC-003": LIMITS}),
    ):
        yield box


@dataclass(frozen=True)
class Room(Incident):
    """The channel in which the run was typed."""

    async def picks(self, who: Person, step: str) -> None:
        card = await self.offers(f"{names.PICK}:{step}")
        await who.presses(card, self.channel, f"{names.PICK}:{step}")

    async def is_answered(self, who: Person, words: str) -> None:
        """With the choice whose label has these words."""

        def there() -> tuple[Message, str, str] | None:
            labelled = ((m, *one) for m in self.messages for one in _choices(m))
            return next(((m, a, v) for m, a, v, label in labelled if words in label), None)

        message, action, value = await until(self.box, there)
        await who.presses(message, self.channel, action, value)

    async def is_approved(self, who: Person, words: str, typed: str = "") -> None:
        asked = await self.asks_for_approval(words)
        if not typed:
            await who.presses(asked, self.channel, names.APPROVE)
            return
        await who.presses(asked, self.channel, names.APPROVE_DESTROY)
        form = await who.sees_form(names.APPROVE_MODAL)
        assert not (await who.submits(form, {names.TYPED: typed})).errors


def _choices(message: Message) -> Iterator[tuple[str, str, str]]:
    """Action, value and label of each button, or of each entry of a menu."""
    if has(message, names.CHOOSE):
        for block in message.get("blocks", ()):
            for element in block.get("elements", ()):
                if str(element.get("action_id", "")).startswith(names.CHOOSE):
                    for one in element.get("options") or [element]:
                        yield element["action_id"], one["value"], one["text"]["text"]


async def begun(box: Box, channel: str) -> Room:
    """In a channel of its own, where that is not one of the company's."""
    if channel not in {one.id for one in box.slack.channels()}:
        box.slack.add_channel(channel.lower(), [one.id for one in COLLEAGUES], id=channel)
    assert (await Person(box, "U0DANA").types("RB-INC-003", channel)).acked
    room = Room(box, channel, channel)
    await room.offers(names.CLOSE)
    return room


async def begun_and_reads(box: Box, words: str) -> Room:
    """Again until it has found that: what has only just begun is not slow yet."""
    for number in itertools.count():
        room = await begun(box, f"C0AGAIN{number}")
        if room.reads(words):
            break
    return room


async def root_of_pileup(box: Box, room: str) -> tuple[Room, str]:
    """Dana has asked for its end, and ravi has agreed; one more must."""
    root = str(box.harms.lock_pileup.root.get_server_pid())
    begins = await begun(box, room)
    await begins.shows("40 wait for a lock")
    await begins.picks(Person(box, "U0DANA"), "end_session")
    await begins.is_answered(Person(box, "U0DANA"), f"pid {root},")
    await begins.is_approved(Person(box, "U0RAVI"), f"pg_terminate_backend({root})", root)
    return begins, root


async def test_of_all_in_a_pileup_the_one_at_its_root_is_ended_and_nobody_else(
    night: Box,
) -> None:
    await night.switch("lock-pileup", on=True)
    pileup = night.harms.lock_pileup
    try:
        room, root = await root_of_pileup(night, "C0GENERAL")
        assert not pileup.is_over
        await room.is_approved(Person(night, "U0LENA"), f"pg_terminate_backend({root})", root)
        await room.shows("OK · Check for locks")
        await room.shows(f"pid {root} is gone")
        async with asyncio.timeout(60):
            await asyncio.gather(*pileup.waiting)
        assert pileup.is_over and not any(one.is_closed() for one in pileup.others)
        dana = Person(night, "U0DANA")
        await dana.presses(await room.offers(names.CLOSE), room.channel, names.CLOSE)
        await room.says("FINISHED")
    finally:
        await night.switch("lock-pileup", on=False)
        await pileup.stop()


async def test_a_session_that_commits_before_it_is_approved_is_left_alone(night: Box) -> None:
    await night.switch("lock-pileup", on=True)
    pileup = night.harms.lock_pileup
    try:
        room, root = await root_of_pileup(night, "C0ALERTS")
        await pileup.root.execute("COMMIT")
        await room.is_approved(Person(night, "U0LENA"), f"pg_terminate_backend({root})", root)
        await room.shows("that transaction is over")
        await room.shows("OK · Check for locks")
        assert await pileup.root.fetchval("SELECT 1") == 1
    finally:
        await night.switch("lock-pileup", on=False)


async def test_a_bloated_table_is_vacuumed_and_well_afterwards(night: Box) -> None:
    await night.switch("bloat", on=True)
    try:
        room = await begun(night, "C0SUPPORT")
        await room.shows("of its rows are dead, autovacuum is off")
        await room.picks(Person(night, "U0DANA"), "vacuum")
        await room.is_answered(Person(night, "U0DANA"), "public.sync_runs")
        await room.shows("DONE · Choose the table to vacuum: public.sync_runs: 67% of its rows")
        await room.is_approved(Person(night, "U0RAVI"), "VACUUM (ANALYZE) public.sync_runs")
        await room.shows("public.sync_runs has 0 dead rows, vacuumed at")
        await room.shows("OK · Check table bloat")
    finally:
        await night.switch("bloat", on=False)


async def makes_an_index(room: Room, choice: str, command: str) -> None:
    await room.shows("suggested: Add missing index")
    await room.picks(Person(room.box, "U0DANA"), "add_index")
    await room.is_answered(Person(room.box, "U0DANA"), choice)
    await room.is_approved(Person(room.box, "U0RAVI"), command)
    await room.shows("DONE · Add missing index")


async def test_a_slow_query_gets_its_index_and_one_killed_halfway_is_dropped_and_made_anew(
    night: Box,
) -> None:
    """By two runs at once. Whichever is done last looks at what both have made."""
    left_over = "public.sync_runs_status_idx"
    await night.switch("slow-query", on=True)
    await night.switch("invalid-index", on=True)
    try:
        slow, halfway = await begun_and_reads(night, SLOW), await begun(night, "C0INDEX")
        await halfway.shows(f"Invalid, and so of no use: {left_over}")
        await asyncio.gather(
            makes_an_index(slow, "public.activity_events (user_id)", "CREATE INDEX CONCURRENTLY"),
            makes_an_index(
                halfway, f"make anew {left_over}", f"DROP INDEX CONCURRENTLY {left_over}"
            ),
        )
        is_well = "OK · Check for large tables"
        await until(night, lambda: slow.reads(is_well) or halfway.reads(is_well) or None)
        assert not night.harms.slow_query.is_over
    finally:
        await night.switch("slow-query", on=False)
        await night.switch("invalid-index", on=False)


async def test_every_instance_gets_a_larger_class_and_what_waits_for_it_is_shown(
    night: Box,
) -> None:
    rds = night.aws._parts.rds
    night.aws.load_database(DatabaseLoad(cpu_percent=97), ago=timedelta(minutes=20))
    rds.modify("complyai-prod-2", {"BackupRetentionPeriod": 1}, now=False)
    room = await begun(night, "C0LARGER")
    await room.shows("CPU 97 %")
    await room.picks(Person(night, "U0DANA"), "scale_up")
    await room.is_answered(Person(night, "U0DANA"), "db.r6g.2xlarge")
    await room.shows("This is applied as well: complyai-prod-2: BackupRetentionPeriod: 1")
    for who in ("U0RAVI", "U0LENA"):
        await room.is_approved(Person(night, who), "modify-db-instance", "complyai-prod")
    await room.shows("complyai-prod-1 is available, a db.r6g.2xlarge")
    found = rds.instances
    assert {one.instance_class for one in found.values()} == {"db.r6g.2xlarge"}
    assert not any(one.pending for one in found.values())
