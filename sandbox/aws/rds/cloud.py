"""
RDS at work: failovers, reboots and snapshots, each with the statuses it goes through.

Everything here is read and changed under the timeline's lock, which callers hold. No call has an
idempotency token: what is asked twice is done twice, or refused because of the state it meets.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from sandbox.aws.rds.state import Cluster, Event, Instance, Snapshot, SourceType, Tags
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import AwsError

WRITER_MOVES_AFTER, FAILOVER_TAKES = 8.0, 12.0
REBOOT_TAKES, ZONES_SWAP_AFTER = 10.0, 6.0
SNAPSHOT_TAKES, STUCK_LOOKS_AGAIN_AFTER = 15.0, 0.5
MODIFYING_AFTER, MODIFY_TAKES = 2.0, 20.0
CLASSES = tuple(
    f"db.{family}.{size}"
    for family in ("r6g", "r7g", "m6g")
    for size in ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
)
MOST_EVENTS = 1000
#: RDS gives events of the last 14 days.
EVENTS_KEPT_S = timedelta(days=14).total_seconds()


class RdsCloud:
    def __init__(self, timeline: Timeline, writer_moved: Callable[[str, str], None]) -> None:
        """`writer_moved` is told who wrote and who writes now, by the instances' names."""
        self.timeline = timeline
        self._writer_moved = writer_moved
        self.clusters: dict[str, Cluster] = {}
        self.instances: dict[str, Instance] = {}
        self.snapshots: dict[tuple[str, bool], Snapshot] = {}  #: By name, and is_cluster.
        self.events: list[Event] = []
        self.endpoints: dict[str, tuple[str, int]] = {}  #: Where instances really listen.
        self.places: dict[str, tuple[str, int]] = {}  #: The same, by resource id.
        self.backed_up: Callable[[], None] = lambda: None  #: Told when a snapshot begins.
        self.snapshots_stick = False  #: None that is being created comes to its end.

    def cluster(self, name: str) -> Cluster:
        if name not in self.clusters:
            raise AwsError("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
        return self.clusters[name]

    def instance(self, name: str) -> Instance:
        if name not in self.instances:
            raise AwsError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
        return self.instances[name]

    def fail_over(self, name: str, target: str | None) -> Cluster:
        cluster = self.cluster(name)
        if cluster.status != "available":
            raise _cluster_state(f"DB cluster {name} is not in available state.")
        to = target or self._likeliest_reader(cluster)
        if to is None:
            raise _cluster_state(f"DB cluster {name} has no reader to fail over to.")
        if to not in cluster.members:
            raise AwsError("DBInstanceNotFound", f"DBInstance {to} is not in {name}.", 404)
        if to == cluster.writer:
            raise _cluster_state(f"DB instance {to} is already the writer of DB cluster {name}.")
        if self.instance(to).status != "available":
            raise _instance_state(f"DB instance {to} is not in available state.")
        self._begin_failover(cluster, to)
        return cluster

    def reboot(self, name: str, with_failover: bool) -> Instance:
        instance = self.instance(name)
        if instance.status != "available":
            raise _instance_state(f"Database instance {name} is not in available state.")
        if with_failover and instance.standby_zone is None:
            raise AwsError(
                "InvalidParameterCombination",
                "ForceFailover can only be specified for Multi-AZ DB instances.",
            )
        instance.status = "rebooting"
        if with_failover:
            self.say(instance, "Multi-AZ instance failover started.", "failover")
            self.timeline.after(ZONES_SWAP_AFTER, lambda: self._swap_zones(instance))
        self.timeline.after(REBOOT_TAKES, lambda: self._be_back(instance, with_failover))
        return instance

    def modify(self, name: str, wanted: Mapping[str, str | int | bool], now: bool) -> Instance:
        """Without `now` it waits for the maintenance window; with it all that waits is applied."""
        instance = self.instance(name)
        size = wanted.get("DBInstanceClass", instance.instance_class)
        if size not in CLASSES:
            raise AwsError("InvalidParameterValue", f"Invalid DB Instance class: {size}")
        if instance.status != "available":
            raise _instance_state(f"Database instance {name} is not in available state.")
        instance.pending.update(wanted)
        if instance.pending.get("DBInstanceClass") == instance.instance_class:
            del instance.pending["DBInstanceClass"]
        if now and instance.pending:
            self.timeline.after(MODIFYING_AFTER, lambda: _set_status(instance, "modifying"))
            self.timeline.after(MODIFY_TAKES, lambda: self._modified(instance))
        return instance

    def take_snapshot(self, source: str, is_cluster: bool, name: str, tags: Tags) -> Snapshot:
        of = self.cluster(source) if is_cluster else self._snapshot_source(source)
        if of.status not in ("available", "storage-optimization"):
            said = f"Cannot create a snapshot because {source} is not in the available state."
            raise _cluster_state(said) if is_cluster else _instance_state(said)
        if (name, is_cluster) in self.snapshots:
            raise _exists(name, is_cluster)
        taken = Snapshot(
            name=name,
            source=source,
            source_resource_id=of.resource_id,
            is_cluster=is_cluster,
            engine=of.engine,
            engine_version=of.engine_version,
            created_at=self.timeline.now,
            takes_s=SNAPSHOT_TAKES * self.timeline.scale,
            tags=tags,
        )
        self.snapshots[name, is_cluster] = taken
        self.backed_up()
        if isinstance(of, Instance):  # Aurora's storage is copied without its instances.
            of.status = "backing-up"
        self.timeline.after(SNAPSHOT_TAKES, lambda: self._finish_snapshot(taken, of))
        return taken

    def writer(self, database: str) -> str:
        """Of a cluster, or the instance itself."""
        if database in self.clusters:
            return self.clusters[database].writer
        return self.instance(database).name

    def say(self, about: Cluster | Instance | Snapshot, message: str, *categories: str) -> None:
        now = self.timeline.now
        event = Event(now, about.name, _source_type(about), message, categories, about.arn)
        self.events.append(event)
        del self.events[:-MOST_EVENTS]

    def _begin_failover(self, cluster: Cluster, to: str) -> None:
        old = cluster.writer
        cluster.status = "failing-over"
        self.say(cluster, f"Started cross AZ failover to DB instance: {to}", "failover")

        def move() -> None:
            cluster.writer = to
            self.say(self.instances[to], "DB instance restarted", "availability")
            self._writer_moved(old, to)

        def finish() -> None:
            cluster.status = "available"
            said = f"Completed failover to DB instance: {to}"
            self.say(cluster, said, "failover")
            self.say(self.instances[old], "DB instance restarted", "availability")

        self.timeline.after(WRITER_MOVES_AFTER, move)
        self.timeline.after(FAILOVER_TAKES, finish)

    def _likeliest_reader(self, cluster: Cluster) -> str | None:
        readers = (self.instances[n] for n in cluster.members if n != cluster.writer)
        ready = [one for one in readers if one.status == "available"]
        best = min(ready, key=lambda one: (one.promotion_tier or 0, one.name), default=None)
        return best.name if best else None

    def _swap_zones(self, instance: Instance) -> None:
        standby = instance.standby_zone
        if standby is not None:
            instance.zone, instance.standby_zone = standby, instance.zone
        self._writer_moved(instance.name, instance.name)

    def _be_back(self, instance: Instance, with_failover: bool) -> None:
        instance.status = "available"
        self.say(instance, "DB instance restarted", "availability")
        if with_failover:
            self.say(instance, "Multi-AZ instance failover completed", "failover")

    def _modified(self, instance: Instance) -> None:
        """A writer that restarts leaves its cluster to a reader."""
        now = instance.pending.get("DBInstanceClass", instance.instance_class)
        instance.instance_class = str(now)
        instance.pending.clear()
        instance.status = "available"
        self.say(instance, "Finished applying modification to DB instance class", "configuration")
        self.say(instance, "DB instance restarted", "availability")
        cluster = self.clusters.get(instance.cluster or "")
        if cluster and cluster.writer == instance.name and cluster.status == "available":
            reader = self._likeliest_reader(cluster)
            if reader:
                self._begin_failover(cluster, reader)

    def _snapshot_source(self, name: str) -> Instance:
        instance = self.instance(name)
        if instance.cluster is not None:
            raise AwsError(
                "InvalidParameterValue",
                "The specified instance is a member of a cluster and a snapshot cannot be created"
                " directly. Please use the CreateDBClusterSnapshot API instead.",
            )
        return instance

    def _finish_snapshot(self, snapshot: Snapshot, of: Cluster | Instance) -> None:
        if self.snapshots_stick:
            again = STUCK_LOOKS_AGAIN_AFTER
            self.timeline.after(again, lambda: self._finish_snapshot(snapshot, of))
            return
        snapshot.status = "available"
        if of.status == "backing-up":
            of.status = "available"
        self.say(snapshot, f"{snapshot.kind.capitalize()} snapshot created", "backup")


def _set_status(instance: Instance, status: str) -> None:
    instance.status = status


def _source_type(about: Cluster | Instance | Snapshot) -> SourceType:
    if isinstance(about, Snapshot):
        return "db-cluster-snapshot" if about.is_cluster else "db-snapshot"
    return "db-cluster" if isinstance(about, Cluster) else "db-instance"


def _cluster_state(message: str) -> AwsError:
    return AwsError("InvalidDBClusterStateFault", message)


def _instance_state(message: str) -> AwsError:
    return AwsError("InvalidDBInstanceState", message)


def _exists(name: str, is_cluster: bool) -> AwsError:
    if is_cluster:
        said = f"Cannot create more than one snapshot with identifier {name}."
        return AwsError("DBClusterSnapshotAlreadyExistsFault", said)
    said = f"Cannot create the snapshot because one with the identifier {name} already exists."
    return AwsError("DBSnapshotAlreadyExists", said)
