"""RDS's operations that restore and rename, and those that say to when one can go back."""

from datetime import UTC, datetime

from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.rds import shapes
from sandbox.aws.rds.cloud import RdsCloud
from sandbox.aws.rds.restoring import Restoring, Wanted
from sandbox.aws.rds.state import PORT, Setup
from sandbox.aws.wire import Answer, AwsError, Params

DEFAULT_RECORDS = 100


class RestoreApi:
    def __init__(self, cloud: RdsCloud, restoring: Restoring) -> None:
        self._cloud, self._restoring = cloud, restoring
        self.operations: dict[str, Handler] = {
            "DescribeDBInstanceAutomatedBackups": self._describe_backups,
            "RestoreDBInstanceFromDBSnapshot": self._instance_of_snapshot,
            "RestoreDBInstanceToPointInTime": self._instance_of_moment,
            "RestoreDBClusterFromSnapshot": self._cluster_of_snapshot,
            "RestoreDBClusterToPointInTime": self._cluster_of_moment,
            "CreateDBInstance": self._create_instance,
            "ModifyDBCluster": self._modify_cluster,
        }

    def _describe_backups(self, params: Params) -> Answer:
        name, wanted = params.get("DBInstanceIdentifier"), params.get("DbiResourceId")
        shown = [
            shapes.automated_backup(self._cloud, one)
            for one in self._cloud.instances.values()
            if not one.cluster
            and one.setup.retention_days
            and name in (None, one.name)
            and wanted in (None, one.resource_id)
        ]
        if not shown and (name or wanted):
            said = f"DB instance automated backup not found for {name or wanted}."
            raise AwsError("DBInstanceAutomatedBackupNotFound", said, 404)
        return page(
            "DBInstanceAutomatedBackups",
            shown,
            params,
            "Marker",
            params.get("MaxRecords", DEFAULT_RECORDS),
        )

    def _instance_of_snapshot(self, params: Params) -> Answer:
        origin = self._restoring.of_snapshot(params["DBSnapshotIdentifier"], False)
        made = self._restoring.instance(_wanted(params, "DBInstanceIdentifier"), origin)
        return {"DBInstance": shapes.instance(self._cloud, made)}

    def _instance_of_moment(self, params: Params) -> Answer:
        source = self._cloud.instance(params["SourceDBInstanceIdentifier"])
        origin = self._restoring.of_moment(source, _moment(params, "RestoreTime"))
        made = self._restoring.instance(_wanted(params, "TargetDBInstanceIdentifier"), origin)
        return {"DBInstance": shapes.instance(self._cloud, made)}

    def _cluster_of_snapshot(self, params: Params) -> Answer:
        origin = self._restoring.of_snapshot(params["SnapshotIdentifier"], True)
        if params["Engine"] != origin.engine:
            raise AwsError("InvalidRestoreFault", f"The snapshot is of {origin.engine}.")
        made = self._restoring.cluster(_wanted(params, "DBClusterIdentifier"), origin)
        return {"DBCluster": shapes.cluster(self._cloud, made)}

    def _cluster_of_moment(self, params: Params) -> Answer:
        source = self._cloud.cluster(params["SourceDBClusterIdentifier"])
        origin = self._restoring.of_moment(source, _moment(params, "RestoreToTime"))
        made = self._restoring.cluster(_wanted(params, "DBClusterIdentifier"), origin)
        return {"DBCluster": shapes.cluster(self._cloud, made)}

    def _create_instance(self, params: Params) -> Answer:
        if "DBClusterIdentifier" not in params:
            said = "The sandbox makes instances of clusters only."
            raise AwsError("InvalidParameterCombination", said)
        of = self._cloud.cluster(params["DBClusterIdentifier"])
        wanted = _wanted(params, "DBInstanceIdentifier")
        tier = params.get("PromotionTier", 1)
        made = self._restoring.member(wanted, of, tier, params["Engine"])
        return {"DBInstance": shapes.instance(self._cloud, made)}

    def _modify_cluster(self, params: Params) -> Answer:
        cluster = self._cloud.cluster(params["DBClusterIdentifier"])
        if to := params.get("NewDBClusterIdentifier"):
            now = bool(params.get("ApplyImmediately"))
            self._restoring.rename_cluster(cluster, to.lower(), now)
        return {"DBCluster": shapes.cluster(self._cloud, cluster)}


def _wanted(params: Params, name: str) -> Wanted:
    return Wanted(
        name=params[name].lower(),
        setup=_setup(params),
        tags=params.get("Tags", []),
        instance_class=params.get("DBInstanceClass"),
        has_standby=bool(params.get("MultiAZ")),
    )


def _setup(params: Params) -> Setup:
    """What is not said is as AWS does it."""
    usual = Setup()
    groups = params.get("VpcSecurityGroupIds")
    is_cluster = "DBClusterIdentifier" in params
    named = params.get("DBClusterParameterGroupName") or params.get("DBParameterGroupName")
    default = "default.aurora-postgresql16" if is_cluster else usual.parameter_group
    return Setup(
        subnet_group=params.get("DBSubnetGroupName", usual.subnet_group),
        security_groups=tuple(groups) if groups else usual.security_groups,
        parameter_group=named or default,
        log_exports=tuple(params.get("EnableCloudwatchLogsExports", [])),
        storage_type=params.get("StorageType", "aurora" if is_cluster else usual.storage_type),
        has_protection=bool(params.get("DeletionProtection")),
        has_iam_logins=bool(params.get("EnableIAMDatabaseAuthentication")),
        copies_tags=bool(params.get("CopyTagsToSnapshot")),
        is_public=bool(params.get("PubliclyAccessible")),
        port=params.get("Port", PORT),
    )


def _moment(params: Params, name: str) -> float | None:
    """None: the latest. One of the two must be said."""
    at: datetime | None = params.get(name)
    if (at is None) != bool(params.get("UseLatestRestorableTime")):
        raise AwsError(
            "InvalidParameterCombination",
            f"Either {name} or UseLatestRestorableTime must be given, and not both.",
        )
    return at.replace(tzinfo=at.tzinfo or UTC).timestamp() if at else None
