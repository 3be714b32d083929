"""Elastic Load Balancing: whether the targets behind each service answer its health checks."""

from collections.abc import Mapping, Sequence

from adapters.aws_calls import AwsCalls
from bot.runbook import Adapter, Facts, Table

READS: tuple[str, ...] = ()


class ServiceTargets(Facts):
    """The targets of one service, counted by what the load balancer says of them."""

    service: str
    healthy: int = 0
    unhealthy: int = 0
    starting: int = 0  #: Registered, first health checks not done yet.
    draining: int = 0
    unused: int = 0  #: Their target group hangs on no listener.
    unavailable: int = 0  #: Health checks are off, or cannot be made.
    reasons: tuple[str, ...] = ()  #: Why targets are unhealthy, each with how many.

    @property
    def trouble(self) -> str:
        """What is wrong in a few words; empty when every target it has is healthy."""
        if self.unused:
            return f"has {self.unused} targets that get no traffic"
        if self.unhealthy:
            known = self.healthy + self.unhealthy + self.starting
            return f"has {self.unhealthy} of {known} targets unhealthy"
        if not self.healthy:
            return "has no healthy target"
        return ""


class Targets(Facts):
    services: tuple[ServiceTargets, ...]  #: Only of services that have a target group.

    @property
    def unwell(self) -> tuple[str, ...]:
        return tuple(s.service for s in self.services if s.trouble)

    @property
    def troubles(self) -> str:
        return ", ".join(f"{s.service} {s.trouble}" for s in self.services if s.trouble)

    def table(self) -> Table:
        columns = ("Service", "Healthy", "Unhealthy", "Starting", "Draining", "Why")
        return Table(columns, tuple(_row(s) for s in self.services))


class LoadBalancer(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def targets(self, groups: Mapping[str, Sequence[str]]) -> Targets:
        """Takes the ARNs of each service's target groups, such as `Services.target_groups`."""
        raise NotImplementedError


def _row(s: ServiceTargets) -> tuple[object, ...]:
    return (s.service, s.healthy, s.unhealthy, s.starting, s.draining, "; ".join(s.reasons))
