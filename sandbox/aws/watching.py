"""What watches the company: its alarms, and the log groups of its services."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from sandbox.aws.cloudwatch.alarms import Alarm
from sandbox.aws.cloudwatch.catalogue import ANY, BALANCER, PROFILES, RDS, USUAL_ERRORS
from sandbox.aws.cloudwatch.measuring import Dimensions, busy
from sandbox.aws.elbv2 import Balancer, TargetGroup
from sandbox.aws.logs.api import Group
from sandbox.aws.parts import Parts

#: Of the service's busiest minute.
TOLERATED_ERRORS = 0.02
TOLERATED_CPU, TOLERATED_CONNECTIONS = 85.0, 400.0
CONFIGURED_AGO_S = timedelta(days=90).total_seconds()
#: Its metric has never been sent: the job that should was never deployed.
WITHOUT_DATA = "nightly-export-age"


def watch(parts: Parts) -> None:
    for name in parts.company.service_names:
        created_at = parts.timeline.now - CONFIGURED_AGO_S
        group = Group(parts.service(name), parts.health[name], created_at)
        parts.logs.groups[f"/ecs/{name}"] = group
        for alarm in _of_service(parts, name):
            parts.alarms.add(alarm)
    for alarm in _of_database(parts):
        parts.alarms.add(alarm)
    parts.alarms.add(_without_data(parts))


def _of_service(parts: Parts, service: str) -> Iterator[Alarm]:
    health = parts.health[service]
    most = PROFILES.get(service, ANY).requests_per_min
    where = _place(parts, service)

    def errors(at: float) -> float:
        condition = health.at(at)
        return most * busy(at) * (USUAL_ERRORS + condition.errors) if condition.capacity else 0.0

    def hosts(at: float) -> float:
        return health.at(at).capacity * parts.service(service).desired

    yield Alarm(
        name=f"{service}-5xx",
        description=f"{service} answers with errors",
        namespace=BALANCER,
        metric="HTTPCode_Target_5XX_Count",
        dimensions=where,
        statistic="Sum",
        comparison="GreaterThanThreshold",
        threshold=round(most * TOLERATED_ERRORS),
        value=errors,
        configured_at=parts.timeline.now - CONFIGURED_AGO_S,
    )
    yield Alarm(
        name=f"{service}-healthy-hosts",
        description=f"{service} has too few healthy tasks",
        namespace=BALANCER,
        metric="HealthyHostCount",
        dimensions=where,
        statistic="Minimum",
        comparison="LessThanThreshold",
        threshold=parts.service(service).desired * 0.75,
        value=hosts,
        configured_at=parts.timeline.now - CONFIGURED_AGO_S,
    )


def _of_database(parts: Parts) -> Iterator[Alarm]:
    database = parts.company.database

    def alarm(name: str, metric: str, threshold: float, value: Callable[[float], float]) -> Alarm:
        return Alarm(
            name=f"{database}-{name}",
            description=f"{metric} of {database} is high",
            namespace=RDS,
            metric=metric,
            dimensions=(("DBInstanceIdentifier", parts.rds.writer(database)),),
            statistic="Average",
            comparison="GreaterThanThreshold",
            threshold=threshold,
            value=value,
            configured_at=parts.timeline.now - CONFIGURED_AGO_S,
        )

    load = parts.load
    yield alarm("cpu", "CPUUtilization", TOLERATED_CPU, lambda at: load.at(at).cpu_percent)
    yield alarm(
        "connections",
        "DatabaseConnections",
        TOLERATED_CONNECTIONS,
        lambda at: load.at(at).connections,
    )


def _without_data(parts: Parts) -> Alarm:
    return Alarm(
        name=WITHOUT_DATA,
        description="The nightly export has not run",
        namespace="ComplyAI/Jobs",
        metric="NightlyExportAge",
        dimensions=(),
        statistic="Maximum",
        comparison="GreaterThanThreshold",
        threshold=86_400.0,
        value=lambda at: None,
        configured_at=parts.timeline.now - CONFIGURED_AGO_S,
        state="INSUFFICIENT_DATA",
        reason="Unchecked: Initial alarm creation",
    )


def _place(parts: Parts, service: str) -> Dimensions:
    group: TargetGroup = next(one for one in parts.balancers.groups if one.name == service)
    balancer: Balancer | None = parts.balancers.balancer_of(group)
    of_balancer = (("LoadBalancer", balancer.dimension),) if balancer else ()
    return (*of_balancer, ("TargetGroup", group.dimension))
