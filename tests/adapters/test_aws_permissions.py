"""The permissions that the adapters name are those they use: docs and doctor rely on it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from adapters import (
    cloudtrail,
    cloudwatch,
    ecr,
    ecs,
    evidence,
    iam,
    load_balancer,
    logs,
    migrations,
    parameters,
    rds,
)
from adapters.aws_calls import AwsCalls
from adapters.aws_errors import IAM_NAMES, IAM_PREFIXES, Call
from adapters.rds.points import RecoveryPoint
from bot.runbook import Run
from bot.settings import EvidenceSettings
from sandbox.aws import account
from sandbox.aws.clock import StandingClock
from sandbox.aws.seed import DatabaseKind
from sandbox.aws.world import AwsWorld

pytestmark = pytest.mark.slow

CORE = "complyai-core"


def used(world: AwsWorld, since: int = 0) -> set[str]:
    """`since`: so many calls are left out."""
    calls = world.calls[since:]
    names = {f"{IAM_PREFIXES.get(one.service, one.service)}:{one.operation}" for one in calls}
    return {IAM_NAMES.get(name, name) for name in names}


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
        ("s3", "list_objects_v2", "s3:ListBucket"),
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


class Noted:
    """Calls of S3 by their names, which its requests do not say."""

    def __init__(self, calls: AwsCalls) -> None:
        self._calls, self.permissions = calls, set[str]()

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._calls, name)
        if name not in ("read", "write", "read_pages"):
            return made

        def noted(service: str, operation: str, *rest: Any, **params: Any) -> Any:
            self.permissions.add(Call(service, operation, "read").permission)
            return made(service, operation, *rest, **params)

        return noted


async def test_what_is_named_for_the_evidence_bucket_is_what_keeping_uses(
    world: AwsWorld, calls: AwsCalls
) -> None:
    class NoSessions:
        async def of(self, users: Sequence[int]) -> Sequence[Any]:
            return []

    world.load_account()
    settings = EvidenceSettings(bucket=account.BUCKET, retain_days=30)
    asked = Noted(calls)
    keeper = evidence.Evidence(cast(AwsCalls, asked), settings, NoSessions())
    run = Run(id="7F3K", started_at=datetime.now(UTC), started_by="U1")
    ends = calls.now()
    export = evidence.ExportLogs(
        run=run.id, since=run.started_at, group=f"/ecs/{CORE}",
        begins=ends - timedelta(minutes=2), ends=ends,
    )  # fmt: skip
    await keeper.log_groups([CORE])
    async for _ in keeper._export(export, "key"):
        pass
    assert (await keeper.kept(run)).objects
    of_a_lock = {"s3:GetObjectRetention", "s3:PutObjectRetention"}  # By headers, of no call.
    assert asked.permissions | of_a_lock == {*evidence.READS, *evidence.KEEPS}


async def test_what_is_named_for_the_trail_is_what_reading_it_uses(
    world: AwsWorld, calls: AwsCalls
) -> None:
    before, now = len(world.calls), calls.now()
    trail = cloudtrail.CloudTrail([calls])
    await trail.of("AccessKeyId", [account.DEPLOYERS_KEY], now - timedelta(hours=1), now)
    assert used(world, before) == set(cloudtrail.READS)


@pytest.mark.parametrize("kind", ["aurora", "multi-az", "single"])
async def test_what_is_named_for_a_restore_covers_the_calls_it_makes(
    kind: DatabaseKind, clock: StandingClock
) -> None:
    """Of each kind of database; what belongs to another kind is named as well."""
    world = AwsWorld(database=kind, clock=clock)
    await world.start()
    calls = AwsCalls("us-east-1", world.endpoint_url, timeout_s=5.0)
    try:
        recovery = rds.Recovery(calls)
        original = await recovery.original(await rds.Rds(calls).database("complyai-prod"))
        hour_ago = datetime.fromtimestamp(clock.now(), UTC) - timedelta(hours=1)
        moment = RecoveryPoint(kind="moment", at=hour_ago)
        await recovery._make(original.restore(moment, "twin", "7F3K"), "key")
        clock.advance(10_000)
        for member in original.create_members("twin", "7F3K"):
            await recovery._make(member, "key")
        clock.advance(10_000)
        place = await recovery.place("twin", original.database.is_cluster)
        assert place
        await recovery._rename(place.rename("twin-old"), "key")
        clock.advance(10_000)
        assert (await recovery.place("twin-old", original.database.is_cluster)) is not None
        named = {name for one in rds.Recovery.alters for name in one.permissions}
        assert used(world) <= named | set(rds.READS)
    finally:
        await calls.close()
        await world.stop()
