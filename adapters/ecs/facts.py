"""What ECS said: which services run, and what was deployed, by whom, with what outcome."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from adapters.ecs.changes import RestartService, UpdateService
from bot.runbook import Facts, Table

Rollout = Literal["in progress", "completed", "failed", "stopped", "rolling back", "rolled back"]
#: Of these rollouts one can say that the version itself did not come up.
FAILED: frozenset[Rollout] = frozenset({"failed", "rolling back", "rolled back"})


class Service(Facts):
    cluster: str
    name: str
    exists: bool = True
    desired: int = 0
    running: int = 0
    pending: int = 0
    task_definition: str = ""
    deployment_id: str = ""  #: Of the deployment that is primary.
    rollout: str = ""  #: Of that deployment: what ECS says of it, when it is not completed.
    target_groups: tuple[str, ...] = ()  #: ARNs.
    stopped_because: tuple[str, ...] = ()  #: Of the last hour, each with how many tasks.

    @property
    def trouble(self) -> str:
        """What is wrong in a few words; empty when it runs all the tasks it wants."""
        if not self.exists:
            return "does not exist"
        if self.desired == 0:
            return "is scaled to 0 tasks"
        if self.running < self.desired:
            return f"runs {self.running} of {self.desired} tasks"
        return ""

    def restart(self) -> RestartService:
        return RestartService(
            cluster=self.cluster,
            service=self.name,
            task_definition=self.task_definition,
            replacing=self.deployment_id,
        )


class Services(Facts):
    services: tuple[Service, ...]
    as_of: datetime

    @property
    def short(self) -> tuple[str, ...]:
        """Services that run fewer tasks than they want, want none, or do not exist."""
        return tuple(s.name for s in self.services if s.trouble)

    @property
    def troubles(self) -> str:
        return ", ".join(f"{s.name} {s.trouble}" for s in self.services if s.trouble)

    @property
    def target_groups(self) -> Mapping[str, tuple[str, ...]]:
        """What LoadBalancer.targets takes."""
        return {s.name: s.target_groups for s in self.services}

    def table(self) -> Table:
        columns = ("Service", "Running", "Desired", "Pending", "Version", "Stopped in the last h")
        return Table(columns, tuple(_row(s) for s in self.services))


class Deployment(Facts):
    cluster: str
    service: str
    task_definition: str  #: Family and revision, such as `complyai-core:42`.
    image: str  #: Repository and tag, such as `complyai-core:1.8.0`.
    started_at: datetime
    age: timedelta
    deployed_by: str  #: From the task definition's or the service's tag, else `unknown`.
    rollout: Rollout
    reason: str = ""  #: What ECS says of the rollout.
    is_current: bool  #: It is what the service is meant to run now.
    deployment_id: str | None = None  #: Of the primary deployment, when it is the current one.
    circuit_breaker: bool  #: ECS rolls back by itself when tasks do not come up.
    #: The newest other one that completed before this one was first deployed, is still ACTIVE,
    #: and whose image is still in ECR. Only said of the current one.
    last_good: str | None = None
    last_good_image: str = ""
    no_last_good_because: str = ""
    rolling_back_by_itself: bool = False  #: The service is: its circuit breaker is at it.

    @property
    def has_failed(self) -> bool:
        return self.rollout in FAILED

    def to_last_good(self) -> UpdateService | None:
        """None: there is none, or ECS is already at it."""
        if self.last_good is None or self.rolling_back_by_itself or not self.is_current:
            return None
        return UpdateService(
            cluster=self.cluster,
            service=self.service,
            task_definition=self.last_good,
            replacing=self.task_definition,
            deployment_id=self.deployment_id,
        )


class Deployments(Facts):
    """The newest of each service; of one service, newest first."""

    newest: tuple[Deployment, ...]
    missing: tuple[str, ...] = ()  #: Services that do not exist.
    as_of: datetime

    @property
    def current(self) -> tuple[Deployment, ...]:
        return tuple(d for d in self.newest if d.is_current)

    def suspects(self, younger_than: timedelta) -> tuple[Deployment, ...]:
        """Current ones that are that young, still roll, or did not come up."""
        return tuple(
            d
            for d in self.current
            if d.age < younger_than or d.has_failed or d.rollout == "in progress"
        )

    @property
    def taken_back(self) -> tuple[Deployment, ...]:
        """The newest of a service, where ECS has rolled it back by itself, or is at it."""
        newest = {d.service: d for d in reversed(self.newest)}.values()
        return tuple(d for d in newest if d.rollout in ("rolling back", "rolled back"))

    def table(self) -> Table:
        columns = ("Service", "Task definition", "Image", "Age", "By", "Rollout", "Breaker")
        return Table(columns, tuple(_deployment_row(d) for d in self.newest))


def _row(service: Service) -> tuple[object, ...]:
    if not service.exists:
        return (service.name, "does not exist", "", "", "", "")
    why = "; ".join(service.stopped_because)
    counts = (service.running, service.desired, service.pending)
    return (service.name, *counts, service.task_definition, why)


def _deployment_row(d: Deployment) -> tuple[object, ...]:
    rollout = f"{d.rollout}: {d.reason}" if d.reason and d.rollout != "completed" else d.rollout
    breaker = "on" if d.circuit_breaker else "off"
    name = f"{d.service} (current)" if d.is_current else d.service
    return (name, d.task_definition, d.image, d.age, d.deployed_by, rollout, breaker)
