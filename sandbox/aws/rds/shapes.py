"""RDS's things as its API shows them; members are those of botocore's service model."""

from datetime import timedelta

from sandbox.aws.rds.cloud import RdsCloud
from sandbox.aws.rds.state import DOMAIN, PORT, Cluster, Event, Instance, Snapshot
from sandbox.aws.wire import Answer

RESTORABLE_LAG_S, RETENTION_DAYS = 120.0, 14
GROUPS = {
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-0db5ec0e1db5ec0e1", "Status": "active"}],
    "MasterUsername": "complyai",
    "PreferredBackupWindow": "03:10-03:40",
    "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
    "BackupRetentionPeriod": RETENTION_DAYS,
    "StorageEncrypted": True,
    "DeletionProtection": True,
}


def cluster(cloud: RdsCloud, one: Cluster) -> Answer:
    now = cloud.timeline.now
    host, port = cloud.endpoints.get(one.writer, (f"{one.name}.cluster-{DOMAIN}", PORT))
    readers = [name for name in one.members if name != one.writer]
    reader_host = f"{one.name}.cluster-ro-{DOMAIN}"
    if readers:
        reader_host = cloud.endpoints.get(readers[0], (reader_host, PORT))[0]
    return {
        **GROUPS,
        "DBClusterIdentifier": one.name,
        "DbClusterResourceId": one.resource_id,
        "DBClusterArn": one.arn,
        "DatabaseName": "complyai",
        "DBSubnetGroup": "production",
        "DBClusterParameterGroup": "complyai-aurora-postgresql16",
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
        "EarliestRestorableTime": now - timedelta(days=RETENTION_DAYS).total_seconds(),
        "LatestRestorableTime": now - RESTORABLE_LAG_S,
        "TagList": one.tags,
    }


def instance(cloud: RdsCloud, one: Instance) -> Answer:
    host, port = cloud.endpoints.get(one.name, (f"{one.name}.{DOMAIN}", PORT))
    own = {"DBInstanceIdentifier": one.name, "DBInstanceArn": one.arn}
    of_cluster = {"DBClusterIdentifier": one.cluster, "PromotionTier": one.promotion_tier}
    standby = {"SecondaryAvailabilityZone": one.standby_zone}
    return {
        **GROUPS,
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
        "StorageType": "aurora" if one.cluster else "gp3",
        "InstanceCreateTime": one.created_at,
        "LatestRestorableTime": cloud.timeline.now - RESTORABLE_LAG_S,
        "PendingModifiedValues": dict(one.pending),
        "PubliclyAccessible": False,
        "DBParameterGroups": [
            {"DBParameterGroupName": "complyai-postgres16", "ParameterApplyStatus": "in-sync"}
        ],
        "DBSubnetGroup": {"DBSubnetGroupName": "production", "SubnetGroupStatus": "Complete"},
        "TagList": one.tags,
        **(of_cluster if one.cluster else {}),
        **(standby if one.standby_zone else {}),
    }


def snapshot(cloud: RdsCloud, one: Snapshot) -> Answer:
    shown = {
        "SnapshotCreateTime": one.created_at,
        "Engine": one.engine,
        "EngineVersion": one.engine_version,
        "Status": one.status,
        "PercentProgress": one.percent(cloud.timeline.now),
        "SnapshotType": one.kind,
        "MasterUsername": GROUPS["MasterUsername"],
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
