"""Load balancers, images, parameters; boto3's waiters; and worlds that follow one another."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import AwsWorld
from tests.sandbox.aws.conftest import CORE, START, Account, Open, client

pytestmark = pytest.mark.slow

QUICK = {"Delay": 0.05, "MaxAttempts": 200}


@pytest.fixture
def running() -> Iterator[AwsWorld]:
    """A world that goes by itself, a hundred times as fast."""
    world = AwsWorld(database="single", scale=0.01)
    asyncio.run(world.start())
    yield world
    asyncio.run(world.stop())


def states(account: Account, group: str) -> set[str]:
    answer = account.client("elbv2").describe_target_health(TargetGroupArn=group)
    return {one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]}


def test_targets_follow_the_tasks_of_their_service(account: Account) -> None:
    group = account.service()["loadBalancers"][0]["targetGroupArn"]
    assert states(account, group) == {"healthy"}
    account.world.deploy(CORE, "2.15.0")
    assert states(account, group) == {"healthy", "draining"}
    account.pass_time(seconds=5)
    assert states(account, group) == {"healthy", "initial"}


def test_a_group_on_no_listener_has_unused_targets(account: Account) -> None:
    elb = account.client("elbv2")
    groups = {
        one["TargetGroupName"]: one["TargetGroupArn"]
        for one in elb.describe_target_groups()["TargetGroups"]
    }
    listener = next(
        one
        for one in elb.describe_listeners()["Listeners"]
        if one["DefaultActions"][0]["TargetGroupArn"] == groups[CORE]
    )
    elb.modify_listener(
        ListenerArn=listener["ListenerArn"],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": groups["complyai-api"]}],
    )
    assert states(account, groups[CORE]) == {"unused"}


def test_an_image_has_a_digest_an_age_and_findings(account: Account) -> None:
    ecr = account.client("ecr")
    (image,) = ecr.describe_images(repositoryName=CORE, imageIds=[{"imageTag": "2.14.2"}])[
        "imageDetails"
    ]
    assert image["imageDigest"].startswith("sha256:")
    assert 4 <= (START - image["imagePushedAt"]).days <= 5
    assert image["imageScanFindingsSummary"]["findingSeverityCounts"]["LOW"] == 3
    with pytest.raises(ClientError) as error:
        ecr.describe_images(repositoryName=CORE, imageIds=[{"imageTag": "9.9.9"}])
    assert error.value.response["Error"]["Code"] == "ImageNotFoundException"


def test_a_circuit_breaker_is_a_parameter_with_versions(account: Account) -> None:
    ssm, name = account.client("ssm"), "/complyai/circuit/meta"
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "closed"
    with pytest.raises(ClientError) as error:
        ssm.put_parameter(Name=name, Value="open", Type="String")
    assert error.value.response["Error"]["Code"] == "ParameterAlreadyExists"
    assert ssm.put_parameter(Name=name, Value="open", Overwrite=True)["Version"] == 2
    assert account.world.parameter(name) == "open"
    with pytest.raises(ClientError) as error:
        ssm.get_parameter(Name="/complyai/circuit/nobody")
    assert error.value.response["Error"]["Code"] == "ParameterNotFound"


def test_boto3s_waiters_for_services_and_tasks_end(running: AwsWorld) -> None:
    ecs = client(running, "ecs")
    running.deploy(CORE, "2.15.0")
    tasks = ecs.list_tasks(cluster="production", serviceName=CORE)["taskArns"]
    stable: Any = ecs.get_waiter("services_stable")
    stable.wait(cluster="production", services=[CORE], WaiterConfig=QUICK)
    ecs.stop_task(cluster="production", task=tasks[-1])
    stopped: Any = ecs.get_waiter("tasks_stopped")
    stopped.wait(cluster="production", tasks=tasks[-1:], WaiterConfig=QUICK)
    assert running.version_of(CORE) == ("2.15.0",)


def test_boto3s_waiters_for_databases_end(running: AwsWorld) -> None:
    rds = client(running, "rds")
    rds.create_db_snapshot(DBInstanceIdentifier="complyai-prod", DBSnapshotIdentifier="s1")
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="s1", WaiterConfig=QUICK)
    rds.reboot_db_instance(DBInstanceIdentifier="complyai-prod")
    rds.get_waiter("db_instance_available").wait(
        DBInstanceIdentifier="complyai-prod", WaiterConfig=QUICK
    )
    answer = rds.describe_db_instances(DBInstanceIdentifier="complyai-prod")
    assert answer["DBInstances"][0]["DBInstanceStatus"] == "available"


def test_the_next_world_knows_nothing_of_the_one_before(open_account: Open) -> None:
    first = open_account("aurora")
    first.world.deploy_bad(CORE)
    make = {"Name": "token", "SecretString": "not-a-secret"}
    first.client("secretsmanager").create_secret(**make)
    asyncio.run(first.world.stop())
    second = open_account("aurora")
    assert second.service()["deployments"][0]["taskDefinition"].endswith(f"{CORE}:4")
    assert second.client("secretsmanager").list_secrets()["SecretList"] == []


def test_answers_are_dated_by_the_worlds_clock(account: Account) -> None:
    account.pass_time(days=2)
    answer = account.client("ecs").list_clusters()
    assert answer["ResponseMetadata"]["HTTPHeaders"]["date"] == "Thu, 26 Nov 2026 15:00:30 GMT"


def test_many_callers_at_once_are_all_answered(account: Account) -> None:
    account.client("ecs")
    with ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(lambda _: account.service()["runningCount"], range(64)))
    assert counts == [4] * 64


def test_cloudtrail_takes_two_calls_a_second_one_attribute_and_keeps_90_days(
    account: Account,
) -> None:
    trail, now = account.world.trail, [0.0]
    trail._clock = lambda: now[0]
    for number in range(70):
        trail.record("ListUsers", "ana", ago=timedelta(days=number * 2))
    asked = account.client("cloudtrail")
    found = asked.lookup_events()["Events"]
    times = [one["EventTime"] for one in found]
    assert len(found) == 46 and times == sorted(times, reverse=True)
    page = asked.lookup_events(MaxResults=10)
    assert len(page["Events"]) == 10 and page["NextToken"]
    with pytest.raises(ClientError, match="Rate exceeded"):
        asked.lookup_events()
    now[0] = 1.0
    two = [{"AttributeKey": key, "AttributeValue": "x"} for key in ("Username", "EventName")]
    with pytest.raises(ClientError, match="one attribute"):
        asked.lookup_events(LookupAttributes=two)
    with pytest.raises(ClientError, match="StartTime is after EndTime"):
        asked.lookup_events(StartTime=START, EndTime=START - timedelta(days=1))
