"""One deployment by its own id, and what is registered for it, against the company's AWS."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from adapters.ecr import Ecr
from adapters.ecs import Ecs, Registered, RollingDeployment
from bot.runbook.errors import NothingDone, Refused, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld
from tests.adapters.scripted_aws import ScriptedAws

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CORE, API, MAESTRO = "complyai-core", "complyai-api", "complyai-maestro"
LONG = 300.0  #: Seconds in which any rollout of the world is over.


@pytest.fixture(scope="module")
def clock() -> StandingClock:
    return StandingClock(datetime(2026, 11, 24, 3, 12, tzinfo=UTC))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(clock: StandingClock) -> AsyncIterator[AwsWorld]:
    made = AwsWorld(clock=clock)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def calls(world: AwsWorld) -> AsyncIterator[AwsCalls]:
    made = AwsCalls("us-east-1", world.endpoint_url, timeout_s=5.0)
    yield made
    await made.close()


@pytest.fixture
def ecs(calls: AwsCalls) -> Ecs:
    return Ecs(calls, "production")


async def newest(ecs: Ecs, calls: AwsCalls, service: str, version: str) -> RollingDeployment:
    found = await registered(ecs, calls, service, version)
    return await ecs.newest_rollout(service, str(found.task_definition))


async def registered(ecs: Ecs, calls: AwsCalls, service: str, version: str) -> Registered:
    digest = (await Ecr(calls).image(service, version)).digest
    return await ecs.registered(service, version, digest or "none")


async def test_what_is_registered_for_an_image_is_found_and_is_what_runs(
    ecs: Ecs, calls: AwsCalls
) -> None:
    found = await registered(ecs, calls, CORE, "2.14.2")
    assert (found.task_definition, found.runs) == (f"{CORE}:4", f"{CORE}:4")
    assert found.roll_out() is None


async def test_what_is_registered_and_does_not_run_can_be_rolled_out(
    ecs: Ecs, calls: AwsCalls
) -> None:
    found = await registered(ecs, calls, CORE, "2.14.1")
    move = found.roll_out()
    assert move and (move.task_definition, move.replacing) == (f"{CORE}:3", f"{CORE}:4")
    assert move.deployment_id == found.deployment_id


async def test_what_was_never_registered_is_not_found(ecs: Ecs, world: AwsWorld) -> None:
    found = await ecs.registered(CORE, "9.9.9", "sha256:00")
    assert found.task_definition is None and found.roll_out() is None


async def test_a_service_that_does_not_exist_runs_nothing(ecs: Ecs) -> None:
    assert (await ecs.registered("complyai-cor", "1", "sha256:00")).runs == ""
    with pytest.raises(NotThere, match="complyai-cor does not exist"):
        await ecs.newest_rollout("complyai-cor", "complyai-cor:1")


async def test_the_newest_tags_of_a_repository_come_first(calls: AwsCalls) -> None:
    assert (await Ecr(calls).newest(API))[:3] == ("1.31.1", "1.31.0", "1.30.2")
    assert await Ecr(calls).newest("nothing-here") == ()


async def test_a_deployment_is_followed_until_it_is_complete(
    ecs: Ecs, calls: AwsCalls, world: AwsWorld, clock: StandingClock
) -> None:
    world.deploy(API, "1.32.0")
    begun = await newest(ecs, calls, API, "1.32.0")
    assert (begun.rollout, begun.running, begun.desired) == ("in progress", 0, 4)
    clock.advance(LONG)
    done = await ecs.rollout(begun)
    assert (done.arn, done.is_complete, done.share) == (begun.arn, True, 1.0)
    assert done.events[0].endswith("has reached a steady state.")


async def test_one_that_another_has_replaced_says_by_which(
    ecs: Ecs, calls: AwsCalls, world: AwsWorld, clock: StandingClock
) -> None:
    world.deploy(API, "1.33.0")
    begun = await newest(ecs, calls, API, "1.33.0")
    clock.advance(2)
    world.deploy(API, "1.33.1")
    clock.advance(LONG)
    found = await ecs.rollout(begun)
    assert not found.is_complete
    latest = (await ecs.deployments([API], newest=1)).current[0].task_definition
    assert (found.rollout, found.replaced_by) == ("stopped", latest)


async def test_one_that_the_circuit_breaker_reverses_is_told_apart_from_a_stable_service(
    ecs: Ecs, calls: AwsCalls, world: AwsWorld, clock: StandingClock
) -> None:
    version = world.deploy_bad(MAESTRO)
    begun = await newest(ecs, calls, MAESTRO, version)
    clock.advance(LONG)
    found = await ecs.rollout(begun)
    assert (found.is_reversed, found.rollout, found.is_complete) == (True, "rolled back", False)
    assert (found.failed, found.trips_at) == (3, 3)
    assert "circuit breaker threshold was exceeded" in found.reason
    assert (await ecs.services([MAESTRO])).troubles == ""


async def test_one_without_circuit_breaker_counts_what_failed_and_says_why(
    ecs: Ecs, calls: AwsCalls, world: AwsWorld, clock: StandingClock
) -> None:
    version = world.deploy_bad(CORE)
    begun = await newest(ecs, calls, CORE, version)
    clock.advance(LONG)
    found = await ecs.rollout(begun)
    assert (found.rollout, found.trips_at, found.running) == ("in progress", 0, 0)
    assert found.failed > 3
    assert "Essential container in task exited: app exited with 1" in found.says()


@pytest.mark.parametrize("operation", ["ListServiceDeployments", "DescribeServices"])
async def test_what_may_not_be_read_is_an_error_and_no_missing_deployment(
    ecs: Ecs, world: AwsWorld, operation: str
) -> None:
    world.faults.deny("ecs", operation)
    with pytest.raises(Refused, match=f"ecs:{operation}"):
        await ecs.newest_rollout(CORE, f"{CORE}:4")
    world.faults.stop("deny")


async def test_limited_calls_are_said_to_be_limited(ecs: Ecs, world: AwsWorld) -> None:
    world.faults.throttle("ecs", "ListTaskDefinitions", times=3)
    with pytest.raises(NothingDone, match="limits our calls"):
        await ecs.registered(CORE, "2.14.2", "sha256:00")


async def test_a_state_that_nobody_knows_is_not_taken_for_a_good_one() -> None:
    with ScriptedAws("ecs") as aws:
        calls = AwsCalls("us-east-1", aws.url, timeout_s=2.0)
        service = {"serviceName": CORE, "status": "ACTIVE", "deployments": [], "events": []}
        aws.answers("ecs", "DescribeServices", {"services": [service], "failures": []})
        brief = {
            "serviceDeploymentArn": "arn-1",
            "createdAt": 1795489920.0,
            "targetServiceRevisionArn": "arn-r",
            "status": "SIDEWAYS",
        }
        revision = {"serviceRevisionArn": "arn-r", "taskDefinition": f"x/{CORE}:4"}
        aws.answers("ecs", "ListServiceDeployments", {"serviceDeployments": [brief]})
        aws.answers("ecs", "DescribeServiceRevisions", {"serviceRevisions": [revision]})
        with pytest.raises(Unreachable, match="SIDEWAYS"):
            await Ecs(calls, "production").newest_rollout(CORE, f"{CORE}:4")
        await calls.close()
