"""
RB-DB-001 and RB-DEPLOY-002 as they go by day and by night: the real bot, real alembic, a real
PostgreSQL.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import asyncpg
import pytest
import pytest_asyncio

from bot.runbook.durations import seconds
from bot.runbook.step import Timing
from bot.slack.views import names
from commands import RUNBOOKS
from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import Incident, Message, Person, has, until
from tests.scenarios.watching import look_often

pytestmark = pytest.mark.asyncio(loop_scope="module")

CORE, DEPLOY, FLAG = "complyai-core", "RB-DEPLOY-002", "/complyai/flags/reviews"
STEPS = RUNBOOKS["RB-DB-001"].steps
SCHEMA = "complyai-prod"
BACKUP = "create-db-cluster-snapshot"
LONG = 300.0  #: Seconds by which AWS's clock is ahead, so that it has counted requests at once.
AS_IT_WAS = (
    "DROP TABLE IF EXISTS ad_reviews",
    "DROP INDEX IF EXISTS activity_events_by_action",
    "ALTER TABLE org_ads DROP COLUMN IF EXISTS risk_band",
    "UPDATE alembic_version SET version_num = 'a003'",
)
#: What it meets by a fault's name, and how that is said.
IN_THE_WAY = {
    "busy-table": "canceling statement due to lock timeout",
    "other-migration": "Somebody else is migrating this database. Nothing was changed",
}
#: The hour at which this runs is none of its business: any traffic is quiet enough.
QUIET = {"RB-DB-001": {"quiet": 10.0}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    with pytest.MonkeyPatch.context() as patch:
        looks_often(patch)
        async with (
            Database(organizations=60) as database,
            company_in(tmp_path_factory.mktemp("company"), database) as box,
            bot_in(box, thresholds=QUIET),
        ):
            box.aws.advance(LONG)
            yield box


def looks_often(patch: pytest.MonkeyPatch) -> None:
    """In the place of half an hour of watching."""
    for key, lasting in (("backup", 60), ("response", 1), ("database", 1)):
        now = STEPS[key].timing
        assert now
        timing = Timing(seconds(0.3), now.until, seconds(lasting))
        patch.setitem(STEPS, key, replace(STEPS[key], timing=timing))
    look_often(patch, DEPLOY, "deploy.deployment", "migration.backup")
    look_often(
        patch, DEPLOY, "deploy.response", "deploy.user_reports", "migration.response",
        "migration.database", "monitor", lasting=seconds(1),
    )  # fmt: skip


@dataclass(frozen=True)
class Room(Incident):
    """The channel in which the run was typed."""

    async def presses(self, action: str) -> None:
        await Person(self.box, "U0DANA").presses(await self.offers(action), self.channel, action)

    async def is_answered(self, words: str) -> None:
        def there() -> tuple[Message, str, str] | None:
            labelled = ((m, *one) for m in self.messages for one in _choices(m))
            return next(((m, a, v) for m, a, v, label in labelled if words in label), None)

        message, action, value = await until(self.box, there)
        await Person(self.box, "U0DANA").presses(message, self.channel, action, value)

    async def is_approved(self, words: str, by: str = "U0RAVI") -> None:
        asked = await self.asks_for_approval(words)
        await Person(self.box, by).presses(asked, self.channel, names.APPROVE)

    async def comes_to(self, words: str) -> None:
        """Waits until a request that was approved says so of itself: it is answered no more."""

        def said() -> Message | None:
            told = self.saying(words)
            return next((one for one in told if one["text"].startswith("APPROVED")), None)

        await until(self.box, said)

    async def is_agreed_by_two(
        self, words: str, people: tuple[str, str] = ("U0RAVI", "U0LENA")
    ) -> None:
        """Both type what it is that is changed."""
        for who in (Person(self.box, one) for one in people):
            asked = await self.asks_for_approval(words)
            await who.presses(asked, self.channel, names.APPROVE_DESTROY)
            form = await who.sees_form(names.APPROVE_MODAL)
            assert not (await who.submits(form, {names.TYPED: SCHEMA})).errors


def _choices(message: Message) -> Iterator[tuple[str, str, str]]:
    """Action, value and label of each button, or of each entry of a menu."""
    if has(message, names.CHOOSE):
        for block in message.get("blocks", ()):
            for element in block.get("elements", ()):
                if str(element.get("action_id", "")).startswith(names.CHOOSE):
                    for one in element.get("options") or [element]:
                        yield element["action_id"], one["value"], one["text"]["text"]


async def begun(box: Box, channel: str, text: str = "", by: str = "U0DANA") -> Room:
    typed = f"RB-DB-001 service={CORE}{text}"
    assert (await Person(box, by).types(typed, channel)).acked
    return Room(box, channel, channel)


async def in_a_room(box: Box, name: str, revision: str, by: str = "U0DANA") -> Room:
    """Until somebody has to approve its backup."""
    channel = box.slack.add_channel(name, ("U0DANA", "U0RAVI", "U0LENA"))
    room = await begun(box, channel, f" revision={revision}", by)
    await room.presses(names.DONE)
    await room.asks_for_approval(BACKUP)
    return room


async def backed_up(box: Box, name: str, revision: str, by: str = "U0DANA") -> Room:
    """Until two have to approve the migration itself."""
    room = await in_a_room(box, name, revision, by)
    await room.is_approved(BACKUP)
    await room.asks_for_approval("alembic")
    return room


def snapshots(box: Box) -> int:
    return len([one for one in box.aws.calls if one.operation == "CreateDBClusterSnapshot"])


async def put_back(box: Box) -> None:
    """The schema as it is on the day the sandbox begins."""
    connection = await asyncpg.connect(box.database.maintenance_dsn)
    try:
        for statement in AS_IT_WAS:
            await connection.execute(statement)
    finally:
        await connection.close()


async def revision(box: Box) -> str:
    connection = await asyncpg.connect(box.database.dsn)
    try:
        return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
    finally:
        await connection.close()


async def test_a_migration_is_read_backed_up_run_and_looked_at(company: Box) -> None:
    await put_back(company)
    begun_before = company.aws.one_offs.begun
    room = await begun(company, "C0GENERAL")
    await room.is_answered("a005: Events are found")
    await room.shows("a003 to a005: a004: Ads have a risk band")
    await room.presses(names.DONE)
    await room.shows("Each can be taken back: a004, a005")
    await room.is_approved("create-db-cluster-snapshot")
    await room.shows("is available")
    assert await revision(company) == "a003"
    await room.is_agreed_by_two("alembic")
    await room.shows("OK · Verify migration")
    await room.shows("The schema is at a005, and all of it is there")
    await room.shows("OK · The migration's log")
    await room.says("FINISHED")
    assert await revision(company) == "a005"
    assert company.aws.one_offs.begun == begun_before + 2


async def test_one_that_fails_half_way_says_where_the_schema_stands_and_is_taken_back(
    company: Box,
) -> None:
    company.aws.one_offs.faulty.add("f006")
    await put_back(company)
    try:
        room = await begun(company, "C0ALERTS", " revision=f006")
        await room.presses(names.DONE)
        await room.is_approved("create-db-cluster-snapshot")
        await room.is_agreed_by_two("alembic")
        await room.shows("could not create unique index")
        await room.shows("It got as far as a005, which stays")
        await room.presses(f"{names.GO_ON}:migrate")
        await room.shows("The schema is at a005: between a003 and f006")
        await room.presses(f"{names.PICK}:downgrade")
        await room.is_agreed_by_two("downgrade")
        await room.shows("The schema is back at a003")
    finally:
        company.aws.one_offs.faulty.clear()
    assert await revision(company) == "a003"


async def test_what_stands_in_its_way_is_said_and_nothing_is_changed_until_it_is_over(
    company: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_back(company)
    begun_before, taken = company.aws.one_offs.begun, snapshots(company)
    await company.switch("stuck-snapshot", on=True)
    try:
        room = await in_a_room(company, "hindered", "a004")
        with monkeypatch.context() as patch:
            look_often(patch, "RB-DB-001", "backup", lasting=seconds(1))
            await room.is_approved(BACKUP)
            await room.shows("PROBLEM · Backup taken: Not within 1 s")
        await room.shows(" %. The migration waits for it")
        assert not room.reads("aws ecs run-task")
        await company.switch("stuck-snapshot", on=False)
        await room.presses(f"{names.AGAIN}:backup")

        for trouble, says in IN_THE_WAY.items():
            await room.asks_for_approval("aws ecs run-task")
            await company.switch(trouble, on=True)
            await room.is_agreed_by_two("alembic")
            await room.comes_to(says)
            assert await revision(company) == "a003"
            await company.switch(trouble, on=False)
            await room.presses(f"{names.AGAIN}:migrate")
    finally:
        for trouble in ("stuck-snapshot", *IN_THE_WAY):
            await company.switch(trouble, on=False)
    await room.shows("The schema is still at a003: nothing that ran in a transaction stayed")
    await room.shows("When what stopped it is over, do this step again")
    await room.is_agreed_by_two("alembic")
    await room.shows("The schema is at a004, and all of it is there")
    assert await revision(company) == "a004"
    assert (company.aws.one_offs.begun, snapshots(company)) == (begun_before + 4, taken + 1)


async def test_while_one_migrates_whoever_else_had_begun_is_told_so_and_changes_nothing(
    company: Box,
) -> None:
    await put_back(company)
    begun_before = company.aws.one_offs.begun
    danas, lenas, ravis = await asyncio.gather(
        backed_up(company, "danas", "a005"),
        backed_up(company, "lenas", "a004", by="U0LENA"),
        in_a_room(company, "ravis", "a004", by="U0RAVI"),
    )
    await danas.is_agreed_by_two("alembic")
    await lenas.is_agreed_by_two("alembic", ("U0RAVI", "U0DANA"))
    await lenas.shows("Not applied: since this was asked, the schema is at a005")
    await lenas.shows("the database is at a005: nothing to migrate")
    await danas.shows("The schema is at a005, and all of it is there")
    await ravis.is_approved(BACKUP, by="U0LENA")
    await ravis.shows("at a005 by now, and no longer at a003: somebody else has migrated")
    await ravis.shows("The schema is at a005, which is not of this migration")
    await ravis.presses(f"{names.PICK}:downgrade")
    await ravis.shows("NOTHING TO DO · Alembic rollback: The schema is at a005, which is not of")
    assert await revision(company) == "a005"
    assert company.aws.one_offs.begun == begun_before + 4 + 1


async def test_a_deployment_with_a_migration_goes_from_the_old_schema_to_the_flag(
    company: Box,
) -> None:
    await put_back(company)
    aws, before = company.aws, company.aws.rollouts(CORE)
    version, updates = aws.build(CORE), company.updates(CORE)
    channel = company.slack.add_channel("deploy-002", ["U0DANA", "U0RAVI", "U0LENA"])
    typed = f"{DEPLOY} service={CORE} version={version} revision=a005 flag=reviews"
    assert (await Person(company, "U0DANA").types(typed, channel)).acked
    room = Room(company, channel, "deploy-002")
    await room.presses(names.DONE)
    await room.is_approved("update-service")
    await until(company, lambda: aws.rollouts(CORE) > before or None)
    aws.advance(LONG)
    await room.shows(f"All 10 answers say {version} and are healthy with the schema at a003")
    await room.shows("Each can be taken back: a004, a005")
    await room.presses(names.DONE)
    await room.is_approved("create-db-cluster-snapshot")
    await room.is_agreed_by_two("alembic")
    await room.shows("The schema is at a005, and all of it is there")
    assert aws.parameter(FLAG) == "off"
    await room.is_approved("--value on")
    await until(company, lambda: aws.rollouts(CORE) > before + 1 or None)
    aws.advance(LONG)
    await room.says("FINISHED")
    assert (aws.parameter(FLAG), await revision(company)) == ("on", "a005")
    assert company.updates(CORE) == updates + 2
