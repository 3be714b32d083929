"""Targets behind the load balancer, against the company's AWS in a box."""

from datetime import timedelta

import pytest

from adapters.aws_calls import AwsCalls
from adapters.ecs import Ecs
from adapters.load_balancer import LoadBalancer, Targets
from bot.runbook.errors import Refused
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = pytest.mark.slow

CORE = "complyai-core"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/complyai-core/1"


async def targets_of(calls: AwsCalls, *services: str) -> Targets:
    described = await Ecs(calls, "production").services(services)
    return await LoadBalancer(calls).targets(described.target_groups)


async def scripted_targets(scripted: ScriptedAws, calls: AwsCalls, *states: str) -> Targets:
    described = [
        {"Target": {"Id": f"10.0.0.{n}"}, "TargetHealth": {"State": state}}
        for n, state in enumerate(states)
    ]
    scripted.answers("elbv2", "DescribeTargetHealth", {"TargetHealthDescriptions": described})
    return await LoadBalancer(calls).targets({CORE: (GROUP,), "worker": ()})


async def test_targets_that_answer_are_no_trouble(calls: AwsCalls, world: AwsWorld) -> None:
    targets = await targets_of(calls, *world.company.service_names)
    assert targets.unwell == ()
    assert [s.healthy for s in targets.services] == [4, 4, 2, 2]


async def test_targets_that_fail_their_checks_are_counted_with_the_reason(
    calls: AwsCalls, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, how="unhealthy", ago=timedelta(seconds=90))
    targets = await targets_of(calls, CORE, "complyai-api")
    assert targets.unwell == (CORE,)
    (core, _) = targets.services
    assert core.unhealthy > 0
    assert "Health checks failed" in core.reasons[0]
    assert targets.troubles.startswith(f"{CORE} has {core.unhealthy} of ")


async def test_a_service_without_any_healthy_target_is_unwell(
    scripted: ScriptedAws, scripted_calls: AwsCalls
) -> None:
    targets = await scripted_targets(scripted, scripted_calls, "initial", "draining")
    assert targets.troubles == f"{CORE} has no healthy target"


async def test_targets_on_no_listener_get_no_traffic_though_they_run(
    scripted: ScriptedAws, scripted_calls: AwsCalls
) -> None:
    targets = await scripted_targets(scripted, scripted_calls, "healthy", "unused")
    assert targets.troubles == f"{CORE} has 1 targets that get no traffic"


@pytest.mark.parametrize("state", ["unavailable", "resting"])
async def test_targets_of_which_nothing_is_known_are_not_healthy(
    scripted: ScriptedAws, scripted_calls: AwsCalls, state: str
) -> None:
    targets = await scripted_targets(scripted, scripted_calls, "healthy", state)
    assert targets.troubles == (
        f"{CORE} has 1 targets of which nobody knows whether they are healthy"
    )


async def test_a_service_that_is_behind_no_load_balancer_is_left_out(
    scripted: ScriptedAws, scripted_calls: AwsCalls
) -> None:
    targets = await scripted_targets(scripted, scripted_calls, "healthy")
    assert [s.service for s in targets.services] == [CORE]


async def test_a_target_group_that_is_gone_has_no_healthy_target(
    scripted: ScriptedAws, scripted_calls: AwsCalls
) -> None:
    scripted.refuses("elbv2", "DescribeTargetHealth", "TargetGroupNotFound", "not found", 400)
    targets = await LoadBalancer(scripted_calls).targets({CORE: (GROUP,)})
    assert targets.unwell == (CORE,)


async def test_health_that_may_not_be_read_is_an_error(calls: AwsCalls, world: AwsWorld) -> None:
    world.faults.deny("elbv2", "DescribeTargetHealth")
    with pytest.raises(Refused, match="elasticloadbalancing:DescribeTargetHealth"):
        await targets_of(calls, CORE)
