"""Migrations as tasks of their own: real alembic, a real PostgreSQL, and what goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

import asyncpg
import pytest
import pytest_asyncio

from adapters.aws_calls import AwsCalls
from adapters.migrations import READS, Image, MigrateSchema, Migrations, Pending
from adapters.migrations.tasks import OneOffTasks, Place
from adapters.migrations.told import Told
from bot.runbook import Progress, Run
from bot.runbook.errors import NothingDone, Refused, Unreachable
from sandbox.aws.world import AwsWorld
from sandbox.postgres import Database
from sandbox.postgres.harm import Harms
from tests.adapters.scripted_aws import ScriptedAws
from tests.credentials import given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CORE, CLUSTER, NAME = "complyai-core", "production", "complyai-prod"
RUNS = count(1)
AS_IT_WAS = (
    "DROP TABLE IF EXISTS ad_reviews",
    "DROP INDEX IF EXISTS activity_events_by_action",
    "ALTER TABLE org_ads DROP COLUMN IF EXISTS risk_band",
    "UPDATE alembic_version SET version_num = 'a003'",
)


@dataclass
class Town:
    aws: AwsWorld
    database: Database
    calls: AwsCalls
    migrations: Migrations
    _whole: Image | None = None

    async def execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.database.maintenance_dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def image(self, run: Run) -> Image:
        return await self.migrations.image(run, CORE)

    async def whole(self) -> Image:
        """With what is faulty in it; read once."""
        if self._whole is None:
            before = set(self.aws.one_offs.faulty)
            self.aws.one_offs.faulty |= {"f006", "f007"}
            self._whole = await self.image(a_run())
            self.aws.one_offs.faulty = before
        return self._whole

    async def pending(self, to: str) -> Pending:
        image = await self.whole()
        return Pending(stands=image.stands, revision=to, scripts=image.path(to))

    async def planned(self, to: str) -> MigrateSchema:
        run, image = a_run(), await self.whole()
        standing = await self.migrations.standing(run)
        return image.migrate(run.id, await self.pending(to), standing)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made() -> AsyncIterator[Town]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        aws, database = AwsWorld(scale=0.02), Database(10, with_replica=False)
        await asyncio.gather(aws.start(), database.start())
        aws.one_offs.secrets["DATABASE_URL"] = database.maintenance_dsn
        calls = AwsCalls("us-east-1", aws.endpoint_url, timeout_s=5.0)
        migrations = Migrations(calls, CLUSTER, NAME, given(database.dsn), look_every_s=0.05)
        yield Town(aws, database, calls, migrations)
        await calls.close()
        await asyncio.gather(aws.stop(), database.stop())


@pytest_asyncio.fixture(loop_scope="module")
async def town(made: Town) -> AsyncIterator[Town]:
    await made.execute(*AS_IT_WAS)
    yield made
    made.aws.faults.clear()
    made.aws.one_offs.faulty.clear()


def a_run() -> Run:
    return Run(id=f"M{next(RUNS):03}", started_at=datetime.now(UTC), started_by="U1")


async def carried_out(town: Town, change: MigrateSchema, key: str) -> list[Progress]:
    return [one async for one in town.migrations._migrate(change, key)]


async def test_an_image_tells_its_migrations_with_their_sql_both_ways(town: Town) -> None:
    image = await town.whole()
    assert (image.stands, image.image) == ("a003", "complyai-core:2.14.2")
    a004, a005, f007 = image.path("f007")
    assert "ALTER TABLE org_ads ADD COLUMN risk_band TEXT" in a004.up_sql
    assert "DROP TABLE ad_reviews" in a004.down_sql
    assert "CREATE INDEX CONCURRENTLY activity_events_by_action" in a005.up_sql
    assert (a004.no_downgrade, a005.no_downgrade) == ("", "")
    assert f007.no_downgrade == "NotImplementedError What was noted is gone."
    assert [one.revision for one in image.targets()] == ["f006", "f007", "a005", "a004"]


async def test_the_task_that_reads_has_no_database(town: Town) -> None:
    await town.image(a_run())
    (override,) = town.aws.one_offs.tasks[-1].asked["overrides"]["containerOverrides"]
    assert override["environment"] == [
        {"name": "DATABASE_URL", "value": "postgresql://nobody@database.invalid/none"}
    ]
    assert len(str(override)) < 8192, "which is as much as ECS takes"


async def test_who_asks_again_in_a_run_is_answered_by_the_same_task(town: Town) -> None:
    run, before = a_run(), town.aws.one_offs.begun
    await asyncio.gather(town.image(run), town.image(run))
    await town.image(run)
    assert town.aws.one_offs.begun == before + 1


async def test_a_reading_task_whose_answer_is_lost_is_found_again(town: Town) -> None:
    run, before = a_run(), town.aws.one_offs.begun
    town.aws.faults.lose_response("ecs", "RunTask")
    with pytest.raises(Unreachable, match="did not answer ecs:RunTask"):
        await town.image(run)
    assert (await town.image(run)).stands == "a003"
    assert town.aws.one_offs.begun == before + 1


async def test_an_image_without_alembic_says_so_and_is_no_empty_list(town: Town) -> None:
    with pytest.raises(Refused, match=r"complyai-api:1.31.1 cannot tell its migrations"):
        await town.migrations.image(a_run(), "complyai-api")


async def test_an_image_that_is_older_than_the_database_says_so(town: Town) -> None:
    await town.execute("UPDATE alembic_version SET version_num = 'f006'")
    assert "f006" in (await town.image(a_run())).error


@pytest.mark.parametrize("wanted", ["head", "-1", "a006"])
async def test_only_a_revision_that_follows_by_single_steps_is_a_target(
    town: Town, wanted: str
) -> None:
    with pytest.raises(Refused, match="does not follow a003"):
        (await town.whole()).path(wanted)


async def test_a_migration_is_followed_line_by_line_and_seen_by_what_it_left(town: Town) -> None:
    change = await town.planned("a005")
    assert (await town.migrations._see(change)).state == "before"
    told = await carried_out(town, change, "key-good")
    assert (told[-1].done, told[-1].total) == (2, 2)
    assert any("Running upgrade" in one.note for one in told)
    seen = await town.migrations._see(change)
    assert (seen.state, seen.now[:23]) == ("applied", "the schema is at a005, ")
    outcome = await town.migrations.outcome(change)
    assert outcome.exit_code == 0
    assert sum("Running upgrade" in line for line in outcome.lines) == 2
    found = await town.migrations.schema(a_run(), (await town.pending("a005")).expected())
    assert (found.stands, found.missing, found.invalid_indexes) == ("a005", (), ())
    assert ("column", "org_ads.risk_band", "text") in found.found


async def test_what_is_named_for_migrations_is_what_they_use(town: Town) -> None:
    """A role is passed on by running a task, and not by a call of its own."""
    town.migrations._tasks._read.clear()  # What another test has read is not read again.
    before, run = len(town.aws.calls), a_run()
    image = await town.image(run)
    a004 = Pending(stands=image.stands, revision="a004", scripts=image.path("a004"))
    change = image.migrate(run.id, a004, await town.migrations.standing(run))
    await carried_out(town, change, "key-permissions")
    await town.migrations.outcome(change)
    used = {f"{one.service}:{one.operation}" for one in town.aws.calls[before:]}
    named = {name for one in Migrations.alters for name in one.permissions}
    assert used | {"iam:PassRole"} == set(READS)
    assert {"ecs:RunTask", "iam:PassRole"} <= named


async def test_doctor_names_what_it_may_not_read_and_runs_no_task(town: Town) -> None:
    before = town.aws.one_offs.begun
    await town.migrations.check()
    town.aws.faults.deny("ecs", "ListTasks")
    with pytest.raises(Refused, match="ecs:ListTasks"):
        await town.migrations.check()
    assert town.aws.one_offs.begun == before


async def test_a_column_that_is_missing_is_missed(town: Town) -> None:
    found = await town.migrations.schema(a_run(), (await town.pending("a005")).expected())
    assert set(found.missing) == {
        "table ad_reviews",
        "column org_ads.risk_band",
        "index activity_events_by_action",
    }


async def test_a_task_that_ecs_forgot_leaves_the_version_table_to_decide(town: Town) -> None:
    change = await town.planned("a004")
    await carried_out(town, change, "key-forgot")
    town.aws.one_offs.tasks.clear()
    assert (await town.migrations._see(change)).state == "applied"
    await town.execute(*AS_IT_WAS)
    assert (await town.migrations._see(change)).state == "before"


async def test_the_version_table_is_not_believed_against_the_exit_code(town: Town) -> None:
    change = await town.planned("a004")
    await carried_out(town, change, "key-137")
    town.aws.one_offs.tasks[-1].task.exit_code = 137
    seen = await town.migrations._see(change)
    assert seen.state == "drifted" and "ended with 137" in seen.now


async def test_one_key_is_one_task_however_often_it_is_said(town: Town) -> None:
    change, before = await town.planned("a004"), town.aws.one_offs.begun
    await asyncio.gather(*(carried_out(town, change, "key-twice") for _ in range(3)))
    assert town.aws.one_offs.begun == before + 1


async def test_one_that_fails_half_way_says_where_the_schema_stands(town: Town) -> None:
    town.aws.one_offs.faulty.add("f006")
    change = await town.planned("f006")
    with pytest.raises(Refused, match=r'unique index "one_plan_each".*as far as a005'):
        await carried_out(town, change, "key-fails")
    seen = await town.migrations._see(change)
    assert seen.state == "drifted"
    assert "at a005, and task" in seen.now


async def test_a_busy_table_is_not_waited_for(town: Town) -> None:
    change = await town.planned("a004")
    report = Harms(town.database).read
    await report.start()
    try:
        with pytest.raises(Refused, match=r"lock timeout.*still at a003: nothing"):
            await carried_out(town, change, "key-busy")
    finally:
        await report.stop()


async def test_of_two_who_migrate_at_once_the_second_gives_up_in_words(town: Town) -> None:
    change = await town.planned("a004")
    other = Harms(town.database).migrating
    await other.start()
    try:
        with pytest.raises(Refused, match="Somebody else is migrating this database"):
            await carried_out(town, change, "key-both")
    finally:
        await other.stop()


async def test_a_task_that_is_killed_says_so(town: Town) -> None:
    change = await town.planned("a004")
    report = await asyncpg.connect(town.database.dsn)
    await report.execute("BEGIN; SELECT count(*) FROM org_ads")
    try:
        with pytest.raises(Refused, match=r"ended with 143 \(Task stopped by Lena\)"):
            async for _ in town.migrations._migrate(change, "key-kill"):
                await stop_once_running(town, change)
    finally:
        await report.close()
    assert (await town.migrations._see(change)).state == "drifted"


async def stop_once_running(town: Town, change: MigrateSchema) -> None:
    (task,) = await town.migrations._tasks.find(change.started_by)
    if task.status == "RUNNING":
        await town.calls.write(
            "ecs", "stop_task", cluster=CLUSTER, task=task.arn, reason="Task stopped by Lena"
        )


async def test_an_image_that_cannot_be_pulled_is_said_and_nothing_stays(town: Town) -> None:
    change = await town.planned("a004")
    town.aws.delete_image(CORE, "2.14.2")
    try:
        with pytest.raises(Refused, match=r"CannotPullContainerError.*still at a003"):
            await carried_out(town, change, "key-pull")
    finally:
        with town.aws._timeline.up_to_date():
            town.aws._parts.registry.push(CORE, "2.14.2", {})


@pytest.mark.parametrize(
    ("break_it", "error", "says"),
    [
        (lambda faults: faults.deny("ecs", "RunTask"), Refused, "ecs:RunTask"),
        (lambda faults: faults.throttle("ecs", "RunTask"), NothingDone, "limits our calls"),
        (
            lambda faults: faults.error(
                "ecs", "RunTask", code="ClientException", status=400,
                message="Capacity is unavailable at this time. Please try again later",
            ),
            Refused,
            "Capacity is unavailable",
        ),
    ],
)  # fmt: skip
async def test_a_task_that_does_not_start_changes_nothing(
    town: Town, break_it: Callable[..., object], error: type[Exception], says: str
) -> None:
    change = await town.planned("a004")
    break_it(town.aws.faults)
    with pytest.raises(error, match=says):
        await carried_out(town, change, f"key-{says}")
    assert (await town.migrations._see(change)).state == "before"


async def test_a_lost_answer_is_no_second_migration(town: Town) -> None:
    change, before = await town.planned("a004"), town.aws.one_offs.begun
    town.aws.faults.lose_response("ecs", "RunTask")
    with pytest.raises(Unreachable):
        await carried_out(town, change, "key-lost")
    async with asyncio.timeout(20):
        while (  # noqa: ASYNC110 - the world does not tell
            seen := await town.migrations._see(change)
        ).state == "applying":
            await asyncio.sleep(0.02)
    assert seen.state == "applied"
    assert town.aws.one_offs.begun == before + 1


async def test_without_room_for_a_task_the_reason_is_said(
    town: Town, scripted: ScriptedAws
) -> None:
    """As ECS says it of instances of one's own: with an answer that is none."""
    failures = {"tasks": [], "failures": [{"arn": "a", "reason": "RESOURCE:MEMORY"}]}
    scripted.answers("ecs", "RunTask", failures)
    place = Place(CLUSTER, CORE, "complyai-core:4", "app", "image")
    calls = AwsCalls("us-east-1", scripted.url, timeout_s=2.0)
    try:
        with pytest.raises(Refused, match="started no task: RESOURCE:MEMORY"):
            await OneOffTasks(calls, CLUSTER, 0.1).run(place, ["true"], "token", "rb/M1/u1")
    finally:
        await calls.close()


@pytest.mark.parametrize(
    "lines",
    [[], ["rb1 1 2 AAAA"], ["rb1 1 1 AAAA"], ["rb1 1 1 eJwzAgAAMwAz"]],
)
async def test_what_does_not_come_whole_is_no_empty_list(lines: list[str]) -> None:
    told = Told()
    for line in lines:
        told.hear(line)
    with pytest.raises(Unreachable, match="not come whole"):
        told.content()
