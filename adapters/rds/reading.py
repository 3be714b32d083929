"""Makes facts of what RDS answers about a cluster or an instance."""

from datetime import datetime
from typing import Any

from adapters.aws_calls import Answer
from adapters.rds.facts import Database, Instance, Kind


def of_cluster(cluster: Answer, described: list[Answer], as_of: datetime) -> Database:
    """`described` are the instances of the cluster that RDS still knows."""
    by_name = {one["DBInstanceIdentifier"]: one for one in described}
    members = [
        _member(member, by_name.get(member["DBInstanceIdentifier"], {}))
        for member in cluster["DBClusterMembers"]
    ]
    writer = writer_of(cluster)
    writing = by_name.get(writer, {})
    readers = (m for m in members if m.role == "reader" and m.status == "available")
    kind: Kind = "aurora" if cluster["Engine"].startswith("aurora") else "cluster"
    return Database(
        name=cluster["DBClusterIdentifier"],
        resource_id=cluster["DbClusterResourceId"],
        kind=kind,
        engine=_engine(cluster),
        status=cluster["Status"],
        instance_class=writing.get("DBInstanceClass", ""),
        writer=writer,
        zone=writing.get("AvailabilityZone", ""),
        readers=tuple(m.name for m in sorted(readers, key=_likeliest)),
        instances=tuple(sorted(members, key=lambda m: (m.role != "writer", *_likeliest(m)))),
        pending_changes=pending(cluster) + tuple(p for one in described for p in pending(one)),
        as_of=as_of,
    )


def of_instance(instance: Answer, as_of: datetime) -> Database:
    name, zone = instance["DBInstanceIdentifier"], instance.get("AvailabilityZone", "")
    status, size = instance["DBInstanceStatus"], instance["DBInstanceClass"]
    multi = bool(instance.get("MultiAZ"))
    instances = [
        Instance(
            name=name,
            role="writer",
            status=status,
            instance_class=size,
            zone=zone,
            pending_changes=pending(instance),
        )
    ]
    if multi:
        other = instance.get("SecondaryAvailabilityZone", "")
        instances.append(
            Instance(name=name, role="standby", status=status, instance_class=size, zone=other)
        )
    return Database(
        name=name,
        resource_id=instance["DbiResourceId"],
        kind="multi-az" if multi else "single",
        engine=_engine(instance),
        status=status,
        instance_class=size,
        writer=name,
        zone=zone,
        instances=tuple(instances),
        pending_changes=pending(instance),
        as_of=as_of,
    )


def writer_of(cluster: Answer) -> str:
    """Empty while there is none, in the middle of a failover."""
    members = cluster["DBClusterMembers"]
    return next((m["DBInstanceIdentifier"] for m in members if m["IsClusterWriter"]), "")


def _member(member: Answer, instance: Answer) -> Instance:
    return Instance(
        name=member["DBInstanceIdentifier"],
        role="writer" if member["IsClusterWriter"] else "reader",
        status=instance.get("DBInstanceStatus", "unknown"),
        instance_class=instance.get("DBInstanceClass", ""),
        zone=instance.get("AvailabilityZone", ""),
        promotion_tier=member.get("PromotionTier"),
        pending_changes=pending(instance),
    )


def _likeliest(instance: Instance) -> tuple[int, str]:
    """By promotion tier, as RDS itself would choose; its tiers go from 0 to 15."""
    return (16 if instance.promotion_tier is None else instance.promotion_tier, instance.name)


def _engine(described: Answer) -> str:
    return f"{described['Engine']} {described.get('EngineVersion', '')}".strip()


def pending(described: Answer) -> tuple[str, ...]:
    waiting: dict[str, Any] = described.get("PendingModifiedValues") or {}
    return tuple(
        name if "Password" in name else f"{name}: {value}"
        for name, value in waiting.items()
        if value not in (None, [], {})
    )
