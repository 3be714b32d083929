"""
The life of a task: provisioned, pending, running, healthy behind its load balancer, stopped.

How long each takes is in seconds of the world. What becomes of a service when a task changes is
decided by `rollout`.
"""

from collections.abc import Callable
from typing import Protocol

from sandbox.aws.ecs.state import Behaviour, Deployment, Service, Task
from sandbox.aws.timeline import Timeline

PENDING_AFTER, RUNNING_AFTER, HEALTHY_AFTER = 1.0, 3.0, 3.0
PULL_FAILS_AFTER, UNHEALTHY_AFTER, GIVEN_UP_AFTER = 2.0, 3.0, 20.0
STOPPED_AFTER = 2.0
ZONES = ("us-east-1a", "us-east-1b")


class Changed(Protocol):
    def __call__(self, service: Service, task: Task, failed: bool) -> None:
        """A task of the service has come to another state."""
        ...


class Tasks:
    def __init__(
        self, timeline: Timeline, behaviour: Callable[[str], Behaviour], changed: Changed
    ) -> None:
        self._timeline, self._behaviour, self._changed = timeline, behaviour, changed
        self._addresses = 0

    def create(self, service: Service, deployment: Deployment) -> Task:
        """Not begun yet."""
        self._addresses += 1
        number = self._addresses
        return Task(
            id=self._timeline.hex(32),
            cluster=service.cluster,
            deployment=deployment.id,
            definition=deployment.definition,
            address=f"10.0.{1 + number // 250 % 250}.{1 + number % 250}",
            zone=ZONES[number % len(ZONES)],
            created_at=self._timeline.now,
            behaviour=self._behaviour(deployment.definition.image),
            group=f"service:{service.name}",
        )

    def begin(self, service: Service, task: Task) -> None:
        self._later(PENDING_AFTER, service, task, self._pend)

    def stop(self, service: Service, task: Task, code: str, reason: str) -> None:
        """It gets no more traffic, and ends a little later."""
        task.status = "DEACTIVATING"
        task.target = "draining" if task.target else ""
        task.stopping_at = self._timeline.now
        task.stop_code, task.stopped_reason = code, reason

        def end() -> None:
            self._end(task, exit_code=0 if task.started_at else None)
            self._changed(service, task, failed=False)

        self._timeline.after(STOPPED_AFTER, end)

    def _pend(self, service: Service, task: Task) -> None:
        task.status = "PENDING"
        if task.behaviour == "cannot_pull":
            self._later(PULL_FAILS_AFTER, service, task, self._fail_to_pull)
        else:
            self._later(RUNNING_AFTER, service, task, self._run)
        self._changed(service, task, failed=False)

    def _run(self, service: Service, task: Task) -> None:
        if task.behaviour == "crashes":
            self._crash(service, task)
            return
        task.status, task.started_at = "RUNNING", self._timeline.now
        if not service.target_groups:
            task.healthy_since = self._timeline.now
        elif task.behaviour == "unhealthy":
            task.target = "initial"
            self._later(UNHEALTHY_AFTER, service, task, self._turn_unhealthy)
        else:
            task.target = "initial"
            self._later(HEALTHY_AFTER, service, task, self._turn_healthy)
        self._changed(service, task, failed=False)

    def _turn_healthy(self, service: Service, task: Task) -> None:
        task.target, task.healthy_since = "healthy", self._timeline.now
        self._changed(service, task, failed=False)

    def _turn_unhealthy(self, service: Service, task: Task) -> None:
        task.target = "unhealthy"
        self._later(GIVEN_UP_AFTER, service, task, self._give_up)
        self._changed(service, task, failed=False)

    def _give_up(self, service: Service, task: Task) -> None:
        reason = f"Task failed ELB health checks in (target-group {service.target_groups[0]})"
        self.stop(service, task, "ServiceSchedulerInitiated", reason)
        self._changed(service, task, failed=True)

    def _crash(self, service: Service, task: Task) -> None:
        task.stop_code = "EssentialContainerExited"
        task.stopped_reason = "Essential container in task exited"
        self._end(task, exit_code=1)
        self._changed(service, task, failed=True)

    def _fail_to_pull(self, service: Service, task: Task) -> None:
        image = task.definition.image
        task.stop_code = "TaskFailedToStart"
        task.stopped_reason = task.container_reason = (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to"
            f" resolve ref {image}: {image}: not found"
        )
        self._end(task, exit_code=None)
        self._changed(service, task, failed=True)

    def _end(self, task: Task, exit_code: int | None) -> None:
        task.status, task.target, task.exit_code = "STOPPED", "", exit_code
        task.stopping_at = task.stopping_at or self._timeline.now
        task.stopped_at = self._timeline.now

    def _later(
        self, seconds: float, service: Service, task: Task, step: Callable[[Service, Task], None]
    ) -> None:
        def take() -> None:
            if task.is_live:
                step(service, task)

        self._timeline.after(seconds, take)
