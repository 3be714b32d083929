"""The permissions that the adapters name are those they use: docs and doctor rely on it."""

from datetime import timedelta

import pytest

from adapters import cloudwatch, ecr, ecs, iam, load_balancer, logs, migrations, parameters, rds
from adapters.aws_calls import AwsCalls
from adapters.aws_errors import Call
from sandbox.aws import account
from sandbox.aws.clock import StandingClock
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

CORE = "complyai-core"
PREFIXES = {"elbv2": "elasticloadbalancing"}


def used(world: AwsWorld) -> set[str]:
    return {f"{PREFIXES.get(call.service, call.service)}:{call.operation}" for call in world.calls}


async def test_what_is_named_for_reading_is_what_reading_uses(
    world: AwsWorld, calls: AwsCalls
) -> None:
    world.deploy_bad(CORE, ago=timedelta(minutes=12))
    services = ecs.Ecs(calls, "production")
    databases = rds.Rds(calls)
    await services.names()
    described = await services.services([CORE])
    await services.deployments([CORE])
    await services.registered(CORE, "2.14.1", "sha256:00")
    await load_balancer.LoadBalancer(calls).targets(described.target_groups)
    database = await databases.database("complyai-prod")
    await databases.larger_classes(database)
    await databases._see_snapshot(database.take_snapshot("s1", "r1"))
    await databases._see_snapshot(
        database.take_snapshot("s1", "r1").model_copy(update={"is_cluster": False})
    )
    await databases._see_reboot(
        rds.RebootWithFailover(
            database="complyai-prod-1", replacing="us-east-1a", since=database.as_of
        )
    )
    recovery = rds.Recovery(calls)
    await recovery.points(database)
    await recovery.points(database.model_copy(update={"kind": "single"}))
    await recovery.original(database)
    watch = cloudwatch.CloudWatch(calls)
    await watch.alarms()
    await watch.error_rates([CORE])
    await logs.Logs(calls).errors(CORE)
    await ecr.Ecr(calls).image(CORE, "2.14.1")
    await parameters.Parameters(calls).get("/complyai/circuit/meta")
    named = {
        action
        for one in (cloudwatch, ecr, ecs, load_balancer, logs, parameters, rds)
        for action in one.READS
    }
    assert used(world) == named


async def test_what_is_named_for_a_change_covers_the_call_it_makes(
    world: AwsWorld, calls: AwsCalls, clock: StandingClock
) -> None:
    services, databases = ecs.Ecs(calls, "production"), rds.Rds(calls)
    (current,) = (await services.deployments([CORE])).current
    move = current.to_last_good()
    fail_over = (await databases.database("complyai-prod")).fail_over()
    assert move and isinstance(fail_over, rds.FailOver)
    before = used(world)
    await services._update(move, "key")
    (resize, _) = (await databases.database("complyai-prod")).modify_class("db.r6g.2xlarge")
    await databases._modify_class(resize, "key")
    await databases._fail_over(fail_over, "key")
    named = {
        action
        for adapter in (ecs.Ecs, rds.Rds)
        for one in adapter.alters
        for action in one.permissions
    }
    assert used(world) - before <= named


def test_every_change_names_its_permissions() -> None:
    pairs = [
        *ecs.Ecs.alters,
        *migrations.Migrations.alters,
        *rds.Rds.alters,
        *rds.Recovery.alters,
        *parameters.Parameters.alters,
    ]
    assert [one.change.__name__ for one in pairs if not one.permissions] == []


@pytest.mark.parametrize(
    ("service", "operation", "permission"),
    [
        ("ecs", "update_service", "ecs:UpdateService"),
        ("rds", "failover_db_cluster", "rds:FailoverDBCluster"),
        ("elbv2", "describe_target_health", "elasticloadbalancing:DescribeTargetHealth"),
    ],
)
def test_a_permission_is_spelled_as_iam_spells_it(
    service: str, operation: str, permission: str
) -> None:
    assert Call(service, operation, "read").permission == permission


async def test_what_is_named_for_reading_credentials_and_events_is_what_that_uses(
    world: AwsWorld, calls: AwsCalls
) -> None:
    world.load_account()
    await iam.Iam(calls).credentials([account.DEPLOYERS_KEY], [CORE])
    assert {one for one in used(world) if one.startswith("iam:")} <= set(iam.READS)
    assert {"iam:ListAccessKeys", "iam:GetRole"} <= used(world)
