"""Deployments of ECS: how they roll, fail, are taken back, and what is remembered of them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bot.runbook.company import Company, ServicePlace
from sandbox.aws import AwsWorld
from tests.sandbox.aws.conftest import CORE, MAESTRO, Account

pytestmark = pytest.mark.slow


def rollouts(service: Any) -> list[tuple[str, str, str]]:
    return [
        (one["status"], one["rolloutState"], one["taskDefinition"].rsplit("/")[-1])
        for one in service["deployments"]
    ]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_good_deployment_rolls_and_completes(account: Account) -> None:
    before = account.service()
    account.world.deploy(CORE, "2.15.0")
    rolling = account.service()
    assert rollouts(rolling) == [
        ("PRIMARY", "IN_PROGRESS", f"{CORE}:5"),
        ("ACTIVE", "COMPLETED", f"{CORE}:4"),
    ]
    account.pass_time(minutes=1)
    after = account.service()
    assert rollouts(after) == [("PRIMARY", "COMPLETED", f"{CORE}:5")]
    assert after["runningCount"] == after["desiredCount"] == 4
    assert after["deployments"][0]["id"] != before["deployments"][0]["id"]
    assert account.world.version_of(CORE) == ("2.15.0",)
    assert "has reached a steady state" in after["events"][0]["message"]


def test_a_service_keeps_its_least_healthy_tasks_while_it_rolls(account: Account) -> None:
    account.world.deploy(CORE, "2.15.0")
    seen = set()
    for _ in range(60):
        account.pass_time(seconds=0.5)
        seen.add(account.world.task_state(CORE).healthy)
    assert min(seen) == 2
    assert max(seen) == 4


def test_several_versions_run_while_a_deployment_rolls(account: Account) -> None:
    account.world.deploy(CORE, "2.15.0")
    account.pass_time(seconds=5)
    assert account.world.version_of(CORE) == ("2.14.2", "2.15.0")
    assert account.world.is_well(CORE)


def test_a_bad_deployment_without_a_circuit_breaker_fails_for_ever(account: Account) -> None:
    version = account.world.deploy_bad(CORE)
    assert version == "2.14.3"
    account.pass_time(hours=1)
    service = account.service()
    assert rollouts(service)[0] == ("PRIMARY", "IN_PROGRESS", f"{CORE}:5")
    assert (service["runningCount"], service["desiredCount"]) == (2, 4)
    assert service["deployments"][0]["failedTasks"] > 100
    assert not account.world.is_well(CORE)


def test_rolling_back_cures_a_bad_deployment(account: Account) -> None:
    account.world.deploy_bad(CORE)
    account.pass_time(minutes=5)
    account.update(taskDefinition=f"{CORE}:4")
    account.pass_time(minutes=1)
    assert rollouts(account.service()) == [("PRIMARY", "COMPLETED", f"{CORE}:4")]
    assert account.world.task_state(CORE).healthy == 4
    assert account.world.is_well(CORE)


def test_a_circuit_breaker_rolls_back_by_itself(account: Account) -> None:
    account.world.deploy_bad(MAESTRO)
    account.pass_time(seconds=12)
    assert account.newest_deployment(MAESTRO)["status"] == "ROLLBACK_IN_PROGRESS"
    assert [state for _, state, _ in rollouts(account.service(MAESTRO))][:2] == [
        "IN_PROGRESS",
        "FAILED",
    ]
    account.pass_time(minutes=2)
    assert rollouts(account.service(MAESTRO)) == [("PRIMARY", "COMPLETED", f"{MAESTRO}:4")]
    newest = account.newest_deployment(MAESTRO)
    assert newest["status"] == "ROLLBACK_SUCCESSFUL"
    described = account.client("ecs").describe_service_deployments(
        serviceDeploymentArns=[newest["serviceDeploymentArn"]]
    )["serviceDeployments"][0]
    assert described["deploymentCircuitBreaker"] == {
        "status": "TRIGGERED",
        "failureCount": 3,
        "threshold": 3,
    }
    assert "rollback" in described


def test_the_record_names_revisions_with_their_images(account: Account) -> None:
    newest = account.newest_deployment(CORE)
    revision = account.client("ecs").describe_service_revisions(
        serviceRevisionArns=[newest["targetServiceRevisionArn"]]
    )["serviceRevisions"][0]
    assert revision["taskDefinition"].endswith(f"{CORE}:4")
    assert revision["containerImages"][0]["image"].endswith(f"{CORE}:2.14.2")
    assert revision["containerImages"][0]["imageDigest"].startswith("sha256:")


def test_what_was_under_way_is_given_up_for_a_newer_deployment(account: Account) -> None:
    account.world.deploy(CORE, "2.15.0")
    account.world.deploy(CORE, "2.15.1")
    account.pass_time(minutes=1)
    listed = account.client("ecs").list_service_deployments(cluster="production", service=CORE)
    states = [one["status"] for one in listed["serviceDeployments"]]
    assert states[:3] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    assert account.world.version_of(CORE) == ("2.15.1",)


def test_stopped_tasks_say_why_for_an_hour(account: Account) -> None:
    account.world.deploy_bad(CORE)
    account.pass_time(minutes=1)
    account.update(taskDefinition=f"{CORE}:4")
    assert stopped(account, CORE)[0]["stoppedReason"] == "Essential container in task exited"
    assert stopped(account, CORE)[0]["containers"][0]["exitCode"] == 1
    account.pass_time(hours=2)
    assert stopped(account, CORE) == []


def stopped(account: Account, service: str) -> list[Any]:
    """Those that ended by themselves."""
    ecs = account.client("ecs")
    arns = ecs.list_tasks(cluster="production", serviceName=service, desiredStatus="STOPPED")
    if not arns["taskArns"]:
        return []
    described = ecs.describe_tasks(cluster="production", tasks=arns["taskArns"])["tasks"]
    return [one for one in described if one.get("stopCode") != "ServiceSchedulerInitiated"]


def test_an_image_that_is_not_there_cannot_be_pulled(account: Account) -> None:
    account.world.deploy_bad(CORE, "cannot_pull")
    account.pass_time(minutes=1)
    why = {task["stoppedReason"][:24] for task in stopped(account, CORE)}
    assert why == {"CannotPullContainerError"}


def test_tasks_that_fail_their_health_checks_are_replaced(account: Account) -> None:
    account.world.deploy_bad(CORE, "unhealthy")
    account.pass_time(seconds=9)
    group = account.service()["loadBalancers"][0]["targetGroupArn"]
    health = account.client("elbv2").describe_target_health(TargetGroupArn=group)
    states = [one["TargetHealth"]["State"] for one in health["TargetHealthDescriptions"]]
    assert sorted(states) == ["healthy", "healthy", "unhealthy", "unhealthy"]
    account.pass_time(minutes=1)
    assert account.service()["deployments"][0]["failedTasks"] > 2


def test_the_same_task_definition_makes_no_new_deployment(account: Account) -> None:
    before = account.service()["deployments"][0]["id"]
    assert account.update(taskDefinition=f"{CORE}:4")["deployments"][0]["id"] == before


def test_a_forced_deployment_said_twice_is_made_twice(account: Account) -> None:
    first = account.update(forceNewDeployment=True)["deployments"][0]["id"]
    second = account.update(forceNewDeployment=True)["deployments"][0]["id"]
    assert first != second


def test_scaling_starts_and_stops_tasks_without_a_deployment(account: Account) -> None:
    before = account.service()["deployments"][0]["id"]
    account.update(desiredCount=6)
    assert account.service()["runningCount"] == 4
    account.pass_time(minutes=1)
    assert account.service()["runningCount"] == 6
    account.update(desiredCount=1)
    account.pass_time(minutes=1)
    assert account.service()["runningCount"] == 1
    assert account.service()["deployments"][0]["id"] == before


def test_a_stopped_task_is_replaced(account: Account) -> None:
    account.world.stop_tasks(CORE, 1)
    assert account.world.task_state(CORE).running == 3
    account.pass_time(minutes=1)
    assert account.world.task_state(CORE).running == 4


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"service": "nobody"}, "ServiceNotFoundException"),
        ({"cluster": "elsewhere"}, "ClusterNotFoundException"),
        ({"taskDefinition": "complyai-core:99"}, "ClientException"),
    ],
)
def test_what_is_not_there_is_refused(
    account: Account, params: dict[str, str], expected: str
) -> None:
    wanted = {"cluster": "production", "service": CORE, **params}
    with pytest.raises(ClientError) as error:
        account.client("ecs").update_service(**wanted)
    assert code(error) == expected


def test_an_inactive_task_definition_is_refused(account: Account) -> None:
    account.client("ecs").deregister_task_definition(taskDefinition=f"{CORE}:3")
    with pytest.raises(ClientError, match="inactive"):
        account.update(taskDefinition=f"{CORE}:3")


def test_creating_a_service_that_exists_is_refused(account: Account) -> None:
    with pytest.raises(ClientError, match="not idempotent"):
        account.client("ecs").create_service(
            cluster="production", serviceName=CORE, taskDefinition=CORE, clientToken="another"
        )


def test_a_missing_service_is_named_as_a_failure(account: Account) -> None:
    answer = account.client("ecs").describe_services(
        cluster="production", services=[CORE, "nobody"]
    )
    assert [one["serviceName"] for one in answer["services"]] == [CORE]
    assert answer["failures"][0]["reason"] == "MISSING"
    assert answer["failures"][0]["arn"].endswith("service/production/nobody")


def test_more_than_ten_services_at_once_are_refused(account: Account) -> None:
    with pytest.raises(ClientError) as error:
        account.client("ecs").describe_services(cluster="production", services=["a"] * 11)
    assert code(error) == "InvalidParameterException"


def test_a_task_definition_says_who_deployed_it(account: Account) -> None:
    answer = account.client("ecs").describe_task_definition(
        taskDefinition=f"{CORE}:3", include=["TAGS"]
    )
    assert {"key": "deployed-by", "value": "priya"} in answer["tags"]
    assert answer["taskDefinition"]["registeredBy"].endswith("deployer/priya")


def test_a_deployment_can_have_been_bad_for_a_while(account: Account) -> None:
    account.world.deploy_bad(CORE, ago=timedelta(minutes=20))
    primary = account.service()["deployments"][0]
    assert account.clock.now() - primary["createdAt"].timestamp() == pytest.approx(1200, abs=1)
    assert primary["failedTasks"] > 30
    with pytest.raises(ValueError, match="after that moment"):
        account.world.deploy_bad(CORE, ago=timedelta(minutes=30))


def test_an_operation_there_is_none_of_is_refused_as_aws_does(account: Account) -> None:
    with pytest.raises(ClientError) as error:
        account.client("ecs").list_attributes(targetType="container-instance")
    assert code(error) == "UnknownOperationException"


def test_a_service_cannot_go_back_to_an_image_that_is_gone(account: Account) -> None:
    account.world.delete_image(CORE, "2.14.1")
    account.update(taskDefinition=f"{CORE}:3")
    account.pass_time(minutes=2)
    assert account.service()["deployments"][0]["failedTasks"] > 2
    assert account.world.version_of(CORE) == ("2.14.2",)


def test_another_company_has_its_own_services_and_database() -> None:
    place = ServicePlace(name="shop", health_url="http://shop.internal/health")
    world = AwsWorld(Company(cluster="live", services=(place,), database="shop-db", vendors=()))
    asyncio.run(world.start())
    try:
        assert world.version_of("shop") == ("1.1.0",)
        assert world.writer() == "shop-db-1"
    finally:
        asyncio.run(world.stop())
