"""Databases and who writes in them, against the company's AWS in a box."""

from collections.abc import AsyncIterator

import pytest

from adapters.aws_calls import AwsCalls
from adapters.rds import FailOver, Rds, RebootWithFailover, TakeSnapshot
from bot.runbook import Seen
from bot.runbook.errors import Refused, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

PROD, ONE, TWO = "complyai-prod", "complyai-prod-1", "complyai-prod-2"
MOVE = FailOver(database=PROD, to=TWO, replacing=ONE)
LONG = 300.0  #: Seconds in which any failover or snapshot of the world is over.


@pytest.fixture
def rds(calls: AwsCalls) -> Rds:
    return Rds(calls)


@pytest.fixture
async def multi_az(clock: StandingClock) -> AsyncIterator[AwsWorld]:
    world = AwsWorld(database="multi-az", clock=clock)
    await world.start()
    yield world
    await world.stop()


@pytest.fixture
async def multi_az_rds(multi_az: AwsWorld) -> AsyncIterator[Rds]:
    calls = AwsCalls("us-east-1", multi_az.endpoint_url, timeout_s=5.0)
    yield Rds(calls)
    await calls.close()


async def reboot(rds: Rds) -> RebootWithFailover:
    change = (await rds.database(PROD)).fail_over()
    assert isinstance(change, RebootWithFailover)
    return change


def times_called(world: AwsWorld, operation: str) -> int:
    return [call.operation for call in world.calls].count(operation)


async def test_an_aurora_cluster_fails_over_to_a_named_reader(rds: Rds) -> None:
    database = await rds.database(PROD)
    assert (database.kind, database.writer, database.readers) == ("aurora", ONE, (TWO,))
    assert database.engine == "aurora-postgresql 16.4"
    assert database.fail_over() == MOVE
    assert MOVE.command() == (
        "aws rds failover-db-cluster --db-cluster-identifier complyai-prod"
        " --target-db-instance-identifier complyai-prod-2"
    )


async def test_a_member_leads_to_its_cluster(rds: Rds) -> None:
    assert (await rds.database(TWO)).name == PROD


async def test_a_database_that_is_not_there_may_be_lost_and_says_so(rds: Rds) -> None:
    with pytest.raises(Refused, match="neither a cluster nor an instance called complyai-prd"):
        await rds.database("complyai-prd")


async def test_a_reader_that_is_not_available_is_not_failed_over_to(
    rds: Rds, world: AwsWorld
) -> None:
    world.set_instance_status(TWO, "storage-full")
    database = await rds.database(PROD)
    assert (database.readers, database.fail_over()) == ((), None)
    assert database.no_failover_because == "complyai-prod has no reader that is available"
    assert (await rds._see_fail_over(MOVE)).state == "applying"


async def test_a_failover_is_before_then_applying_then_applied(
    rds: Rds, world: AwsWorld, clock: StandingClock
) -> None:
    assert await rds._see_fail_over(MOVE) == Seen("before", f"{PROD} is available, {ONE} writes")
    await rds._fail_over(MOVE, "key")
    assert (await rds._see_fail_over(MOVE)).state == "applying"
    clock.advance(LONG)
    assert await rds._see_fail_over(MOVE) == Seen("applied", f"{PROD} is available, {TWO} writes")
    assert (await rds._see_fail_over(MOVE.undo())).state == "before"


async def test_a_failover_whose_answer_was_lost_is_made_once(
    rds: Rds, world: AwsWorld, clock: StandingClock
) -> None:
    world.faults.lose_response("rds", "FailoverDBCluster")
    with pytest.raises(Unreachable, match="look before anything is repeated"):
        await rds._fail_over(MOVE, "key")
    clock.advance(LONG)
    assert (await rds._see_fail_over(MOVE)).state == "applied"
    assert times_called(world, "FailoverDBCluster") == 1
    assert world.writer() == TWO


async def test_a_failover_during_another_is_refused_and_changes_nothing(rds: Rds) -> None:
    await rds._fail_over(MOVE, "key")
    with pytest.raises(Refused, match=r"InvalidDBClusterStateFault\)\. Nothing was changed"):
        await rds._fail_over(MOVE, "key")


async def test_a_writer_that_is_neither_is_drifted(rds: Rds) -> None:
    other = FailOver(database=PROD, to="complyai-prod-3", replacing=TWO)
    assert (await rds._see_fail_over(other)).state == "drifted"


async def test_a_target_that_is_no_reader_is_drifted(rds: Rds) -> None:
    other = FailOver(database=PROD, to="complyai-prod-3", replacing=ONE)
    seen = await rds._see_fail_over(other)
    assert seen.state == "drifted"
    assert seen.now.endswith("complyai-prod-3 is no reader of it")


async def test_a_denied_failover_names_permission_and_role(rds: Rds, world: AwsWorld) -> None:
    world.faults.deny("rds", "FailoverDBCluster")
    with pytest.raises(Refused, match="rds:FailoverDBCluster for role runbook-bot-write"):
        await rds._fail_over(MOVE, "key")


async def test_a_database_that_cannot_be_read_is_not_reported_in_any_state(
    rds: Rds, world: AwsWorld
) -> None:
    world.faults.deny("rds", "DescribeDBClusters")
    with pytest.raises(Refused, match="rds:DescribeDBClusters"):
        await rds._see_fail_over(MOVE)


async def test_a_multi_az_instance_is_rebooted_with_failover(
    multi_az_rds: Rds, clock: StandingClock
) -> None:
    database = await multi_az_rds.database(PROD)
    assert (database.kind, database.zone) == ("multi-az", "us-east-1a")
    assert [(i.role, i.zone) for i in database.instances] == [
        ("writer", "us-east-1a"),
        ("standby", "us-east-1b"),
    ]
    change = await reboot(multi_az_rds)
    assert (await multi_az_rds._see_reboot(change)).state == "before"
    await multi_az_rds._reboot(change, "key")
    assert (await multi_az_rds._see_reboot(change)).state == "applying"
    clock.advance(LONG)
    assert await multi_az_rds._see_reboot(change) == Seen(
        "applied", f"{PROD} is available in us-east-1b"
    )


async def test_a_reboot_whose_answer_was_lost_is_made_once(
    multi_az_rds: Rds, multi_az: AwsWorld, clock: StandingClock
) -> None:
    change = await reboot(multi_az_rds)
    multi_az.faults.lose_response("rds", "RebootDBInstance")
    with pytest.raises(Unreachable):
        await multi_az_rds._reboot(change, "key")
    assert (await multi_az_rds._see_reboot(change)).state == "applying"
    clock.advance(LONG)
    assert (await multi_az_rds._see_reboot(change)).state == "applied"
    assert times_called(multi_az, "RebootDBInstance") == 1


async def test_a_failover_before_the_plan_was_made_is_not_taken_for_it(
    multi_az_rds: Rds, clock: StandingClock
) -> None:
    await multi_az_rds._reboot(await reboot(multi_az_rds), "key")
    clock.advance(LONG)
    again = await reboot(multi_az_rds)
    assert (await multi_az_rds._see_reboot(again)).state == "before"


async def test_a_failover_there_and_back_is_still_seen_as_one_that_happened(
    multi_az_rds: Rds, clock: StandingClock
) -> None:
    change = await reboot(multi_az_rds)
    for _ in range(2):
        await multi_az_rds._reboot(change, "key")
        clock.advance(LONG)
    assert await multi_az_rds._see_reboot(change) == Seen(
        "applied", f"{PROD} is available in us-east-1a"
    )


async def test_a_single_instance_has_nowhere_to_go(clock: StandingClock) -> None:
    world = AwsWorld(database="single", clock=clock)
    await world.start()
    calls = AwsCalls("us-east-1", world.endpoint_url, timeout_s=5.0)
    database = await Rds(calls).database(PROD)
    assert (database.kind, database.fail_over()) == ("single", None)
    assert database.no_failover_because.endswith("a single instance without a standby")
    await calls.close()
    await world.stop()


async def test_a_snapshot_is_taken_once_and_watched_until_it_is_available(
    rds: Rds, world: AwsWorld, clock: StandingClock
) -> None:
    change = (await rds.database(PROD)).take_snapshot("incident-20261124-031200-r1", "r1")
    assert (await rds._see_snapshot(change)).state == "before"
    world.faults.lose_response("rds", "CreateDBClusterSnapshot")
    with pytest.raises(Unreachable):
        await rds._take_snapshot(change, "key")
    assert (await rds._see_snapshot(change)).state == "applying"
    clock.advance(LONG)
    assert await rds._see_snapshot(change) == Seen(
        "applied", "incident-20261124-031200-r1 is available, 100 %"
    )


async def test_a_snapshot_of_that_name_that_another_run_took_is_not_adopted(rds: Rds) -> None:
    change = TakeSnapshot(database=PROD, is_cluster=True, snapshot="incident-1", run="r1")
    await rds._take_snapshot(change, "key")
    other = change.model_copy(update={"run": "r2"})
    seen = await rds._see_snapshot(other)
    assert seen == Seen("drifted", "incident-1 exists and is not of this run")


async def test_a_cluster_of_another_engine_is_snapshotted_as_a_cluster_too(rds: Rds) -> None:
    aurora = await rds.database(PROD)
    change = aurora.model_copy(update={"kind": "cluster"}).take_snapshot("incident-1", "r1")
    assert change.command() == (
        "aws rds create-db-cluster-snapshot --db-cluster-identifier complyai-prod"
        " --db-cluster-snapshot-identifier incident-1"
    )


async def test_an_instance_is_snapshotted_as_an_instance(
    multi_az_rds: Rds, clock: StandingClock
) -> None:
    change = (await multi_az_rds.database(PROD)).take_snapshot("incident-1", "r1")
    assert change.command() == (
        "aws rds create-db-snapshot --db-instance-identifier complyai-prod"
        " --db-snapshot-identifier incident-1"
    )
    await multi_az_rds._take_snapshot(change, "key")
    clock.advance(LONG)
    assert (await multi_az_rds._see_snapshot(change)).state == "applied"
