"""Elastic Load Balancing: whether the targets behind each service answer its health checks."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from bot.runbook import Adapter, Facts, Table

READS: tuple[str, ...] = ("elasticloadbalancing:DescribeTargetHealth",)

UNHEALTHY = ("unhealthy", "unhealthy.draining")
KNOWN = ("healthy", *UNHEALTHY, "initial", "draining", "unused")


class ServiceTargets(Facts):
    """The targets of one service, counted by what the load balancer says of them."""

    service: str
    healthy: int = 0
    unhealthy: int = 0
    starting: int = 0  #: Registered, first health checks not done yet.
    draining: int = 0
    unused: int = 0  #: Their target group hangs on no listener.
    #: Health checks are off, or cannot be made, or say something that is not known here.
    unavailable: int = 0
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
        if self.unavailable:
            return f"has {self.unavailable} targets of which nobody knows whether they are healthy"
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
        named = {service: arns for service, arns in groups.items() if arns}
        found = await asyncio.gather(*(self._of(name, arns) for name, arns in named.items()))
        return Targets(services=tuple(found))

    async def _of(self, service: str, groups: Sequence[str]) -> ServiceTargets:
        answers = await asyncio.gather(*(self._health(group) for group in groups))
        targets = [target for answer in answers for target in answer]
        states = Counter(target["State"] for target in targets)
        reasons = Counter(
            target.get("Description") or target.get("Reason", "no reason given")
            for target in targets
            if target["State"] in UNHEALTHY
        )
        return ServiceTargets(
            service=service,
            healthy=states["healthy"],
            unhealthy=sum(states[state] for state in UNHEALTHY),
            starting=states["initial"],
            draining=states["draining"],
            unused=states["unused"],
            unavailable=sum(states[state] for state in states if state not in KNOWN),
            reasons=tuple(f"{why} ({n} x)" if n > 1 else why for why, n in reasons.most_common()),
        )

    async def _health(self, group: str) -> list[dict[str, Any]]:
        """A group that is gone has no targets: the service is told to have no healthy one."""
        try:
            answer = await self._calls.read(
                "elbv2", "describe_target_health", TargetGroupArn=group
            )
        except NotThere:
            return []
        return [one["TargetHealth"] for one in answer["TargetHealthDescriptions"]]


def _row(s: ServiceTargets) -> tuple[object, ...]:
    return (s.service, s.healthy, s.unhealthy, s.starting, s.draining, "; ".join(s.reasons))
