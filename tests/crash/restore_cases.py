"""
Cases of what a restore changes. Nothing is laid out behind them: it is the calls that are tried,
and a server for each of them would be a hundred.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.rds import CreateMember, RenameDatabase, RestoreSnapshot, RestoreToPointInTime
from adapters.rds.restores import Setting
from sandbox.aws.rds.cloud import RdsCloud
from sandbox.aws.rds.restoring import Wanted
from sandbox.aws.rds.state import Setup
from sandbox.box import Box
from tests.crash.cases import NUMBERS, Case, aws, case

CLASS = (Setting(name="DBInstanceClass", value="db.r6g.large"),)


@case(RestoreSnapshot, "single")
async def restore_snapshot(box: Box) -> Case:
    rds, to = _unlimited(box), f"crash-restored-{next(NUMBERS)}"
    newest = max(rds.snapshots.values(), key=lambda one: one.created_at)
    return Case(
        RestoreSnapshot(
            database=box.aws.company.database,
            is_cluster=False,
            to=to,
            settings=CLASS,
            run="",
            snapshot=newest.name,
            engine="postgres",
        ),
        lambda _: sum(one == to for one in rds.instances),
        aws(box, "rds", "RestoreDBInstanceFromDBSnapshot"),
    )


@case(RestoreToPointInTime)
async def restore_to_point_in_time(box: Box) -> Case:
    rds, to = _unlimited(box), f"crash-restored-{next(NUMBERS)}"
    return Case(
        RestoreToPointInTime(
            database=box.aws.company.database,
            is_cluster=True,
            to=to,
            settings=(),
            run="",
            at=datetime.now(UTC) - timedelta(hours=1),
        ),
        lambda _: sum(one == to for one in rds.clusters),
        aws(box, "rds", "RestoreDBClusterToPointInTime"),
    )


@case(CreateMember)
async def create_member(box: Box) -> Case:
    rds, name = _unlimited(box), f"crash-cluster-{next(NUMBERS)}"
    restoring = box.aws._parts.restoring
    live = rds.clusters[box.aws.company.database]
    cluster = restoring.cluster(Wanted(name, Setup(), []), restoring.of_moment(live, None))
    cluster.status = "available"
    return Case(
        CreateMember(to=f"{name}-1", cluster=name, engine=live.engine, settings=CLASS, run=""),
        lambda _: len(cluster.members),
        aws(box, "rds", "CreateDBInstance"),
    )


@case(RenameDatabase, "multi-az")
async def rename(box: Box) -> Case:
    rds, number = _unlimited(box), next(NUMBERS)
    name, to = f"crash-{number}", f"crash-renamed-{number}"
    like = rds.instances[box.aws.company.database]
    one = replace(like, name=name, resource_id=f"db-CRASH{number}", status="available", pending={})
    rds.instances[name] = one
    return Case(
        RenameDatabase(resource_id=one.resource_id, is_cluster=False, to=to, replacing=name),
        lambda _: sum(event.message == f"Renamed instance to {to}" for event in rds.events),
        aws(box, "rds", "ModifyDBInstance"),
    )


def _unlimited(box: Box) -> RdsCloud:
    box.aws.on_restored(lambda _made, _at: None, lambda _made: True)
    box.aws._parts.restoring.quota = 10_000
    return box.aws._parts.rds
