"""
Restores and renames: a database that is made of a snapshot or of a moment, and one that is called
otherwise from then on.

Nobody but the caller says how a restored one is set up: what is not said is as AWS does it, and
not as its source has it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.aws.clock import moment
from sandbox.aws.rds.cloud import RdsCloud
from sandbox.aws.rds.shapes import earliest, latest
from sandbox.aws.rds.state import Cluster, Instance, Setup, Tags
from sandbox.aws.wire import AwsError

CREATING_TAKES, BACKING_UP_TAKES, CLUSTER_TAKES, LOOKS_AGAIN_AFTER = 12.0, 6.0, 10.0, 0.5
RENAMING_AFTER, RENAMING_TAKES = 2.0, 4.0
NAME = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,62}(?<!-)")


@dataclass(frozen=True)
class Wanted:
    """What the caller says of the database to be. None: as of the source."""

    name: str
    setup: Setup
    tags: Tags
    instance_class: str | None = None
    has_standby: bool = False


@dataclass(frozen=True)
class Origin:
    """What a database is restored from: what this one held at that moment."""

    source: str
    source_resource_id: str
    at: float
    engine: str
    engine_version: str
    instance_class: str = ""


def _ready(_resource_id: str) -> bool:
    return True


class Restoring:
    """
    `restored` is told of a restore that begins: of what, and as which resource. It is available
    once `is_ready` says so of it as well. `renamed` is told when one has another name.
    """

    def __init__(self, cloud: RdsCloud) -> None:
        self._cloud = cloud
        self.quota = 40  #: Instances that the account may have.
        self.failing = ""  #: The status in which the next restore ends, such as `failed`.
        self._awaited: set[str] = set()  #: Of which somebody has data to lay out.
        self.restored: Callable[[str, Origin], None] = lambda _resource_id, _origin: None
        self.renamed: Callable[[], None] = lambda: None
        self.is_ready: Callable[[str], bool] = _ready

    def of_snapshot(self, name: str, is_cluster: bool) -> Origin:
        every = self._cloud.snapshots.values()
        named = (one for one in every if name in (one.name, one.arn))
        found = next((one for one in named if one.is_cluster == is_cluster), None)
        if found is None:
            code = "DBClusterSnapshotNotFoundFault" if is_cluster else "DBSnapshotNotFound"
            raise AwsError(code, f"There is no snapshot {name}.", 404)
        if found.status != "available":
            code = "InvalidDBClusterSnapshotStateFault" if is_cluster else "InvalidDBSnapshotState"
            raise AwsError(code, f"Snapshot {name} is not in the available state: {found.status}.")
        source = self._cloud.instances.get(found.source)
        return Origin(
            found.source,
            found.source_resource_id,
            found.created_at,
            found.engine,
            found.engine_version,
            source.instance_class if source else "db.r6g.large",
        )

    def of_moment(self, source: Cluster | Instance, at: float | None) -> Origin:
        """None: the latest there is."""
        if not source.setup.retention_days:
            is_instance = isinstance(source, Instance)
            code = "PointInTimeRestoreNotEnabled" if is_instance else "InvalidRestoreFault"
            raise AwsError(code, f"Point in time restore is not enabled for {source.name}.")
        first, last = earliest(self._cloud, source), latest(self._cloud, source)
        if at is not None and not first <= at <= last:
            raise AwsError(
                "InvalidParameterValue",
                f"The specified restore time {moment(at):%Y-%m-%dT%H:%M:%SZ} is not within the"
                f" restorable time of {source.name}: {moment(first):%Y-%m-%dT%H:%M:%SZ} to"
                f" {moment(last):%Y-%m-%dT%H:%M:%SZ}.",
            )
        return Origin(
            source.name,
            source.resource_id,
            last if at is None else at,
            source.engine,
            source.engine_version,
            source.instance_class if isinstance(source, Instance) else "",
        )

    def instance(self, wanted: Wanted, origin: Origin) -> Instance:
        self._check_instance(wanted.name)
        made = Instance(
            name=wanted.name,
            resource_id=f"db-{self._cloud.timeline.hex(26).upper()}",
            engine=origin.engine,
            engine_version=origin.engine_version,
            instance_class=wanted.instance_class or origin.instance_class,
            zone="us-east-1a",
            created_at=self._cloud.timeline.now,
            standby_zone="us-east-1b" if wanted.has_standby else None,
            status="creating",
            tags=wanted.tags,
            setup=wanted.setup,
        )
        self._cloud.instances[made.name] = made
        self._cloud.say(made, "DB instance restored", "restoration")
        self._begin(made, origin, CREATING_TAKES, ("backing-up",))
        return made

    def cluster(self, wanted: Wanted, origin: Origin) -> Cluster:
        _check_name(wanted.name)
        if wanted.name in self._cloud.clusters:
            raise AwsError("DBClusterAlreadyExistsFault", f"DB Cluster {wanted.name} exists.")
        made = Cluster(
            name=wanted.name,
            resource_id=f"cluster-{self._cloud.timeline.hex(26).upper()}",
            engine=origin.engine,
            engine_version=origin.engine_version,
            created_at=self._cloud.timeline.now,
            members=[],
            writer="",
            status="creating",
            tags=wanted.tags,
            setup=wanted.setup,
        )
        self._cloud.clusters[made.name] = made
        self._begin(made, origin, CLUSTER_TAKES, ())
        return made

    def member(self, wanted: Wanted, of: Cluster, promotion_tier: int, engine: str) -> Instance:
        """An instance of a cluster; the first one writes."""
        if of.status != "available":
            raise AwsError(
                "InvalidDBClusterStateFault", f"DB cluster {of.name} is not in available state."
            )
        if engine != of.engine:
            raise AwsError("InvalidParameterCombination", f"{of.name} has the engine {of.engine}.")
        self._check_instance(wanted.name)
        made = Instance(
            name=wanted.name,
            resource_id=f"db-{self._cloud.timeline.hex(26).upper()}",
            engine=of.engine,
            engine_version=of.engine_version,
            instance_class=wanted.instance_class or "db.r6g.large",
            zone="us-east-1a" if not of.members else "us-east-1b",
            created_at=self._cloud.timeline.now,
            cluster=of.name,
            promotion_tier=promotion_tier,
            status="creating",
            tags=wanted.tags,
            setup=replace(
                wanted.setup,
                security_groups=of.setup.security_groups,
                subnet_group=of.setup.subnet_group,
            ),
        )
        self._cloud.instances[made.name] = made
        of.members.append(made.name)
        of.writer = of.writer or made.name
        self._then(CREATING_TAKES, made, "available", ())
        return made

    def rename_instance(self, one: Instance, to: str, now: bool) -> None:
        """Without `now` it waits for the maintenance window."""
        if to in self._cloud.instances:
            raise AwsError("DBInstanceAlreadyExists", f"DB instance already exists: {to}")
        _check_name(to)
        one.pending["DBInstanceIdentifier"] = to
        if now:
            self._cloud.timeline.after(RENAMING_AFTER, lambda: _set(one, "renaming"))
            after = RENAMING_AFTER + RENAMING_TAKES
            self._cloud.timeline.after(after, lambda: self._rename_instance(one, to))

    def rename_cluster(self, one: Cluster, to: str, now: bool) -> None:
        if to in self._cloud.clusters:
            raise AwsError("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {to}")
        _check_name(to)
        if one.status != "available":
            raise AwsError(
                "InvalidDBClusterStateFault", f"DB cluster {one.name} is not in available state."
            )
        one.pending_name = to
        if now:
            self._cloud.timeline.after(RENAMING_AFTER, lambda: _set(one, "renaming"))
            after = RENAMING_AFTER + RENAMING_TAKES
            self._cloud.timeline.after(after, lambda: self._rename_cluster(one, to))

    def _rename_instance(self, one: Instance, to: str) -> None:
        del self._cloud.instances[one.name]
        self._cloud.instances[to] = one
        one.name = to
        one.pending.pop("DBInstanceIdentifier", None)
        one.status = "available"
        self._cloud.say(one, f"Renamed instance to {to}", "notification")
        self.renamed()

    def _rename_cluster(self, one: Cluster, to: str) -> None:
        del self._cloud.clusters[one.name]
        self._cloud.clusters[to] = one
        for member in one.members:
            self._cloud.instances[member].cluster = to
        one.name, one.pending_name, one.status = to, "", "available"
        self._cloud.say(one, f"Renamed cluster to {to}", "notification")
        self.renamed()

    def _check_instance(self, name: str) -> None:
        _check_name(name)
        if name in self._cloud.instances:
            raise AwsError("DBInstanceAlreadyExists", f"DB instance already exists: {name}")
        if len(self._cloud.instances) >= self.quota:
            raise AwsError("InstanceQuotaExceeded", "DB instance quota exceeded.")

    def _begin(
        self, made: Cluster | Instance, origin: Origin, takes: float, between: tuple[str, ...]
    ) -> None:
        last, self.failing = self.failing or "available", ""
        self._awaited.add(made.resource_id)
        self.restored(made.resource_id, origin)
        self._then(takes, made, last, between)

    def _then(
        self, takes: float, made: Cluster | Instance, last: str, between: tuple[str, ...]
    ) -> None:
        def go_on() -> None:
            waits = made.resource_id in self._awaited and not self.is_ready(made.resource_id)
            if last == "available" and waits:
                self._cloud.timeline.after(LOOKS_AGAIN_AFTER, go_on)
            elif between:
                made.status = between[0]
                self._then(BACKING_UP_TAKES, made, last, between[1:])
            else:
                made.status = last

        self._cloud.timeline.after(takes, go_on)


def _set(one: Cluster | Instance, status: str) -> None:
    one.status = status


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise AwsError("InvalidParameterValue", f"The identifier {name} is not valid.")
