"""RDS: failovers, reboots and snapshots, and what meets who asks at the wrong time."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import AwsWorld
from tests.sandbox.aws.conftest import START, Account, Open, client

pytestmark = pytest.mark.slow

CLUSTER, ONE, TWO = "complyai-prod", "complyai-prod-1", "complyai-prod-2"


def cluster(account: Account) -> Any:
    answer = account.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)
    return answer["DBClusters"][0]


def instance(account: Account, name: str = CLUSTER) -> Any:
    answer = account.client("rds").describe_db_instances(DBInstanceIdentifier=name)
    return answer["DBInstances"][0]


def fail_over(account: Account, to: str = TWO) -> Any:
    return account.client("rds").failover_db_cluster(
        DBClusterIdentifier=CLUSTER, TargetDBInstanceIdentifier=to
    )


def messages(account: Account, **params: Any) -> list[str]:
    answer = account.client("rds").describe_events(**params)
    return [event["Message"] for event in answer["Events"]]


def test_a_failover_moves_the_writer_to_its_target(account: Account) -> None:
    assert fail_over(account)["DBCluster"]["Status"] == "failing-over"
    assert account.world.writer() == ONE
    account.pass_time(seconds=10)
    assert account.world.writer() == TWO
    assert cluster(account)["Status"] == "failing-over"
    account.pass_time(seconds=10)
    assert cluster(account)["Status"] == "available"
    writers = [
        m["DBInstanceIdentifier"]
        for m in cluster(account)["DBClusterMembers"]
        if m["IsClusterWriter"]
    ]
    assert writers == [TWO]
    said = messages(account, SourceType="db-cluster", EventCategories=["failover"])
    assert said == [
        f"Started cross AZ failover to DB instance: {TWO}",
        f"Completed failover to DB instance: {TWO}",
    ]


def test_a_second_failover_is_refused_while_one_is_under_way(account: Account) -> None:
    fail_over(account)
    with pytest.raises(ClientError) as error:
        fail_over(account)
    assert error.value.response["Error"]["Code"] == "InvalidDBClusterStateFault"


def test_a_failover_to_the_writer_is_refused(account: Account) -> None:
    with pytest.raises(ClientError, match="already the writer"):
        fail_over(account, to=ONE)


def test_a_failover_without_a_target_said_twice_comes_back(account: Account) -> None:
    for _ in range(2):
        account.client("rds").failover_db_cluster(DBClusterIdentifier=CLUSTER)
        account.pass_time(minutes=1)
    assert account.world.writer() == ONE


def test_a_reader_that_is_not_available_cannot_take_over(account: Account) -> None:
    account.world.set_instance_status(TWO, "storage-full")
    with pytest.raises(ClientError) as error:
        fail_over(account)
    assert error.value.response["Error"]["Code"] == "InvalidDBInstanceState"


def test_an_instance_is_no_cluster(account: Account) -> None:
    with pytest.raises(ClientError) as error:
        account.client("rds").describe_db_clusters(DBClusterIdentifier=ONE)
    assert error.value.response["Error"]["Code"] == "DBClusterNotFoundFault"


def test_instances_have_their_own_resource_ids(account: Account) -> None:
    answer = account.client("rds").describe_db_instances(
        Filters=[{"Name": "db-cluster-id", "Values": [CLUSTER]}]
    )
    ids = {one["DbiResourceId"] for one in answer["DBInstances"]}
    assert len(ids) == 2


def test_a_reboot_with_failover_swaps_the_zones(open_account: Open) -> None:
    account = open_account("multi-az")
    before = instance(account)
    rds = account.client("rds")
    answer = rds.reboot_db_instance(DBInstanceIdentifier=CLUSTER, ForceFailover=True)
    assert answer["DBInstance"]["DBInstanceStatus"] == "rebooting"
    account.pass_time(minutes=1)
    after = instance(account)
    assert after["DBInstanceStatus"] == "available"
    assert after["AvailabilityZone"] == before["SecondaryAvailabilityZone"]
    assert after["SecondaryAvailabilityZone"] == before["AvailabilityZone"]
    said = messages(
        account,
        SourceType="db-instance",
        SourceIdentifier=CLUSTER,
        StartTime=START - timedelta(minutes=1),
        EventCategories=["failover"],
    )
    assert said == [
        "Multi-AZ instance failover started.",
        "Multi-AZ instance failover completed",
    ]


def test_a_single_instance_has_nowhere_to_fail_over_to(open_account: Open) -> None:
    account = open_account("single")
    assert instance(account)["MultiAZ"] is False
    with pytest.raises(ClientError) as error:
        account.client("rds").reboot_db_instance(DBInstanceIdentifier=CLUSTER, ForceFailover=True)
    assert error.value.response["Error"]["Code"] == "InvalidParameterCombination"


def test_a_busy_instance_refuses_a_reboot(open_account: Open) -> None:
    account = open_account("single")
    rds = account.client("rds")
    rds.reboot_db_instance(DBInstanceIdentifier=CLUSTER)
    with pytest.raises(ClientError) as error:
        rds.reboot_db_instance(DBInstanceIdentifier=CLUSTER)
    assert error.value.response["Error"]["Code"] == "InvalidDBInstanceState"


def test_a_snapshot_takes_time_and_keeps_its_tags(account: Account) -> None:
    rds = account.client("rds")
    tags = [{"Key": "runbook-run", "Value": "r1"}]
    taken = rds.create_db_cluster_snapshot(
        DBClusterIdentifier=CLUSTER, DBClusterSnapshotIdentifier="s1", Tags=tags
    )["DBClusterSnapshot"]
    assert (taken["Status"], taken["PercentProgress"]) == ("creating", 0)
    account.pass_time(seconds=6)
    found = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="s1")
    assert found["DBClusterSnapshots"][0]["PercentProgress"] == 40
    account.pass_time(minutes=1)
    found = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="s1")
    snapshot = found["DBClusterSnapshots"][0]
    assert (snapshot["Status"], snapshot["PercentProgress"]) == ("available", 100)
    assert snapshot["TagList"] == tags


def test_a_snapshot_that_is_held_stays_as_it_is_until_it_is_let_go_on(account: Account) -> None:
    rds = account.client("rds")
    account.world.hold_snapshots(stuck=True)
    rds.create_db_cluster_snapshot(DBClusterIdentifier=CLUSTER, DBClusterSnapshotIdentifier="held")
    statuses = []
    for stuck in (True, False):
        account.world.hold_snapshots(stuck)
        account.pass_time(minutes=5)
        found = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="held")
        statuses.append(found["DBClusterSnapshots"][0]["Status"])
    assert statuses == ["creating", "available"]


def test_a_snapshot_of_a_member_of_a_cluster_is_refused(account: Account) -> None:
    with pytest.raises(ClientError, match="CreateDBClusterSnapshot"):
        account.client("rds").create_db_snapshot(
            DBInstanceIdentifier=ONE, DBSnapshotIdentifier="s1"
        )


def test_a_snapshot_is_taken_once_by_its_name(open_account: Open) -> None:
    account = open_account("single")
    rds = account.client("rds")
    rds.create_db_snapshot(DBInstanceIdentifier=CLUSTER, DBSnapshotIdentifier="s1")
    account.pass_time(minutes=1)
    with pytest.raises(ClientError) as error:
        rds.create_db_snapshot(DBInstanceIdentifier=CLUSTER, DBSnapshotIdentifier="s1")
    assert error.value.response["Error"]["Code"] == "DBSnapshotAlreadyExists"


def test_automated_snapshots_of_the_past_days_are_there(account: Account) -> None:
    answer = account.client("rds").describe_db_cluster_snapshots(
        DBClusterIdentifier=CLUSTER, SnapshotType="automated"
    )
    assert len(answer["DBClusterSnapshots"]) == 7


def test_instances_show_where_they_really_listen(account: Account) -> None:
    account.world.set_database_endpoints({ONE: ("127.0.0.1", 15432), TWO: ("127.0.0.1", 15433)})
    assert instance(account, TWO)["Endpoint"]["Port"] == 15433
    assert (cluster(account)["Endpoint"], cluster(account)["Port"]) == ("127.0.0.1", 15432)
    fail_over(account)
    account.pass_time(minutes=1)
    assert cluster(account)["Port"] == 15433


async def test_who_listens_is_told_when_the_writer_moves() -> None:
    world = AwsWorld(scale=0.01)
    moved: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
    world.on_writer_moved(lambda old, new: moved.set_result((old, new)))
    await world.start()
    try:
        rds = await asyncio.to_thread(client, world, "rds")
        await asyncio.to_thread(
            lambda: rds.failover_db_cluster(
                DBClusterIdentifier=CLUSTER, TargetDBInstanceIdentifier=TWO
            )
        )
        assert await asyncio.wait_for(moved, 60) == (ONE, TWO)
    finally:
        await world.stop()
