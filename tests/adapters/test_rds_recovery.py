"""Restores and renames, against the company's AWS in a box: of all three kinds of database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from adapters.aws_calls import AwsCalls
from adapters.rds import Original, Place, Rds, Recovery, RecoveryPoint, RestoreSnapshot
from adapters.rds.restores import Setting
from bot.runbook.errors import NothingDone, Refused, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.seed import DatabaseKind
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow

PROD, RESTORED, OLD = "complyai-prod", "complyai-prod-restored", "complyai-prod-old"
NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
LONG = 300.0  #: Seconds in which whatever was begun is over.
ANEW = {"single": "db-", "multi-az": "db-", "aurora": "cluster-"}


@dataclass(frozen=True)
class Town:
    world: AwsWorld
    clock: StandingClock
    rds: Rds
    recovery: Recovery

    async def original(self) -> Original:
        return await self.recovery.original(await self.rds.database(PROD))

    async def place(self, name: str) -> Place:
        is_cluster = (await self.rds.database(PROD)).is_cluster
        found = await self.recovery.place(name, is_cluster)
        assert found
        return found

    async def point(self) -> RecoveryPoint:
        points = await self.recovery.points(await self.rds.database(PROD))
        chosen = points.choose(points.usable[0].name, None)
        assert isinstance(chosen, RecoveryPoint)
        return chosen


async def _town(kind: DatabaseKind, clock: StandingClock) -> AsyncIterator[Town]:
    world = AwsWorld(database=kind, clock=clock)
    await world.start()
    calls = AwsCalls("us-east-1", world.endpoint_url, timeout_s=5.0)
    yield Town(world, clock, Rds(calls), Recovery(calls))
    await calls.close()
    await world.stop()


@pytest.fixture(params=get_args(DatabaseKind))
async def town(request: pytest.FixtureRequest, clock: StandingClock) -> AsyncIterator[Town]:
    async for found in _town(request.param, clock):
        yield found


@pytest.fixture
async def single(clock: StandingClock) -> AsyncIterator[Town]:
    async for found in _town("single", clock):
        yield found


@pytest.fixture
async def aurora(clock: StandingClock) -> AsyncIterator[Town]:
    async for found in _town("aurora", clock):
        yield found


async def restored(town: Town) -> Place:
    """With all that makes it available."""
    original = await town.original()
    await town.recovery._make(original.restore(await town.point(), RESTORED, "7F3K"), "key")
    town.clock.advance(LONG)
    for one in original.create_members(RESTORED, "7F3K"):
        await town.recovery._make(one, "key")
    town.clock.advance(LONG)
    return await town.place(RESTORED)


async def test_what_is_restored_is_set_up_as_the_live_one_is(town: Town) -> None:
    """And not as RDS would by itself: in its default network, and unprotected."""
    found = await restored(town)
    assert found.is_available
    live, made = (
        await town.original(),
        await town.recovery.original(await town.rds.database(RESTORED)),
    )
    assert made.settings == live.settings
    assert [one.settings for one in made.members] == [one.settings for one in live.members]
    said = {one.name: one.value for one in live.settings}
    assert said["DBSubnetGroupName"] == "production"
    assert said["VpcSecurityGroupIds"] == ("sg-0db5ec0e1db5ec0e1",)
    assert said["DeletionProtection"] and said["EnableIAMDatabaseAuthentication"]


async def test_a_moment_is_restored_once_however_its_answer_is_lost(town: Town) -> None:
    original = await town.original()
    point = RecoveryPoint(kind="moment", at=NOW - timedelta(hours=1))
    change = original.restore(point, RESTORED, "7F3K")
    assert (await town.recovery._see_restore(change)).state == "before"
    operation = "".join(one.title() for one in change.operation.split("_")).replace("Db", "DB")
    town.world.faults.lose_response("rds", operation)
    with pytest.raises(Unreachable, match="look before anything is repeated"):
        await town.recovery._make(change, "key")
    seen = await town.recovery._see_restore(change)
    assert seen.state == "applied"
    assert seen.now == f"{RESTORED} is creating, made by run 7F3K of 2026-11-24T02:12:00Z"
    with pytest.raises(Refused, match=r"AlreadyExists.*Nothing was changed"):
        await town.recovery._make(change, "key")


async def test_what_another_run_or_another_point_made_is_not_adopted(single: Town) -> None:
    original = await single.original()
    change = original.restore(await single.point(), RESTORED, "7F3K")
    await single.recovery._make(change, "key")
    other_run = change.model_copy(update={"run": "9XYZ"})
    other_point = original.restore(RecoveryPoint(kind="moment", at=NOW), RESTORED, "7F3K")
    for other in (other_run, other_point):
        seen = await single.recovery._see_restore(other)
        assert seen.state == "drifted" and "not what this run makes" in seen.now


async def test_names_are_swapped_by_what_stays_and_a_replay_moves_nothing(town: Town) -> None:
    """The first rename again, after both: by its name it would meet the restored one."""
    made, live = await restored(town), (await town.original()).place
    away, here = live.rename(OLD), made.rename(PROD)
    assert (await town.recovery._see_rename(here)).state == "drifted"
    for change in (away, here):
        assert (await town.recovery._see_rename(change)).state == "before"
        await town.recovery._rename(change, "key")
        assert (await town.recovery._see_rename(change)).state == "applying"
        town.clock.advance(LONG)
        assert (await town.recovery._see_rename(change)).state == "applied"
    with pytest.raises(Refused, match="AlreadyExists"):
        await town.recovery._rename(away, "key")
    assert (await town.place(PROD)).resource_id == made.resource_id
    assert (await town.place(OLD)).resource_id == live.resource_id
    for change in (here.undo(), away.undo()):
        await town.recovery._rename(change, "key")
        town.clock.advance(LONG)
        assert (await town.recovery._see_rename(change)).state == "applied"
    assert (await town.place(PROD)).resource_id == live.resource_id


async def test_a_name_that_somebody_else_took_is_not_pushed_aside(single: Town) -> None:
    made, live = await restored(single), (await single.original()).place
    await single.recovery._rename(made.rename(OLD), "key")
    single.clock.advance(LONG)
    seen = await single.recovery._see_rename(live.rename(OLD))
    assert seen.state == "drifted" and seen.now.endswith(f"another one is called {OLD}")
    gone = live.rename("other").model_copy(update={"resource_id": "db-GONE"})
    assert (await single.recovery._see_rename(gone)).state == "drifted"


async def test_a_cluster_takes_instances_once_it_is_available(aurora: Town) -> None:
    original = await aurora.original()
    await aurora.recovery._make(original.restore(await aurora.point(), RESTORED, "7F3K"), "key")
    first, _second = original.create_members(RESTORED, "7F3K")
    assert first.to == "complyai-prod-restored-7f3k-1"
    assert (await aurora.recovery._see_member(first)).state == "applying"
    with pytest.raises(Refused, match="InvalidDBClusterStateFault"):
        await aurora.recovery._make(first, "key")
    aurora.clock.advance(LONG)
    assert (await aurora.recovery._see_member(first)).state == "before"
    await aurora.recovery._make(first, "key")
    assert (await aurora.recovery._see_member(first)).state == "applied"
    assert (await aurora.place(RESTORED)).not_ready == (f"{first.to} is creating",)
    strange = first.model_copy(update={"cluster": "nowhere"})
    assert (await aurora.recovery._see_member(strange)).state == "drifted"


async def test_a_restore_that_fails_is_no_restore(single: Town) -> None:
    single.world.fail_next_restore("incompatible-restore")
    change = (await single.original()).restore(await single.point(), RESTORED, "7F3K")
    await single.recovery._make(change, "key")
    single.clock.advance(LONG)
    seen = await single.recovery._see_restore(change)
    assert seen.state == "drifted" and "incompatible-restore" in seen.now


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("deny", Refused, "rds:RestoreDBInstanceFromDBSnapshot for role"),
        ("throttle", NothingDone, "AWS limits our calls"),
    ],
)
async def test_what_aws_will_not_do_is_said(
    single: Town, fault: str, kind: type[Exception], says: str
) -> None:
    getattr(single.world.faults, fault)("rds", "RestoreDBInstanceFromDBSnapshot")
    change = (await single.original()).restore(await single.point(), RESTORED, "7F3K")
    with pytest.raises(kind, match=says):
        await single.recovery._make(change, "key")
    assert (await single.recovery._see_restore(change)).state == "before"


async def test_a_point_that_cannot_be_had_is_said_in_plain_words(single: Town) -> None:
    """And AWS says the same: the sandbox is no kinder than it."""
    database = await single.rds.database(PROD)
    begun = database.take_snapshot("just-now", "7F3K")
    await single.rds._take_snapshot(begun, "key")
    points = await single.recovery.points(database)
    assert points.earliest and points.latest and points.latest == NOW - timedelta(minutes=2)
    wrong = {
        NOW + timedelta(hours=1): "is in the future: any moment from 2026-11-10 03:12:00 to",
        NOW - timedelta(minutes=1): "cannot be restored yet",
        NOW - timedelta(days=15): "is before the first backup that is kept",
    }
    for at, says in wrong.items():
        answer = points.choose("", at)
        assert isinstance(answer, str) and says in answer
        point = RecoveryPoint(kind="moment", at=at)
        with pytest.raises(Refused, match="not within the restorable time"):
            await single.recovery._make(
                (await single.original()).restore(point, RESTORED, "7F3K"), "key"
            )
    assert "wait until it is available" in str(points.choose("just-now", None))
    assert points.choose("nobody-s", None) == f"{PROD} has no snapshot nobody-s"
    assert points.table().rows[0][:3] == ("just-now", "manual", "creating")


def test_what_is_approved_is_what_is_called() -> None:
    change = RestoreSnapshot(
        database=PROD, is_cluster=False, to=RESTORED, run="7F3K", snapshot="rds:prod-1",
        engine="postgres", settings=(
            Setting(name="MultiAZ", value=False),
            Setting(name="VpcSecurityGroupIds", value=("sg-1", "sg-2")),
        ),
    )  # fmt: skip
    assert change.command() == (
        "aws rds restore-db-instance-from-db-snapshot --db-instance-identifier"
        " complyai-prod-restored --db-snapshot-identifier rds:prod-1 --no-multi-az"
        " --vpc-security-group-ids sg-1 sg-2 --tags Key=runbook-run,Value=7F3K"
        " Key=runbook-restored-from,Value=rds:prod-1"
    )


async def test_an_instance_without_backups_has_no_moment_to_go_back_to(
    scripted: ScriptedAws, scripted_calls: AwsCalls, single: Town
) -> None:
    scripted.answers("rds", "DescribeDBSnapshots", {"DBSnapshots": []})
    scripted.refuses(
        "rds", "DescribeDBInstanceAutomatedBackups", "DBInstanceAutomatedBackupNotFound", "no", 404
    )
    database = await single.rds.database(PROD)
    points = await Recovery(scripted_calls).points(database)
    assert points.choose("", NOW) == f"{PROD} keeps no backups for a point in time"
    scripted.refuses("rds", "DescribeDBInstances", "InternalFailure", "oops", 500)
    with pytest.raises(Unreachable):
        await Recovery(scripted_calls).place(PROD, is_cluster=False)
