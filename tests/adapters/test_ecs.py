"""Services, their deployments, and changes to them, against the company's AWS in a box."""

from datetime import UTC, timedelta

import pytest

from adapters.aws_calls import AwsCalls
from adapters.ecs import BeginUpdate, Ecs, RestartService, ScaleService, UpdateService
from bot.runbook import Seen
from bot.runbook.errors import Refused, Unreachable
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

CORE, MAESTRO = "complyai-core", "complyai-maestro"
LONG = 300.0  #: Seconds in which any rollout of the world is over.


@pytest.fixture
def ecs(calls: AwsCalls) -> Ecs:
    return Ecs(calls, "production")


async def to_last_good(ecs: Ecs, service: str = CORE) -> UpdateService:
    (current,) = (await ecs.deployments([service])).current
    change = current.to_last_good()
    assert change is not None
    return change


async def see(ecs: Ecs, change: UpdateService) -> Seen:
    return await ecs._see_update(change)


async def test_every_service_of_the_cluster_is_known_by_name(ecs: Ecs, world: AwsWorld) -> None:
    assert await ecs.names() == sorted(world.company.service_names)


async def test_services_that_run_what_they_want_are_not_in_trouble(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    services = await ecs.services(world.company.service_names)
    assert services.short == ()
    assert [s.running for s in services.services] == [4, 4, 2, 2]
    assert services.as_of.timestamp() == clock.now()
    assert services.as_of.tzinfo is UTC


async def test_a_service_that_is_not_there_is_named_and_never_ok(ecs: Ecs) -> None:
    services = await ecs.services([CORE, "complyai-cor"])
    assert services.troubles == "complyai-cor does not exist"
    assert (await ecs.deployments(["complyai-cor"])).missing == ("complyai-cor",)


async def test_more_services_than_ecs_describes_at_once_are_asked_in_turns(ecs: Ecs) -> None:
    names = [CORE, *(f"lost-{n}" for n in range(24))]
    assert len((await ecs.services(names)).short) == 24


async def test_a_cluster_that_is_not_there_is_an_error_and_no_empty_answer(
    calls: AwsCalls,
) -> None:
    with pytest.raises(Refused, match="ClusterNotFound"):
        await Ecs(calls, "prodction").services([CORE])


async def test_a_crash_looping_version_shows_how_many_run_and_why_tasks_stopped(
    ecs: Ecs, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    (core,) = (await ecs.services([CORE])).services
    assert core.trouble == "runs 2 of 4 tasks"
    assert core.rollout == "in progress"
    (why,) = core.stopped_because
    assert why.startswith("Essential container in task exited: app exited with 1 (")


async def test_a_good_deployment_does_not_show_its_own_stops_as_trouble(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    world.deploy(CORE, "2.15.0")
    clock.advance(LONG)
    (core,) = (await ecs.services([CORE])).services
    assert (core.trouble, core.stopped_because) == ("", ())


async def test_deployments_say_what_when_by_whom_and_how_it_went(
    ecs: Ecs, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    deployments = await ecs.deployments([CORE], newest=3)
    assert [d.task_definition for d in deployments.newest] == [f"{CORE}:{n}" for n in (5, 4, 3)]
    newest, _, third = deployments.newest
    assert (newest.is_current, newest.rollout, newest.circuit_breaker) == (
        True,
        "in progress",
        False,
    )
    assert newest.age == timedelta(minutes=12)
    assert (third.deployed_by, third.image, third.rollout) == (
        "priya",
        "complyai-core:2.14.1",
        "completed",
    )


async def test_the_last_good_one_is_never_the_one_that_runs(ecs: Ecs, world: AwsWorld) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    (current,) = (await ecs.deployments([CORE], newest=1)).current
    assert (current.task_definition, current.last_good) == (f"{CORE}:5", f"{CORE}:4")
    assert current.last_good_image == "complyai-core:2.14.2"


async def test_one_that_was_rolled_back_is_never_the_last_good_one(ecs: Ecs) -> None:
    (current,) = (await ecs.deployments([MAESTRO])).current
    assert (current.task_definition, current.last_good) == (f"{MAESTRO}:4", f"{MAESTRO}:2")


async def test_after_a_roll_back_the_bad_version_is_not_offered_as_the_last_good_one(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    world.deploy_bad(CORE, how="errors")
    clock.advance(LONG)
    await ecs._update(await to_last_good(ecs), "key")
    clock.advance(LONG)
    (current,) = (await ecs.deployments([CORE])).current
    assert (current.task_definition, current.last_good) == (f"{CORE}:4", f"{CORE}:3")


async def test_a_task_definition_that_was_taken_away_is_passed_over(
    ecs: Ecs, calls: AwsCalls, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    await calls.write("ecs", "deregister_task_definition", taskDefinition=f"{CORE}:4")
    (current,) = (await ecs.deployments([CORE])).current
    assert current.last_good == f"{CORE}:3"


async def test_a_version_whose_image_is_gone_is_passed_over(
    ecs: Ecs, calls: AwsCalls, world: AwsWorld
) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    world.faults.error(
        "ecr", "DescribeImages", code="ImageNotFoundException", status=400, message="gone"
    )
    (current,) = (await ecs.deployments([CORE])).current
    assert current.last_good == f"{CORE}:3"


async def test_without_anything_to_go_back_to_it_says_why(ecs: Ecs, world: AwsWorld) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    world.faults.error(
        "ecr", "DescribeImages", 99, code="ImageNotFoundException", status=400, message="gone"
    )
    (current,) = (await ecs.deployments([CORE])).current
    assert current.to_last_good() is None
    assert "complyai-core:4: complyai-core:2.14.2 is no longer in ECR" in (
        current.no_last_good_because
    )


async def test_an_ecr_that_cannot_be_asked_is_an_error_and_no_missing_image(
    ecs: Ecs, world: AwsWorld
) -> None:
    world.faults.deny("ecr", "DescribeImages")
    with pytest.raises(Refused, match="ecr:DescribeImages"):
        await ecs.deployments([CORE])


async def test_while_ecs_rolls_back_by_itself_no_roll_back_is_offered(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    world.deploy_bad(MAESTRO)
    for _ in range(200):
        clock.advance(1.0)
        deployments = await ecs.deployments([MAESTRO])
        if deployments.taken_back:
            break
    (current,) = deployments.current
    assert current.rolling_back_by_itself
    assert current.to_last_good() is None
    clock.advance(LONG)
    deployments = await ecs.deployments([MAESTRO])
    (taken_back,) = deployments.taken_back
    assert (taken_back.rollout, taken_back.has_failed) == ("rolled back", True)
    assert deployments.suspects(timedelta(hours=2)) == ()


async def test_a_roll_back_is_before_then_applying_then_applied(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    change = await to_last_good(ecs)
    assert change.target() == "ecs/production/complyai-core"
    assert await see(ecs, change) == Seen("before", f"{CORE} runs {CORE}:5")
    await ecs._update(change, "key")
    seen = await see(ecs, change)
    assert (seen.state, seen.now.endswith(f"of 4 tasks of {CORE}:4")) == ("applying", True)
    clock.advance(LONG)
    assert await see(ecs, change) == Seen("applied", f"{CORE} runs 4 of 4 tasks of {CORE}:4")
    assert world.is_well(CORE)


async def test_what_can_be_rolled_back_can_be_put_forward_again(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    change = await to_last_good(ecs)
    await ecs._update(change, "key")
    clock.advance(LONG)
    assert (await see(ecs, change.undo())).state == "before"
    assert change.undo().undo().model_copy(update={"deployment_id": None}) == change.model_copy(
        update={"deployment_id": None}
    )


async def test_a_lost_answer_is_not_repeated_and_the_change_is_seen(
    ecs: Ecs, world: AwsWorld
) -> None:
    change = await to_last_good(ecs)
    world.faults.lose_response("ecs", "UpdateService")
    with pytest.raises(Unreachable, match="look before anything is repeated"):
        await ecs._update(change, "key")
    assert [c.operation for c in world.calls].count("UpdateService") == 1
    assert (await see(ecs, change)).state == "applying"


async def test_a_lost_request_is_seen_not_to_have_happened(ecs: Ecs, world: AwsWorld) -> None:
    change = await to_last_good(ecs)
    world.faults.lose_request("ecs", "UpdateService")
    with pytest.raises(Unreachable):
        await ecs._update(change, "key")
    assert (await see(ecs, change)).state == "before"


async def test_a_service_that_moved_since_is_drifted(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    change = await to_last_good(ecs)
    world.deploy(CORE, "2.15.0")
    assert await see(ecs, change) == Seen(
        "drifted", f"{CORE} runs {CORE}:5, in a deployment begun since"
    )


async def test_a_roll_out_that_ecs_took_back_is_not_mistaken_for_one_not_begun(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    bad = world.deploy_bad(MAESTRO)
    clock.advance(LONG)
    (current,) = (await ecs.deployments([MAESTRO])).current
    again = UpdateService(
        cluster="production",
        service=MAESTRO,
        task_definition=f"{MAESTRO}:5",
        replacing=current.task_definition,
        deployment_id=current.deployment_id,
    )
    assert bad and (await see(ecs, again)).state == "before"
    await ecs._update(again, "key")
    clock.advance(LONG)
    seen = await see(ecs, again)
    assert seen == Seen(
        "drifted",
        f"{MAESTRO} runs {MAESTRO}:4: ECS takes {MAESTRO}:5 back by itself. Service deployment"
        " rolled back because the circuit breaker threshold was exceeded.",
    )
    world.faults.deny("ecs", "ListServiceDeployments")
    assert (await see(ecs, again)).now.endswith("in a deployment begun since")


async def test_one_that_is_only_to_be_begun_is_done_while_ecs_is_still_at_it(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    change = await to_last_good(ecs)
    begun = BeginUpdate.model_validate(change.model_dump())
    assert (await ecs._see_begun(begun)).state == "before"
    await ecs._update(begun, "key")
    assert (await see(ecs, change)).state == "applying"
    seen = await ecs._see_begun(begun)
    assert seen.state == "applied" and seen.now.startswith(f"{CORE} runs ")


async def test_a_deleted_service_is_drifted(ecs: Ecs, calls: AwsCalls) -> None:
    change = await to_last_good(ecs)
    await calls.write("ecs", "delete_service", cluster="production", service=CORE, force=True)
    assert await see(ecs, change) == Seen(
        "drifted", "complyai-core does not exist in cluster production"
    )


async def test_a_denied_change_names_permission_and_role(ecs: Ecs, world: AwsWorld) -> None:
    change = await to_last_good(ecs)
    world.faults.deny("ecs", "UpdateService")
    with pytest.raises(Refused, match="ecs:UpdateService for role runbook-bot-write"):
        await ecs._update(change, "key")
    assert (await see(ecs, change)).state == "before"


async def test_a_throttled_look_is_repeated_until_it_is_answered(
    ecs: Ecs, world: AwsWorld
) -> None:
    change = await to_last_good(ecs)
    world.faults.throttle("ecs", "DescribeServices", times=2)
    assert (await see(ecs, change)).state == "before"


async def test_a_service_is_scaled_when_its_tasks_run_and_not_before(
    ecs: Ecs, clock: StandingClock
) -> None:
    change = ScaleService(cluster="production", service=CORE, desired=6, replacing="4")
    assert (await ecs._see_scale(change)).state == "before"
    await ecs._scale(change, "key")
    assert (await ecs._see_scale(change)).state == "applying"
    clock.advance(LONG)
    assert await ecs._see_scale(change) == Seen("applied", f"{CORE} runs 6 of 6 tasks")
    assert (await ecs._see_scale(change.undo())).state == "before"
    assert (await ecs._see_scale(change.model_copy(update={"desired": 8}))).state == "drifted"


async def test_a_restart_is_made_once_though_its_answer_was_lost(
    ecs: Ecs, world: AwsWorld, clock: StandingClock
) -> None:
    (core,) = (await ecs.services([CORE])).services
    change = core.restart()
    assert (await ecs._see_restart(change)).state == "before"
    world.faults.lose_response("ecs", "UpdateService")
    with pytest.raises(Unreachable):
        await ecs._restart(change, "key")
    assert (await ecs._see_restart(change)).state == "applying"
    clock.advance(LONG)
    assert (await ecs._see_restart(change)).state == "applied"
    assert [c.operation for c in world.calls].count("UpdateService") == 1


async def test_a_restart_of_a_service_that_was_deployed_since_is_drifted(
    ecs: Ecs, world: AwsWorld
) -> None:
    (core,) = (await ecs.services([CORE])).services
    world.deploy(CORE, "2.15.0")
    assert (await ecs._see_restart(core.restart())).state == "drifted"


def test_a_restart_has_no_undo() -> None:
    change = RestartService(
        cluster="production", service=CORE, task_definition=f"{CORE}:4", replacing="ecs-svc/1"
    )
    assert change.undo() is None
    assert change.command().endswith("--service complyai-core --force-new-deployment")
