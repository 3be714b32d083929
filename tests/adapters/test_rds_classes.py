"""Instances that get another class, against the company's AWS in a box."""

from collections.abc import AsyncIterator

import pytest

from adapters.aws_calls import AwsCalls
from adapters.rds import ModifyClass, Rds
from adapters.rds.sizes import larger
from bot.runbook import Seen
from bot.runbook.errors import Refused, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.rds.cloud import MODIFYING_AFTER
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

PROD, ONE, TWO = "complyai-prod", "complyai-prod-1", "complyai-prod-2"
NOW, WANTED = "db.r6g.xlarge", "db.r6g.2xlarge"
LONG = 300.0


@pytest.fixture
def rds(calls: AwsCalls) -> Rds:
    return Rds(calls)


@pytest.fixture
async def multi_az(clock: StandingClock) -> AsyncIterator[Rds]:
    world = AwsWorld(database="multi-az", clock=clock)
    await world.start()
    calls = AwsCalls("us-east-1", world.endpoint_url, timeout_s=5.0)
    yield Rds(calls)
    await calls.close()
    await world.stop()


async def wanted(rds: Rds) -> tuple[ModifyClass, ...]:
    return (await rds.database(PROD)).modify_class(WANTED)


async def wait_for(rds: Rds, name: str, **what: object) -> None:
    """As somebody who does not apply it immediately."""
    await rds._calls.write("rds", "modify_db_instance", DBInstanceIdentifier=name, **what)


async def test_larger_classes_are_those_of_the_family_that_rds_offers(rds: Rds) -> None:
    found = await rds.larger_classes(await rds.database(PROD))
    assert (found.now, found.larger[:2]) == (NOW, (WANTED, "db.r6g.4xlarge"))
    assert all(one.startswith("db.r6g.") for one in found.larger)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("db.t3.medium", ("db.t3.large", "db.t3.2xlarge", "db.t3.16xlarge")),
        ("db.t3.16xlarge", ()),
        ("db.serverless", ()),
        ("strange", ()),
    ],
)
def test_sizes_are_in_order_and_what_is_not_known_has_none_larger(
    now: str, expected: tuple[str, ...]
) -> None:
    offered = ("db.t3.16xlarge", "db.t3.2xlarge", "db.t3.large", "db.t3.micro", "db.m5.large")
    assert larger(now, offered) == expected


async def test_a_cluster_changes_instance_by_instance_and_its_writer_last(rds: Rds) -> None:
    changes = await wanted(rds)
    assert [one.instance for one in changes] == [TWO, ONE]
    assert changes[0].command() == (
        f"aws rds modify-db-instance --db-instance-identifier {TWO}"
        f" --db-instance-class {WANTED} --apply-immediately"
    )
    assert {one.target() for one in changes} == {f"rds/{PROD}"}


async def test_a_standby_changes_with_its_writer(multi_az: Rds) -> None:
    assert [one.instance for one in await wanted(multi_az)] == [PROD]


async def test_a_class_is_before_then_applying_then_applied(
    rds: Rds, clock: StandingClock
) -> None:
    reader, writer = await wanted(rds)
    assert await rds._see_class(reader) == Seen("before", f"{TWO} is available, a {NOW}")
    await rds._modify_class(reader, "key")
    accepted = await rds._see_class(reader)
    assert accepted.state == "applying" and f"DBInstanceClass: {WANTED} waits" in accepted.now
    clock.advance(MODIFYING_AFTER + 1)
    assert (await rds._see_class(reader)).now == f"{TWO} is modifying, a {NOW}"
    clock.advance(LONG)
    assert await rds._see_class(reader) == Seen("applied", f"{TWO} is available, a {WANTED}")
    assert (await rds._see_class(writer)).state == "before"
    assert (await rds._see_class(reader.undo())).state == "before"


async def test_while_the_writer_changes_the_reader_that_is_larger_takes_over(
    rds: Rds, world: AwsWorld, clock: StandingClock
) -> None:
    for change in await wanted(rds):
        await rds._modify_class(change, "key")
        clock.advance(LONG)
        assert (await rds._see_class(change)).state == "applied"
    assert world.writer() == TWO


async def test_what_else_waits_is_shown_and_applied_with_it(
    rds: Rds, clock: StandingClock
) -> None:
    await wait_for(rds, TWO, BackupRetentionPeriod=1)
    reader, writer = await wanted(rds)
    assert (reader.also, writer.also) == (("BackupRetentionPeriod: 1",), ())
    assert reader.command().endswith("# also applies 'BackupRetentionPeriod: 1'")
    assert (await rds._see_class(reader)).state == "before"
    await rds._modify_class(reader, "key")
    clock.advance(LONG)
    assert (await rds.database(PROD)).pending_changes == ()


async def test_what_came_to_wait_since_the_plan_was_made_is_drifted(rds: Rds) -> None:
    reader, _ = await wanted(rds)
    await wait_for(rds, TWO, BackupRetentionPeriod=1)
    seen = await rds._see_class(reader)
    assert seen.state == "drifted" and "BackupRetentionPeriod: 1 waits for it" in seen.now


async def test_a_class_that_waits_for_the_maintenance_window_is_not_taken_for_ours(
    rds: Rds,
) -> None:
    await wait_for(rds, TWO, DBInstanceClass=WANTED)
    reader, _ = await wanted(rds)
    assert (await rds._see_class(reader)).state == "before"


async def test_another_class_than_the_plan_knew_is_drifted(rds: Rds, clock: StandingClock) -> None:
    reader, _ = await wanted(rds)
    await wait_for(rds, TWO, DBInstanceClass="db.r6g.large", ApplyImmediately=True)
    clock.advance(LONG)
    assert (await rds._see_class(reader)).state == "drifted"
    gone = reader.model_copy(update={"instance": "complyai-prod-9"})
    assert (await rds._see_class(gone)).state == "drifted"


async def test_an_instance_that_is_busy_is_waited_for(rds: Rds, world: AwsWorld) -> None:
    reader, _ = await wanted(rds)
    world.set_instance_status(TWO, "backing-up")
    assert (await rds._see_class(reader)).state == "applying"
    with pytest.raises(Refused, match=r"InvalidDBInstanceState\)\. Nothing was changed"):
        await rds._modify_class(reader, "key")


async def test_a_class_whose_answer_was_lost_is_changed_once(
    rds: Rds, world: AwsWorld, clock: StandingClock
) -> None:
    reader, _ = await wanted(rds)
    world.faults.lose_response("rds", "ModifyDBInstance")
    with pytest.raises(Unreachable, match="look before anything is repeated"):
        await rds._modify_class(reader, "key")
    assert (await rds._see_class(reader)).state == "applying"
    clock.advance(LONG)
    assert (await rds._see_class(reader)).state == "applied"
    assert [call.operation for call in world.calls].count("ModifyDBInstance") == 1


async def test_a_class_that_there_is_not_is_refused(rds: Rds) -> None:
    reader, _ = await wanted(rds)
    with pytest.raises(Refused, match="Invalid DB Instance class"):
        await rds._modify_class(reader.model_copy(update={"instance_class": "db.r6g.nope"}), "key")
