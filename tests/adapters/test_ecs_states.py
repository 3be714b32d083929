"""States of a rollout that a world that goes by itself passes through too quickly, or never."""

from typing import Any

import pytest

from adapters.aws_calls import AwsCalls
from adapters.ecs import Ecs, UpdateService
from bot.runbook import Seen
from bot.runbook.errors import Refused, Unreachable
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow

CHANGE = UpdateService(
    cluster="production",
    service="complyai-core",
    task_definition="complyai-core:41",
    replacing="complyai-core:42",
    deployment_id="ecs-svc/42",
)


def service(**primary: Any) -> dict[str, Any]:
    deployment = {
        "id": "ecs-svc/43",
        "status": "PRIMARY",
        "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/complyai-core:41",
        "desiredCount": 4,
        "runningCount": 4,
        "rolloutState": "COMPLETED",
        **primary,
    }
    return {
        "serviceName": "complyai-core",
        "status": "ACTIVE",
        "desiredCount": 4,
        "runningCount": 4,
        "pendingCount": 0,
        "deployments": [deployment],
    }


@pytest.fixture
def ecs(scripted_calls: AwsCalls) -> Ecs:
    return Ecs(scripted_calls, "production")


async def seen(scripted: ScriptedAws, ecs: Ecs, described: dict[str, Any]) -> Seen:
    scripted.answers("ecs", "DescribeServices", {"services": [described], "failures": []})
    return await ecs._see_update(CHANGE)


async def test_a_completed_rollout_whose_tasks_ended_since_is_not_done(
    scripted: ScriptedAws, ecs: Ecs
) -> None:
    now = await seen(scripted, ecs, service(runningCount=3))
    assert now == Seen("applying", "complyai-core runs 3 of 4 tasks of complyai-core:41")


async def test_a_rollout_that_loses_tasks_says_how_many(scripted: ScriptedAws, ecs: Ecs) -> None:
    described = service(rolloutState="IN_PROGRESS", runningCount=1, failedTasks=2)
    now = await seen(scripted, ecs, described)
    assert now.state == "applying"
    assert now.now.endswith("runs 1 of 4 tasks of complyai-core:41, 2 failed")


async def test_a_rollout_that_failed_is_drifted_and_says_why(
    scripted: ScriptedAws, ecs: Ecs
) -> None:
    described = service(
        rolloutState="FAILED", rolloutStateReason="tasks failed to start.", runningCount=0
    )
    now = await seen(scripted, ecs, described)
    assert now.state == "drifted"
    assert now.now.endswith("its rollout failed: tasks failed to start.")


async def test_a_rollout_state_that_is_not_known_is_unreadable(
    scripted: ScriptedAws, ecs: Ecs
) -> None:
    assert (await seen(scripted, ecs, service(rolloutState="PAUSED"))).state == "unreadable"


async def test_a_service_that_another_tool_deploys_is_unreadable(
    scripted: ScriptedAws, ecs: Ecs
) -> None:
    described = {**service(), "deploymentController": {"type": "CODE_DEPLOY"}}
    now = await seen(scripted, ecs, described)
    assert now == Seen("unreadable", "complyai-core is deployed by CODE_DEPLOY, not by ECS")


async def test_a_service_without_a_primary_deployment_is_unreadable(
    scripted: ScriptedAws, ecs: Ecs
) -> None:
    assert (await seen(scripted, ecs, service(status="ACTIVE"))).state == "unreadable"


async def test_ecs_not_answering_is_not_a_state(scripted: ScriptedAws, ecs: Ecs) -> None:
    scripted.faults.error("ecs", "DescribeServices", times=9, status=503)
    with pytest.raises(Unreachable, match="HTTP 503"):
        await ecs._see_update(CHANGE)


async def test_a_service_ecs_will_not_describe_is_refused_and_not_missing(
    scripted: ScriptedAws, ecs: Ecs
) -> None:
    failure = {"arn": "arn:aws:ecs:…:service/complyai-core", "reason": "ACCESS_DENIED"}
    scripted.answers("ecs", "DescribeServices", {"services": [], "failures": [failure]})
    with pytest.raises(Refused, match="ACCESS_DENIED"):
        await ecs.services(["complyai-core"])


async def test_a_deployment_in_a_state_nobody_knows_is_unreadable_and_not_completed(
    scripted: ScriptedAws, ecs: Ecs
) -> None:
    described = service(createdAt=1_790_000_000, rolloutState="PAUSED")
    scripted.answers("ecs", "DescribeServices", {"services": [described], "failures": []})
    scripted.answers("ecs", "ListServiceDeployments", {"serviceDeployments": []})
    with pytest.raises(Unreachable, match="ECS says PAUSED of a deployment"):
        await ecs.deployments(["complyai-core"])
    brief = {
        "serviceDeploymentArn": "arn:aws:ecs:…:service-deployment/1",
        "targetServiceRevisionArn": "arn:aws:ecs:…:service-revision/1",
        "status": "RESTING",
        "createdAt": 1_790_000_000,
    }
    revision = {
        "serviceRevisionArn": brief["targetServiceRevisionArn"],
        "taskDefinition": "complyai-core:41",
    }
    scripted.answers("ecs", "ListServiceDeployments", {"serviceDeployments": [brief]})
    scripted.answers("ecs", "DescribeServiceRevisions", {"serviceRevisions": [revision]})
    with pytest.raises(Unreachable, match="ECS says RESTING of a deployment"):
        await ecs.deployments(["complyai-core"])
