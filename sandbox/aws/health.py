"""
How each service has been doing, for as long as the world goes back.

Metrics, alarms and log lines are all told from this one record, so that they agree with each
other and with what ECS says.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise

from sandbox.aws.ecs.cloud import EcsCloud
from sandbox.aws.ecs.state import Service

#: Of the requests that reach a task with a bad version, how many it fails.
ERRORS_OF_BAD_TASKS = 0.6
#: Of the requests, how many fail for each part of the capacity that a failing rollout has taken.
ERRORS_OF_LOST_CAPACITY = 0.5
LEAST_CAPACITY = 0.5


@dataclass(frozen=True, order=True)
class Condition:
    """`capacity`: healthy tasks of those wanted, 0 to 1; `errors`: share of answers, 0 to 1."""

    capacity: float = 1.0
    errors: float = 0.0

    @property
    def is_well(self) -> bool:
        return self.capacity >= LEAST_CAPACITY and not self.errors


WELL = Condition()


@dataclass
class Health:
    """Changes of one service's condition, in order of time."""

    changes: list[tuple[float, Condition]] = field(default_factory=list)

    def add(self, at: float, condition: Condition) -> None:
        if self.at(at) != condition:
            insort(self.changes, (at, condition))

    def at(self, moment: float) -> Condition:
        place = bisect_right(self.changes, moment, key=lambda change: change[0])
        return self.changes[place - 1][1] if place else WELL

    def mean(self, since: float, until: float) -> Condition:
        """Over a time, weighted by how long each condition lasted."""
        first = bisect_right(self.changes, since, key=lambda change: change[0])
        after = bisect_right(self.changes, until, key=lambda change: change[0])
        if first == after:
            return self.at(since)
        moments = [since, *(at for at, _ in self.changes[first:after]), until]
        capacity = errors = 0.0
        for start, end in pairwise(moments):
            condition = self.at(start)
            share = (end - start) / (until - since)
            capacity += condition.capacity * share
            errors += condition.errors * share
        return Condition(capacity, errors)


def condition(cloud: EcsCloud, service: Service) -> Condition:
    if service.desired == 0:
        return Condition(0.0, 0.0)
    capacity = min(1.0, len(service.healthy()) / service.desired)
    errors = ERRORS_OF_BAD_TASKS * cloud.failing_share(service)
    if service.primary.failed:
        errors += ERRORS_OF_LOST_CAPACITY * (1 - capacity)
    return Condition(round(capacity, 3), round(min(1.0, errors), 3))
