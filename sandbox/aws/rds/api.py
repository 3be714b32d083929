"""RDS's operations."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.rds import shapes
from sandbox.aws.rds.cloud import CLASSES, EVENTS_KEPT_S, RdsCloud
from sandbox.aws.rds.restoring import Restoring
from sandbox.aws.rds.state import Cluster, Instance, Snapshot
from sandbox.aws.wire import Answer, AwsError, Params

DEFAULT_RECORDS, DEFAULT_EVENTS_S = 100, 3600.0
ENGINE_VERSION = "16.4"
#: Of an instance, what can be modified here.
MODIFIED = ("DBInstanceClass", "AllocatedStorage", "BackupRetentionPeriod")


class RdsApi:
    def __init__(self, cloud: RdsCloud, restoring: Restoring) -> None:
        self._cloud, self._restoring = cloud, restoring
        self.operations: dict[str, Handler] = {
            "DescribeDBClusters": self._describe_clusters,
            "DescribeDBInstances": self._describe_instances,
            "DescribeDBSnapshots": self._describe_snapshots,
            "DescribeDBClusterSnapshots": self._describe_cluster_snapshots,
            "DescribeEvents": self._describe_events,
            "FailoverDBCluster": self._fail_over,
            "RebootDBInstance": self._reboot,
            "ModifyDBInstance": self._modify,
            "DescribeOrderableDBInstanceOptions": self._describe_options,
            "CreateDBSnapshot": self._create_snapshot,
            "CreateDBClusterSnapshot": self._create_cluster_snapshot,
            "ListTagsForResource": self._list_tags,
        }

    def _describe_clusters(self, params: Params) -> Answer:
        name = params.get("DBClusterIdentifier")
        found = [self._cloud.cluster(_name(name))] if name else self._cloud.clusters.values()
        wanted, is_it = _filter(params, "db-cluster-id"), _filter(params, "db-cluster-resource-id")
        shown = [
            shapes.cluster(self._cloud, one)
            for one in found
            if wanted(one.name) and is_it(one.resource_id)
        ]
        return _page("DBClusters", shown, params)

    def _describe_instances(self, params: Params) -> Answer:
        name = params.get("DBInstanceIdentifier")
        found = [self._cloud.instance(_name(name))] if name else self._cloud.instances.values()
        of_cluster, is_named = _filter(params, "db-cluster-id"), _filter(params, "db-instance-id")
        is_it = _filter(params, "dbi-resource-id")
        shown = [
            shapes.instance(self._cloud, one)
            for one in found
            if of_cluster(one.cluster or "") and is_named(one.name) and is_it(one.resource_id)
        ]
        return _page("DBInstances", shown, params)

    def _describe_snapshots(self, params: Params) -> Answer:
        found = self._snapshots(params, "DBSnapshotIdentifier", "DBInstanceIdentifier", False)
        if not found and "DBSnapshotIdentifier" in params:
            name = params["DBSnapshotIdentifier"]
            raise AwsError("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        return _page("DBSnapshots", self._shown(found), params)

    def _describe_cluster_snapshots(self, params: Params) -> Answer:
        found = self._snapshots(params, "DBClusterSnapshotIdentifier", "DBClusterIdentifier", True)
        if not found and "DBClusterSnapshotIdentifier" in params:
            name = params["DBClusterSnapshotIdentifier"]
            said = f"DBClusterSnapshot {name} not found."
            raise AwsError("DBClusterSnapshotNotFoundFault", said, 404)
        return _page("DBClusterSnapshots", self._shown(found), params)

    def _shown(self, snapshots: Iterable[Snapshot]) -> list[Answer]:
        return [shapes.snapshot(self._cloud, one) for one in snapshots]

    def _snapshots(
        self, params: Params, name: str, source: str, is_cluster: bool
    ) -> list[Snapshot]:
        kind = params.get("SnapshotType")
        return [
            one
            for one in self._cloud.snapshots.values()
            if one.is_cluster == is_cluster
            and params.get(name, one.name) in (one.name, one.arn)
            and params.get(source, one.source) == one.source
            and kind in (None, one.kind)
        ]

    def _describe_events(self, params: Params) -> Answer:
        now = self._cloud.timeline.now
        since, until = _period(params, now)
        categories = set(params.get("EventCategories", []))
        found = [
            shapes.event(one)
            for one in self._cloud.events
            if since <= one.at <= until
            and params.get("SourceType", one.source_type) == one.source_type
            and params.get("SourceIdentifier", one.source) == one.source
            and (not categories or categories & set(one.categories))
        ]
        return _page("Events", found, params)

    def _fail_over(self, params: Params) -> Answer:
        target = params.get("TargetDBInstanceIdentifier")
        cluster = self._cloud.fail_over(params["DBClusterIdentifier"], target)
        return {"DBCluster": shapes.cluster(self._cloud, cluster)}

    def _reboot(self, params: Params) -> Answer:
        forced = bool(params.get("ForceFailover"))
        instance: Instance = self._cloud.reboot(params["DBInstanceIdentifier"], forced)
        return {"DBInstance": shapes.instance(self._cloud, instance)}

    def _modify(self, params: Params) -> Answer:
        wanted = {name: params[name] for name in MODIFIED if name in params}
        now, to = bool(params.get("ApplyImmediately")), params.get("NewDBInstanceIdentifier")
        instance = self._cloud.modify(params["DBInstanceIdentifier"], wanted, now)
        if to:
            self._restoring.rename_instance(instance, to.lower(), now)
        return {"DBInstance": shapes.instance(self._cloud, instance)}

    def _describe_options(self, params: Params) -> Answer:
        shown = [
            {
                "Engine": params["Engine"],
                "EngineVersion": params.get("EngineVersion", ENGINE_VERSION),
                "DBInstanceClass": name,
                "LicenseModel": "postgresql-license",
                "MultiAZCapable": True,
                "Vpc": True,
            }
            for name in CLASSES
            if params.get("DBInstanceClass", name) == name
        ]
        return _page("OrderableDBInstanceOptions", shown, params)

    def _create_snapshot(self, params: Params) -> Answer:
        taken = self._cloud.take_snapshot(
            params["DBInstanceIdentifier"],
            False,
            params["DBSnapshotIdentifier"],
            params.get("Tags", []),
        )
        return {"DBSnapshot": shapes.snapshot(self._cloud, taken)}

    def _create_cluster_snapshot(self, params: Params) -> Answer:
        taken = self._cloud.take_snapshot(
            params["DBClusterIdentifier"],
            True,
            params["DBClusterSnapshotIdentifier"],
            params.get("Tags", []),
        )
        return {"DBClusterSnapshot": shapes.snapshot(self._cloud, taken)}

    def _list_tags(self, params: Params) -> Answer:
        cloud, arn = self._cloud, params["ResourceName"]
        everything: list[Cluster | Instance | Snapshot] = [
            *cloud.clusters.values(),
            *cloud.instances.values(),
            *cloud.snapshots.values(),
        ]
        for one in everything:
            if one.arn == arn:
                return {"TagList": one.tags}
        raise AwsError("InvalidParameterValue", f"There is no {arn}.")


def _filter(params: Params, name: str) -> Callable[[str], bool]:
    """Whether a value is among those asked for."""
    for one in params.get("Filters", []):
        if one["Name"] == name:
            values = [_name(value) for value in one["Values"]]
            return lambda value: value in values
    return lambda value: True


def _name(name_or_arn: str) -> str:
    return name_or_arn.rsplit(":", 1)[-1]


def _period(params: Params, now: float) -> tuple[float, float]:
    """Of the last hour, unless the request says otherwise."""
    until = _at(params.get("EndTime")) or now
    minutes = params.get("Duration")
    since = _at(params.get("StartTime")) or until - (minutes * 60 if minutes else DEFAULT_EVENTS_S)
    if since < now - EVENTS_KEPT_S - 60:
        raise AwsError("InvalidParameterValue", "The start time must be within the last 14 days.")
    return since, until


def _at(moment: datetime | None) -> float | None:
    return moment.replace(tzinfo=UTC).timestamp() if moment else None


def _page(name: str, items: list[Answer], params: Params) -> Answer:
    return page(name, items, params, "Marker", params.get("MaxRecords", DEFAULT_RECORDS))
