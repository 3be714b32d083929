"""Which metrics the company has: of its services, their load balancers and its database."""

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.aws.cloudwatch.measuring import Metric, Minute, Unit, busy, gauge
from sandbox.aws.load import DatabaseLoad
from sandbox.aws.noise import about
from sandbox.aws.parts import Parts

BALANCER, ECS, RDS = "AWS/ApplicationELB", "AWS/ECS", "AWS/RDS"
#: Of all answers, how many are errors on a good day.
USUAL_ERRORS = 0.0008


@dataclass(frozen=True)
class Profile:
    """At the busiest hour."""

    requests_per_min: float
    seconds: float  #: A request takes, on average.


PROFILES = {
    "complyai-core": Profile(900, 0.11),
    "complyai-api": Profile(1400, 0.08),
    "complyai-maestro": Profile(220, 0.16),
    "complyai-frontend": Profile(600, 0.05),
}
ANY = Profile(300, 0.1)


class Catalogue:
    """What is under the timeline's lock here is read without: it only grows."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def metrics(self) -> list[Metric]:
        found: list[Metric] = []
        for service in self._parts.company.service_names:
            found += self._of_balancer(service)
            found += self._of_service(service)
        for instance in list(self._parts.rds.instances):
            found += self._of_instance(instance)
        return found

    def _of_balancer(self, service: str) -> Iterator[Metric]:
        for group in self._parts.balancers.groups:
            balancer = self._parts.balancers.balancer_of(group)
            if group.name == service and balancer:
                at = (("LoadBalancer", balancer.dimension), ("TargetGroup", group.dimension))
                yield Metric(
                    BALANCER, "RequestCount", at, "Count", lambda m: self._requests(service, m)
                )
                yield Metric(
                    BALANCER,
                    "HTTPCode_Target_5XX_Count",
                    at,
                    "Count",
                    lambda m: self._errors(service, m),
                )
                yield Metric(
                    BALANCER,
                    "TargetResponseTime",
                    at,
                    "Seconds",
                    lambda m: self._latency(service, m),
                )
                yield Metric(
                    BALANCER, "HealthyHostCount", at, "Count", lambda m: self._hosts(service, m)
                )

    def _of_service(self, service: str) -> Iterator[Metric]:
        at = (("ClusterName", self._parts.company.cluster), ("ServiceName", service))

        def cpu(minute: int) -> Minute | None:
            condition = self._parts.health[service].mean(minute, minute + 60)
            share = max(condition.capacity, 0.25)
            value = min(99.0, 42 * busy(minute) / share)
            return gauge(value, f"{service} cpu", minute) if condition.capacity else None

        def memory(minute: int) -> Minute:
            return gauge(61, f"{service} memory", minute)

        yield Metric(ECS, "CPUUtilization", at, "Percent", cpu)
        yield Metric(ECS, "MemoryUtilization", at, "Percent", memory)

    def _of_instance(self, instance: str) -> Iterator[Metric]:
        at = (("DBInstanceIdentifier", instance),)
        load = self._parts.load

        def measured(name: str, usual: float, most: float, of_load: str) -> Metric:
            def value(minute: int) -> Minute:
                now: DatabaseLoad = load.at(minute)
                share = 1.0 if load.writer_at(minute) in (instance, None) else 0.55
                extra = getattr(now, of_load) if share == 1.0 else 0.0
                least = about(usual * share * busy(minute), f"{instance} {name}", minute)
                return Minute(1, round(min(most, max(least, extra)), 2))

            unit: Unit = "Percent" if name == "CPUUtilization" else "Count"
            return Metric(RDS, name, at, unit, value)

        yield measured("CPUUtilization", 34, 99.8, "cpu_percent")
        yield measured("DatabaseConnections", 140, 5000, "connections")
        yield measured("ReadIOPS", 900, 64_000, "io_per_s")
        yield measured("WriteIOPS", 420, 64_000, "io_per_s")

    def _requests(self, service: str, minute: int) -> Minute | None:
        """Only what a healthy target could be chosen for is counted."""
        if self._parts.health[service].mean(minute, minute + 60).capacity == 0:
            return None
        usual = PROFILES.get(service, ANY).requests_per_min * busy(minute)
        return Minute(float(round(about(usual, f"{service} requests", minute))), 1)

    def _errors(self, service: str, minute: int) -> Minute | None:
        """No data when there are none, as AWS has it."""
        requests = self._requests(service, minute)
        if requests is None:
            return None
        share = USUAL_ERRORS + self._parts.health[service].mean(minute, minute + 60).errors
        count = round(requests.count * about(share, f"{service} errors", minute, spread=0.4))
        return Minute(float(min(count, requests.count)), 1) if count else None

    def _latency(self, service: str, minute: int) -> Minute | None:
        requests = self._requests(service, minute)
        if requests is None:
            return None
        condition = self._parts.health[service].mean(minute, minute + 60)
        slower = 1 + 1.5 * (1 - condition.capacity) + 1.2 * condition.errors
        usual = PROFILES.get(service, ANY).seconds
        seconds = about(usual * slower, f"{service} latency", minute)
        return Minute(requests.count, round(seconds, 5), spread=True)

    def _hosts(self, service: str, minute: int) -> Minute:
        desired = self._parts.service(service).desired
        capacity = self._parts.health[service].mean(minute, minute + 60).capacity
        return Minute(1, round(capacity * desired, 2))
