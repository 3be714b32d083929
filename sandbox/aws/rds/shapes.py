"""RDS's things as its API shows them; members are those of botocore's service model."""

from datetime import timedelta

from sandbox.aws.rds.cloud import RdsCloud
from sandbox.aws.rds.state import DOMAIN, PORT, Cluster, Event, Instance, Setup, Snapshot
from sandbox.aws.wire import REGION, Answer

#: Seconds of the world's own until what is written can be restored.
RESTORABLE_LAG_S = 120.0
SAME = {
    "MasterUsername": "complyai",
    "PreferredBackupWindow": "03:10-03:40",
    "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
    "StorageEncrypted": True,
    "AutoMinorVersionUpgrade": True,
}


def cluster(cloud: RdsCloud, one: Cluster) -> Answer:
    usual = cloud.endpoints.get(one.writer, (f"{one.name}.cluster-{DOMAIN}", PORT))
    host, port = cloud.places.get(one.resource_id, usual)
    readers = [name for name in one.members if name != one.writer]
    reader_host = f"{one.name}.cluster-ro-{DOMAIN}"
    if readers:
        reader_host = cloud.endpoints.get(readers[0], (reader_host, PORT))[0]
    return {
        **_setup(one.setup),
        "IAMDatabaseAuthenticationEnabled": one.setup.has_iam_logins,
        "DBSubnetGroup": one.setup.subnet_group,
        "DBClusterParameterGroup": one.setup.parameter_group,
        "DBClusterIdentifier": one.name,
        "DbClusterResourceId": one.resource_id,
        "DBClusterArn": one.arn,
        "DatabaseName": "complyai",
        "Status": one.status,
        "Engine": one.engine,
        "EngineVersion": one.engine_version,
        "EngineMode": "provisioned",
        "Endpoint": host,
        "ReaderEndpoint": reader_host,
        "Port": port,
        "MultiAZ": len(one.members) > 1,
        "AvailabilityZones": ["us-east-1a", "us-east-1b", "us-east-1c"],
        "DBClusterMembers": [
            {
                "DBInstanceIdentifier": name,
                "IsClusterWriter": name == one.writer,
                "DBClusterParameterGroupStatus": "in-sync",
                "PromotionTier": cloud.instances[name].promotion_tier,
            }
            for name in one.members
        ],
        "ClusterCreateTime": one.created_at,
        "EarliestRestorableTime": earliest(cloud, one),
        "LatestRestorableTime": latest(cloud, one),
        "PendingModifiedValues": {"DBClusterIdentifier": one.pending_name}
        if one.pending_name
        else {},
        "TagList": one.tags,
    }


def instance(cloud: RdsCloud, one: Instance) -> Answer:
    usual = cloud.endpoints.get(one.name, (f"{one.name}.{DOMAIN}", PORT))
    host, port = cloud.places.get(one.resource_id, usual)
    own = {"DBInstanceIdentifier": one.name, "DBInstanceArn": one.arn}
    of_cluster = {"DBClusterIdentifier": one.cluster, "PromotionTier": one.promotion_tier}
    standby = {"SecondaryAvailabilityZone": one.standby_zone}
    return {
        **_setup(one.setup),
        **own,
        "DbiResourceId": one.resource_id,
        "DBInstanceClass": one.instance_class,
        "DBInstanceStatus": one.status,
        "DBName": "complyai",
        "Engine": one.engine,
        "EngineVersion": one.engine_version,
        "AvailabilityZone": one.zone,
        "MultiAZ": one.standby_zone is not None,
        "Endpoint": {"Address": host, "Port": port, "HostedZoneId": "Z2R2ITUGPM61AM"},
        "AllocatedStorage": one.storage_gib,
        "InstanceCreateTime": one.created_at,
        "IAMDatabaseAuthenticationEnabled": one.setup.has_iam_logins,
        "PendingModifiedValues": dict(one.pending),
        "PubliclyAccessible": one.setup.is_public,
        "DBParameterGroups": [
            {
                "DBParameterGroupName": one.setup.parameter_group,
                "ParameterApplyStatus": "in-sync",
            }
        ],
        "DBSubnetGroup": {
            "DBSubnetGroupName": one.setup.subnet_group,
            "SubnetGroupStatus": "Complete",
        },
        "TagList": one.tags,
        **(of_cluster if one.cluster else _restorable(cloud, one)),
        **(standby if one.standby_zone else {}),
    }


def automated_backup(cloud: RdsCloud, one: Instance) -> Answer:
    return {
        "DBInstanceArn": one.arn,
        "DbiResourceId": one.resource_id,
        "Region": REGION,
        "DBInstanceIdentifier": one.name,
        "RestoreWindow": {
            "EarliestTime": earliest(cloud, one),
            "LatestTime": latest(cloud, one),
        },
        "Status": "active",
        "Engine": one.engine,
        "EngineVersion": one.engine_version,
        "BackupRetentionPeriod": one.setup.retention_days,
        "Encrypted": True,
    }


def earliest(cloud: RdsCloud, one: Cluster | Instance) -> float:
    """It goes back to when it was made, and no further than backups are kept."""
    kept = timedelta(days=one.setup.retention_days).total_seconds()
    return max(one.created_at, cloud.timeline.now - kept)


def latest(cloud: RdsCloud, one: Cluster | Instance) -> float:
    lag = RESTORABLE_LAG_S * cloud.timeline.scale
    return max(earliest(cloud, one), cloud.timeline.now - lag)


def _restorable(cloud: RdsCloud, one: Instance) -> Answer:
    return {"LatestRestorableTime": latest(cloud, one)} if one.setup.retention_days else {}


def _setup(one: Setup) -> Answer:
    groups = [{"VpcSecurityGroupId": name, "Status": "active"} for name in one.security_groups]
    return {
        **SAME,
        "VpcSecurityGroups": groups,
        "BackupRetentionPeriod": one.retention_days,
        "DeletionProtection": one.has_protection,
        "CopyTagsToSnapshot": one.copies_tags,
        "EnabledCloudwatchLogsExports": list(one.log_exports),
        "StorageType": one.storage_type,
    }


def snapshot(cloud: RdsCloud, one: Snapshot) -> Answer:
    shown = {
        "SnapshotCreateTime": one.created_at,
        "Engine": one.engine,
        "EngineVersion": one.engine_version,
        "Status": one.status,
        "PercentProgress": one.percent(cloud.timeline.now),
        "SnapshotType": one.kind,
        "MasterUsername": SAME["MasterUsername"],
        "Port": PORT,
        "TagList": one.tags,
    }
    if one.is_cluster:
        return {
            "DBClusterSnapshotIdentifier": one.name,
            "DBClusterIdentifier": one.source,
            "DbClusterResourceId": one.source_resource_id,
            "DBClusterSnapshotArn": one.arn,
            "StorageEncrypted": True,
            **shown,
        }
    return {
        "DBSnapshotIdentifier": one.name,
        "DBInstanceIdentifier": one.source,
        "DbiResourceId": one.source_resource_id,
        "DBSnapshotArn": one.arn,
        "Encrypted": True,
        **shown,
    }


def event(one: Event) -> Answer:
    return {
        "SourceIdentifier": one.source,
        "SourceType": one.source_type,
        "Message": one.message,
        "EventCategories": list(one.categories),
        "Date": one.at,
        "SourceArn": one.arn,
    }
