"""
Reads databases and makes the changes in `adapters.rds.changes`.

No RDS call has an idempotency token, and a failover said twice moves the writer back. So each
change is recognised by what it leaves: who writes, an event since, a snapshot with our tag.
"""

from adapters.aws_calls import Answer, AwsCalls, answered_at
from adapters.aws_errors import NotThere
from adapters.rds.changes import (
    FailOver,
    ModifyClass,
    RebootWithFailover,
    StartSnapshot,
    TakeSnapshot,
)
from adapters.rds.facts import Database, LargerClasses, Snapshot
from adapters.rds.reading import of_cluster, of_instance, writer_of
from adapters.rds.sizes import larger, of_class
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import Refused

READS: tuple[str, ...] = (
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "rds:DescribeEvents",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeOrderableDBInstanceOptions",
)
RUN_TAG = "runbook-run"
MOST_EVENTS, MOST_OPTIONS = 100, 5000


class Rds(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def database(self, name: str) -> Database:
        """By the name of the cluster, or of an instance (a member's name finds its cluster)."""
        answer = await self._cluster(name)
        if answer is None:
            answer = await self._instance(name)
            if answer is None:
                raise Refused(
                    f"RDS knows neither a cluster nor an instance called {name}. If it was there"
                    " before, it may be lost: look in the console before anything is restored."
                )
            instance = answer["DBInstances"][0]
            of = instance.get("DBClusterIdentifier")
            if not of:
                return of_instance(instance, answered_at(answer))
            return await self.database(of)
        members = await self._calls.read(
            "rds", "describe_db_instances", Filters=[{"Name": "db-cluster-id", "Values": [name]}]
        )
        return of_cluster(answer["DBClusters"][0], members["DBInstances"], answered_at(answer))

    async def larger_classes(self, database: Database) -> LargerClasses:
        """None is larger than one whose size is not known."""
        engine, _, version = database.engine.partition(" ")
        pages = await self._calls.read_pages(
            "rds",
            "describe_orderable_db_instance_options",
            "OrderableDBInstanceOptions",
            MOST_OPTIONS,
            Engine=engine,
            EngineVersion=version,
        )
        offered = {option["DBInstanceClass"] for option in pages.items}
        return LargerClasses(
            database=database.name,
            now=database.instance_class,
            larger=larger(database.instance_class, offered),
        )

    async def _see_class(self, change: ModifyClass) -> Seen:
        answer = await self._instance(change.instance)
        if answer is None:
            return Seen("drifted", f"instance {change.instance} does not exist")
        return of_class(change, answer["DBInstances"][0])

    async def _modify_class(self, change: ModifyClass, key: Key) -> None:
        await self._calls.write(
            "rds",
            "modify_db_instance",
            DBInstanceIdentifier=change.instance,
            DBInstanceClass=change.instance_class,
            ApplyImmediately=True,
        )

    async def snapshot(self, taken: TakeSnapshot) -> Snapshot:
        """How far it is. Raises Unreachable, Refused."""
        found = await self._snapshot(taken)
        percent = found.get("PercentProgress", 0)
        return Snapshot(name=taken.snapshot, status=found["Status"], percent=percent)

    async def _see_fail_over(self, change: FailOver) -> Seen:
        answer = await self._cluster(change.database)
        if answer is None:
            return Seen("drifted", f"cluster {change.database} does not exist")
        cluster = answer["DBClusters"][0]
        writer, status = writer_of(cluster), cluster["Status"]
        now = f"{change.database} is {status}, {writer or 'no instance'} writes"
        if status == "failing-over":
            return Seen("applying", now)
        if writer == change.to:
            return Seen("applied", now)
        if writer not in ("", change.replacing):
            return Seen("drifted", now)
        if status != "available" or not writer:
            return Seen("applying", now)
        return await self._ready(change, cluster, now)

    async def _ready(self, change: FailOver, cluster: Answer, now: str) -> Seen:
        """Nothing has moved: can the reader take over?"""
        members = [member["DBInstanceIdentifier"] for member in cluster["DBClusterMembers"]]
        answer = await self._instance(change.to) if change.to in members else None
        if answer is None:
            return Seen("drifted", f"{now}; {change.to} is no reader of it")
        status = answer["DBInstances"][0]["DBInstanceStatus"]
        if status != "available":
            return Seen("applying", f"{now}; {change.to} is {status} and cannot take over yet")
        return Seen("before", now)

    async def _fail_over(self, change: FailOver, key: Key) -> None:
        await self._calls.write(
            "rds",
            "failover_db_cluster",
            DBClusterIdentifier=change.database,
            TargetDBInstanceIdentifier=change.to,
        )

    async def _see_reboot(self, change: RebootWithFailover) -> Seen:
        answer = await self._instance(change.database)
        if answer is None:
            return Seen("drifted", f"instance {change.database} does not exist")
        instance = answer["DBInstances"][0]
        status, zone = instance["DBInstanceStatus"], instance.get("AvailabilityZone", "")
        now = f"{change.database} is {status} in {zone}"
        began, ended = await self._failovers(change)
        if status != "available" or began > ended:
            return Seen("applying", now)
        # The zone that RDS names can lag behind the event that says it is done.
        if ended or zone != change.replacing:
            return Seen("applied", now)
        if not instance.get("MultiAZ"):
            return Seen("drifted", f"{now}, without a standby")
        return Seen("before", now)

    async def _failovers(self, change: RebootWithFailover) -> tuple[int, int]:
        """How many began and ended since the plan was made, by RDS's own events."""
        events = await self._calls.read_pages(
            "rds",
            "describe_events",
            "Events",
            MOST_EVENTS,
            SourceType="db-instance",
            SourceIdentifier=change.database,
            StartTime=change.since,
            EventCategories=["failover"],
        )
        says = [event["Message"].lower() for event in events.items]
        return sum("started" in m for m in says), sum("complete" in m for m in says)

    async def _reboot(self, change: RebootWithFailover, key: Key) -> None:
        await self._calls.write(
            "rds",
            "reboot_db_instance",
            DBInstanceIdentifier=change.database,
            ForceFailover=True,
        )

    async def _see_snapshot(self, change: TakeSnapshot) -> Seen:
        try:
            snapshot = await self._snapshot(change)
        except NotThere:
            return Seen("before", f"there is no snapshot {change.snapshot}")
        tags = {tag["Key"]: tag["Value"] for tag in snapshot.get("TagList", [])}
        of = snapshot["DBClusterIdentifier" if change.is_cluster else "DBInstanceIdentifier"]
        status, percent = snapshot["Status"], snapshot.get("PercentProgress", 0)
        if tags.get(RUN_TAG) != change.run or of != change.database:
            return Seen("drifted", f"{change.snapshot} exists and is not of this run")
        now = f"{change.snapshot} is {status}, {percent} %"
        if status == "available":
            return Seen("applied", now)
        return Seen("applying" if status == "creating" else "drifted", now)

    async def _see_started(self, change: StartSnapshot) -> Seen:
        seen = await self._see_snapshot(change)
        return Seen("applied", seen.now) if seen.state == "applying" else seen

    async def _snapshot(self, change: TakeSnapshot) -> Answer:
        if change.is_cluster:
            answer = await self._calls.read(
                "rds", "describe_db_cluster_snapshots", DBClusterSnapshotIdentifier=change.snapshot
            )
            found: Answer = answer["DBClusterSnapshots"][0]
        else:
            answer = await self._calls.read(
                "rds", "describe_db_snapshots", DBSnapshotIdentifier=change.snapshot
            )
            found = answer["DBSnapshots"][0]
        return found

    async def _take_snapshot(self, change: TakeSnapshot, key: Key) -> None:
        tags = [{"Key": RUN_TAG, "Value": change.run}]
        if change.is_cluster:
            await self._calls.write(
                "rds",
                "create_db_cluster_snapshot",
                DBClusterIdentifier=change.database,
                DBClusterSnapshotIdentifier=change.snapshot,
                Tags=tags,
            )
        else:
            await self._calls.write(
                "rds",
                "create_db_snapshot",
                DBInstanceIdentifier=change.database,
                DBSnapshotIdentifier=change.snapshot,
                Tags=tags,
            )

    alters = (
        pair(
            FailOver,
            observe=_see_fail_over,
            apply=_fail_over,
            permissions=("rds:FailoverDBCluster",),
        ),
        pair(
            RebootWithFailover,
            observe=_see_reboot,
            apply=_reboot,
            permissions=("rds:RebootDBInstance",),
        ),
        pair(
            ModifyClass,
            observe=_see_class,
            apply=_modify_class,
            permissions=("rds:ModifyDBInstance",),
        ),
        pair(
            TakeSnapshot,
            observe=_see_snapshot,
            apply=_take_snapshot,
            permissions=(
                "rds:CreateDBSnapshot",
                "rds:CreateDBClusterSnapshot",
                "rds:AddTagsToResource",
            ),
        ),
        pair(
            StartSnapshot,
            observe=_see_started,
            apply=_take_snapshot,
            permissions=(
                "rds:CreateDBSnapshot",
                "rds:CreateDBClusterSnapshot",
                "rds:AddTagsToResource",
            ),
        ),
    )

    async def _cluster(self, name: str) -> Answer | None:
        try:
            return await self._calls.read("rds", "describe_db_clusters", DBClusterIdentifier=name)
        except NotThere:
            return None

    async def _instance(self, name: str) -> Answer | None:
        try:
            return await self._calls.read(
                "rds", "describe_db_instances", DBInstanceIdentifier=name
            )
        except NotThere:
            return None
