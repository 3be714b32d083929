"""
The company's account on the day the sandbox begins: services with weeks of deployments behind
them, a database with its snapshots, circuit breakers that are closed.

History is not invented but made: past deployments are carried out in the past, by the same code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sandbox.aws.clock import moment
from sandbox.aws.ecs.state import Behaviour
from sandbox.aws.elbv2 import ZONE_OF_BALANCERS, Balancer, Listener, TargetGroup
from sandbox.aws.parts import PORT, Parts
from sandbox.aws.rds.state import DOMAIN, Cluster, Instance, Setup, Snapshot
from sandbox.aws.route53 import Zone
from sandbox.aws.watching import watch
from sandbox.aws.wire import Answer

#: How the company's database is run: an Aurora cluster with a reader, an instance with a standby
#: in another zone, or an instance alone.
DatabaseKind = Literal["aurora", "multi-az", "single"]
CLOSED = "closed"
DAYS_OF_SNAPSHOTS = 7
AURORA, POSTGRES, ENGINE_VERSION = "aurora-postgresql", "postgres", "16.4"
INSTANCE_CLASS = "db.r6g.xlarge"
NETWORK = {
    "awsvpcConfiguration": {
        "subnets": ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"],
        "securityGroups": ["sg-0a1b2c3d4e5f60003"],
        "assignPublicIp": "DISABLED",
    }
}
BREAKER = {
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
}
#: Thrifty, and why a bad version takes half of a service down: old tasks go before new ones come.
NO_BREAKER = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 100,
    "minimumHealthyPercent": 50,
}


@dataclass(frozen=True)
class Past:
    version: str
    ago: timedelta
    by: str = "ci"
    how: Behaviour = "well"


@dataclass(frozen=True)
class Plan:
    desired: int
    has_breaker: bool
    is_public: bool
    history: tuple[Past, ...]


def _ago(days: float, hours: float = 0) -> timedelta:
    return timedelta(days=days, hours=hours)


PLANS = {
    "complyai-core": Plan(
        desired=4,
        has_breaker=False,
        is_public=True,
        history=(
            Past("2.13.4", _ago(34, 3)),
            Past("2.14.0", _ago(20, 5)),
            Past("2.14.1", _ago(9, 2), by="priya"),
            Past("2.14.2", _ago(4, 6)),
        ),
    ),
    "complyai-api": Plan(
        desired=4,
        has_breaker=False,
        is_public=True,
        history=(
            Past("1.30.2", _ago(41, 1)),
            Past("1.31.0", _ago(16, 7)),
            Past("1.31.1", _ago(6, 4)),
        ),
    ),
    "complyai-maestro": Plan(
        desired=2,
        has_breaker=True,
        is_public=False,
        history=(
            Past("0.48.0", _ago(28, 2)),
            Past("0.49.0", _ago(13, 8)),
            Past("0.49.1", _ago(8, 3), how="crashes"),
            Past("0.49.2", _ago(7, 23)),
        ),
    ),
    "complyai-frontend": Plan(
        desired=2,
        has_breaker=True,
        is_public=True,
        history=(
            Past("5.2.0", _ago(19, 1)),
            Past("5.2.1", _ago(11, 6), by="tomas"),
            Past("5.3.0", _ago(2, 5)),
        ),
    ),
}
#: For a service of another company.
ANY = Plan(
    desired=2,
    has_breaker=True,
    is_public=True,
    history=(Past("1.0.0", _ago(20)), Past("1.1.0", _ago(5))),
)


def fill(parts: Parts, database: DatabaseKind) -> None:
    parts.ecs.clusters.add(parts.company.cluster)
    for name, group in zip(parts.company.service_names, _balancers(parts), strict=True):
        _service(parts, name, group)
    _database(parts, database)
    for vendor in parts.company.vendors:
        parts.parameters.put(vendor.circuit_parameter, CLOSED)
    host = f"{parts.company.database}.{'cluster-' if database == 'aurora' else ''}{DOMAIN}"
    parts.parameters.put(parts.company.database_parameter, host)
    ads = parts.company.ad_sync
    for name, value in (
        (ads.backoff_parameter, "off"),
        (ads.interval_parameter, "15"),
        (ads.first_parameter, "none"),
        (f"{parts.company.flag_prefix}reviews", "off"),
    ):
        parts.parameters.put(name, value)
    watch(parts)


def plan_of(service: str) -> Plan:
    return PLANS.get(service, ANY)


def _balancers(parts: Parts) -> Iterator[TargetGroup]:
    """A public and an internal one; each service has its group and its host name."""
    timeline, balancers = parts.timeline, parts.balancers
    public = Balancer("complyai-public", timeline.hex(16), "internet-facing")
    internal = Balancer("complyai-internal", timeline.hex(16), "internal")
    balancers.balancers += [public, internal]
    parts.dns.zones.append(zone := Zone("Z0COMPLYAI0IO0PUBLIC", "complyai.io."))
    for name in parts.company.service_names:
        group = TargetGroup(name, timeline.hex(16), PORT)
        balancers.groups.append(group)
        balancer = public if plan_of(name).is_public else internal
        _listen(parts, balancer, name, group)
        if balancer is public:
            zone.put(alias(f"{name}.complyai.io", balancer))
        yield group


def alias(name: str, balancer: Balancer) -> Answer:
    """The record with which a name leads to a load balancer."""
    target = {
        "HostedZoneId": ZONE_OF_BALANCERS,
        "DNSName": f"dualstack.{balancer.dns_name}.",
        "EvaluateTargetHealth": True,
    }
    return {"Name": name, "Type": "A", "AliasTarget": target}


def _listen(parts: Parts, balancer: Balancer, service: str, group: TargetGroup) -> None:
    host = f"{service}.{'internal' if balancer.scheme == 'internal' else 'complyai.io'}"
    for listener in parts.balancers.listeners:
        if listener.balancer is balancer:
            listener.hosts[host] = group
            return
    port = 443 if balancer.scheme == "internet-facing" else 80
    listener = Listener(balancer, parts.timeline.hex(16), port, group)
    parts.balancers.listeners.append(listener)


def _service(parts: Parts, name: str, group: TargetGroup) -> None:
    plan = plan_of(name)
    first, *later = plan.history
    balancing = {"targetGroupArn": group.arn, "containerName": "app", "containerPort": PORT}
    with parts.timeline.since(first.ago.total_seconds()):
        parts.registry.push(name, first.version, {"LOW": 3})
        definition = parts.register(name, first.version, first.by)
        parts.service_api.create_service(
            {
                "cluster": parts.company.cluster,
                "serviceName": name,
                "taskDefinition": definition.arn,
                "desiredCount": plan.desired,
                "loadBalancers": [balancing],
                "networkConfiguration": NETWORK,
                "deploymentConfiguration": BREAKER if plan.has_breaker else NO_BREAKER,
                "tags": [{"key": "team", "value": "platform"}],
            }
        )
    for past in later:
        with parts.timeline.since(past.ago.total_seconds()):
            if past.how == "well":
                parts.deploy(name, past.version, past.by)
            else:
                parts.deploy_bad(name, past.how, past.version)


def _database(parts: Parts, kind: DatabaseKind) -> None:
    name = parts.company.database
    if kind == "aurora":
        _aurora(parts, name)
    else:
        zone = "us-east-1b" if kind == "multi-az" else None
        _instance(parts, name, POSTGRES, "us-east-1a").standby_zone = zone
    for days in range(DAYS_OF_SNAPSHOTS, 0, -1):
        _snapshot(parts, name, kind == "aurora", days)


def _setup(parameter_group: str, storage: str) -> Setup:
    """Not as AWS would do it by itself."""
    return Setup(
        subnet_group="production",
        security_groups=("sg-0db5ec0e1db5ec0e1",),
        parameter_group=parameter_group,
        log_exports=("postgresql",),
        storage_type=storage,
        has_protection=True,
        has_iam_logins=True,
        copies_tags=True,
    )


def _aurora(parts: Parts, name: str) -> None:
    members = [f"{name}-1", f"{name}-2"]
    for tier, (member, zone) in enumerate(
        zip(members, ("us-east-1a", "us-east-1b"), strict=True), start=1
    ):
        instance = _instance(parts, member, AURORA, zone)
        instance.cluster, instance.promotion_tier = name, tier
    parts.rds.clusters[name] = Cluster(
        name=name,
        resource_id=f"cluster-{parts.timeline.hex(26).upper()}",
        engine=AURORA,
        engine_version=ENGINE_VERSION,
        created_at=parts.timeline.now - _ago(400).total_seconds(),
        members=members,
        writer=members[0],
        tags=[{"Key": "team", "Value": "platform"}],
        setup=_setup("complyai-aurora-postgresql16", "aurora"),
    )


def _instance(parts: Parts, name: str, engine: str, zone: str) -> Instance:
    instance = Instance(
        name=name,
        resource_id=f"db-{parts.timeline.hex(26).upper()}",
        engine=engine,
        engine_version=ENGINE_VERSION,
        instance_class=INSTANCE_CLASS,
        zone=zone,
        created_at=parts.timeline.now - _ago(400).total_seconds(),
        setup=_setup("complyai-postgres16", "aurora" if engine == AURORA else "gp3"),
    )
    parts.rds.instances[name] = instance
    return instance


def _snapshot(parts: Parts, database: str, is_cluster: bool, days_ago: int) -> None:
    """The automated one of that day."""
    taken = moment(parts.timeline.now - _ago(days_ago).total_seconds())
    taken = taken.replace(hour=3, minute=12, second=7, microsecond=0)
    of = parts.rds.clusters[database] if is_cluster else parts.rds.instances[database]
    snapshot = Snapshot(
        name=f"rds:{database}-{taken:%Y-%m-%d-%H-%M}",
        source=database,
        source_resource_id=of.resource_id,
        is_cluster=is_cluster,
        engine=of.engine,
        engine_version=of.engine_version,
        created_at=taken.timestamp(),
        takes_s=0.0,
        kind="automated",
        status="available",
    )
    parts.rds.snapshots[snapshot.name, is_cluster] = snapshot
