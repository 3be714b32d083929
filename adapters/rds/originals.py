"""Makes settings of what RDS answers, under the names by which a restore takes them."""

from collections.abc import Iterator, Sequence
from typing import Any

from adapters.aws_calls import Answer
from adapters.rds.facts import Database
from adapters.rds.points import Member, Place
from adapters.rds.restores import ORIGIN_TAG, RUN_TAG, Setting, Tag

#: Below these gp3 has them anyway, and RDS refuses to be told.
GP3_IOPS, GP3_THROUGHPUT = 3000, 125
#: AWS's own tags cannot be given; ours say what was made by which run.
NOT_COPIED = (RUN_TAG, ORIGIN_TAG)


def of_instance(instance: Answer) -> tuple[Setting, ...]:
    """Of one that is no member of a cluster."""
    return _settings(
        DBInstanceClass=instance["DBInstanceClass"],
        MultiAZ=bool(instance.get("MultiAZ")),
        DBSubnetGroupName=instance.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        DBParameterGroupName=_parameter_group(instance),
        **_common(instance),
        **_storage(instance),
        PubliclyAccessible=instance.get("PubliclyAccessible"),
        AutoMinorVersionUpgrade=instance.get("AutoMinorVersionUpgrade"),
        CACertificateIdentifier=instance.get("CACertificateIdentifier"),
    )


def of_cluster(cluster: Answer, database: Database) -> tuple[Setting, ...]:
    """A Multi-AZ DB cluster has its class itself; Aurora has it of its members."""
    own = {} if database.kind == "aurora" else {"DBClusterInstanceClass": database.instance_class}
    storage = cluster.get("StorageType")
    return _settings(
        DBSubnetGroupName=cluster.get("DBSubnetGroup"),
        DBClusterParameterGroupName=cluster.get("DBClusterParameterGroup"),
        **_common(cluster),
        StorageType=storage if storage != "aurora" else None,
        Iops=cluster.get("Iops") if database.kind == "cluster" else None,
        **own,
    )


def members_of(described: Sequence[Answer], database: Database) -> tuple[Member, ...]:
    """Of an Aurora cluster, the writer first. RDS makes those of the other kind itself."""
    if database.kind != "aurora":
        return ()
    ordered = sorted(described, key=lambda one: one["DBInstanceIdentifier"] != database.writer)
    return tuple(Member(settings=_member(one), tags=tags_of(one)) for one in ordered)


def tags_of(described: Answer) -> tuple[Tag, ...]:
    return tuple(
        Tag(key=one["Key"], value=one.get("Value", ""))
        for one in described.get("TagList", [])
        if not one["Key"].startswith("aws:") and one["Key"] not in NOT_COPIED
    )


def place_of_instance(instance: Answer) -> Place:
    endpoint = instance.get("Endpoint") or {}  # There is none while it is made.
    return Place(
        name=instance["DBInstanceIdentifier"],
        resource_id=instance["DbiResourceId"],
        is_cluster=False,
        status=instance["DBInstanceStatus"],
        address=endpoint.get("Address", ""),
        port=endpoint.get("Port", 0),
    )


def place_of_cluster(cluster: Answer, described: Sequence[Answer]) -> Place:
    status = {one["DBInstanceIdentifier"]: one["DBInstanceStatus"] for one in described}
    names = [one["DBInstanceIdentifier"] for one in cluster["DBClusterMembers"]]
    waits = [(name, status.get(name, "unknown")) for name in names]
    return Place(
        name=cluster["DBClusterIdentifier"],
        resource_id=cluster["DbClusterResourceId"],
        is_cluster=True,
        status=cluster["Status"],
        address=cluster.get("Endpoint", ""),
        port=cluster.get("Port", 0),
        members=tuple(names),
        not_ready=tuple(f"{name} is {how}" for name, how in waits if how != "available"),
    )


def _common(described: Answer) -> dict[str, Any]:
    groups = described.get("VpcSecurityGroups", [])
    return {
        "VpcSecurityGroupIds": tuple(one["VpcSecurityGroupId"] for one in groups) or None,
        "DeletionProtection": bool(described.get("DeletionProtection")),
        "EnableIAMDatabaseAuthentication": bool(described.get("IAMDatabaseAuthenticationEnabled")),
        "CopyTagsToSnapshot": bool(described.get("CopyTagsToSnapshot")),
        "EnableCloudwatchLogsExports": tuple(described.get("EnabledCloudwatchLogsExports") or ())
        or None,
        "NetworkType": described.get("NetworkType"),
    }


def _storage(instance: Answer) -> dict[str, Any]:
    kind, iops = instance.get("StorageType"), instance.get("Iops") or 0
    throughput = instance.get("StorageThroughput") or 0
    is_more = kind != "gp3" or iops > GP3_IOPS or throughput > GP3_THROUGHPUT
    return {
        "StorageType": kind,
        "Iops": (iops or None) if is_more else None,
        "StorageThroughput": (throughput or None) if is_more else None,
    }


def _member(instance: Answer) -> tuple[Setting, ...]:
    interval = instance.get("MonitoringInterval") or None
    return _settings(
        DBInstanceClass=instance["DBInstanceClass"],
        DBParameterGroupName=_parameter_group(instance),
        PromotionTier=instance.get("PromotionTier"),
        PubliclyAccessible=instance.get("PubliclyAccessible"),
        AutoMinorVersionUpgrade=instance.get("AutoMinorVersionUpgrade"),
        MonitoringInterval=interval,
        MonitoringRoleArn=instance.get("MonitoringRoleArn") if interval else None,
        EnablePerformanceInsights=instance.get("PerformanceInsightsEnabled"),
        CACertificateIdentifier=instance.get("CACertificateIdentifier"),
    )


def _parameter_group(instance: Answer) -> str | None:
    groups = instance.get("DBParameterGroups") or [{}]
    name: str | None = groups[0].get("DBParameterGroupName")
    return name


def _settings(**given: Any) -> tuple[Setting, ...]:
    """None: it is not said."""
    said: Iterator[tuple[str, Any]] = ((k, v) for k, v in given.items() if v is not None)
    return tuple(Setting(name=name, value=value) for name, value in said)
