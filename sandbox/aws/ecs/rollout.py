"""
How ECS brings a service to what is wanted: its rolling deployments and their circuit breaker.

`settle` compares what there is with what is wanted and starts or stops tasks within the limits
that the service sets (minimumHealthyPercent, maximumPercent). It is called whenever something has
changed, so a deployment goes on by itself until it is completed, fails, or is replaced. Without a
circuit breaker it never fails: ECS tries for ever, ever more slowly.
"""

from collections.abc import Callable, Sequence

from sandbox.aws.ecs.state import (
    MOST_EVENTS,
    Behaviour,
    Deployment,
    Revision,
    Service,
    ServiceDeployment,
    Task,
    TaskDefinition,
)
from sandbox.aws.ecs.tasks import Tasks
from sandbox.aws.timeline import Timeline

LEAST_FAILURES, MOST_FAILURES = 3, 200
WAIT_PER_FAILURE, LONGEST_WAIT = 2.0, 30.0
MOST_ENDED_KEPT, MOST_RECORDED = 400, 100


def threshold(service: Service) -> int:
    """How many failed tasks trip the circuit breaker: half of those wanted, from 3 to 200."""
    return min(MOST_FAILURES, max(LEAST_FAILURES, -(-service.desired // 2)))


class Rollouts:
    def __init__(
        self,
        timeline: Timeline,
        behaviour: Callable[[str], Behaviour],
        digest: Callable[[str], str],
        changed: Callable[[Service], None],
    ) -> None:
        """`changed` is told whenever a service has got better or worse."""
        self._timeline, self._digest, self._changed = timeline, digest, changed
        self._tasks = Tasks(timeline, behaviour, self._task_changed)
        self.crashed: Callable[[Service, Task], None] = lambda service, task: None

    def deploy(self, service: Service, definition: TaskDefinition) -> None:
        """What the service is meant to run from now on; what was under way is given up."""
        sources = [one.revision for one in service.deployments]
        for entry in service.record:
            if entry.status in ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
                self._close(entry)
        primary = self._make_primary(service, definition)
        service.record.insert(0, self._entry(service, primary, sources))
        del service.record[MOST_RECORDED:]
        self.settle(service)

    def scale(self, service: Service, desired: int) -> None:
        service.desired = desired
        service.was_steady = False
        self.settle(service)

    def stop_task(self, service: Service, task: Task, reason: str) -> None:
        self._tasks.stop(service, task, "UserInitiated", reason)
        service.was_steady = False
        self.settle(service)

    def settle(self, service: Service) -> None:
        if service.status == "ACTIVE":
            self._retire(service)
            self._launch(service)
            self._conclude(service)
        self._changed(service)

    def say(self, service: Service, text: str) -> None:
        event = {
            "id": self._timeline.uuid(),
            "createdAt": self._timeline.now,
            "message": f"(service {service.name}) {text}",
        }
        service.events.insert(0, event)
        del service.events[MOST_EVENTS:]

    def _make_primary(self, service: Service, definition: TaskDefinition) -> Deployment:
        now = self._timeline.now
        arn = service.arn.replace(":service/", ":service-revision/")
        arn = f"{arn}/{self._timeline.number(19)}"
        service.revisions[arn] = Revision(arn, definition, self._digest(definition.image), now)
        primary = Deployment(f"ecs-svc/{self._timeline.number(19)}", definition, arn, now, now)
        primary.reason = f"ECS deployment {primary.id} in progress."
        for one in service.deployments:
            one.status = "ACTIVE"
        service.deployments.insert(0, primary)
        service.was_steady = False
        return primary

    def _entry(
        self, service: Service, primary: Deployment, sources: Sequence[str]
    ) -> ServiceDeployment:
        now = self._timeline.now
        return ServiceDeployment(
            id=self._timeline.number(19),
            deployment=primary.id,
            target=primary.revision,
            sources=list(dict.fromkeys(sources)),
            created_at=now,
            started_at=now,
            updated_at=now,
            desired=service.desired,
        )

    def _close(self, entry: ServiceDeployment) -> None:
        entry.status = "STOPPED"
        entry.reason = "Service deployment was stopped because a newer deployment replaced it."
        entry.stopped_at = entry.finished_at = entry.updated_at = self._timeline.now

    def _retire(self, service: Service) -> None:
        """Stop tasks of older deployments, as far as enough healthy ones remain."""
        primary = service.primary
        old = [task for task in service.live() if task.deployment != primary.id]
        healthy = [task for task in old if task.is_healthy]
        ready = len(service.healthy(primary))
        surplus = ready + len(healthy) - service.desired
        missing = service.desired - len(service.live(primary))
        room = service.most - len(service.live())
        wanted = max(surplus, missing - room) if primary.rollout != "FAILED" else surplus
        spare = ready + len(healthy) - service.least
        stopping = [task for task in old if not task.is_healthy]
        stopping += healthy[: max(0, min(wanted, spare))]
        stopping += service.live(primary)[service.desired :]
        reason = f"Scaling activity initiated by (deployment {primary.id})"
        for task in stopping:
            self._tasks.stop(service, task, "ServiceSchedulerInitiated", reason)
        if stopping:
            self.say(service, f"has stopped {len(stopping)} running tasks: {_named(stopping)}.")

    def _launch(self, service: Service) -> None:
        primary, now = service.primary, self._timeline.now
        if primary.rollout == "FAILED" or now < primary.next_start:
            return
        missing = service.desired - len(service.live(primary))
        room = service.most - len(service.live())
        started = [self._tasks.create(service, primary) for _ in range(max(0, min(missing, room)))]
        if not started:
            return
        service.was_steady = False
        service.tasks = [*_remembered(service.tasks), *started]
        for task in started:
            self._tasks.begin(service, task)
        self.say(service, f"has started {len(started)} tasks: {_named(started)}.")

    def _conclude(self, service: Service) -> None:
        primary = service.primary
        is_there = len(service.healthy(primary)) == service.desired
        if not is_there or len(service.live()) != service.desired:
            return
        if primary.rollout == "IN_PROGRESS":
            self._complete(service, primary)
        if not service.was_steady:
            service.was_steady = True
            self.say(service, "has reached a steady state.")

    def _complete(self, service: Service, primary: Deployment) -> None:
        primary.rollout, primary.failed = "COMPLETED", 0
        primary.reason = f"ECS deployment {primary.id} completed."
        primary.updated_at = self._timeline.now
        service.deployments = [primary]
        self.say(service, f"(deployment {primary.id}) deployment completed.")
        entry = self._entry_of(service, primary)
        if entry:
            is_rollback = entry.status == "ROLLBACK_IN_PROGRESS"
            entry.status = "ROLLBACK_SUCCESSFUL" if is_rollback else "SUCCESSFUL"
            entry.finished_at = entry.updated_at = self._timeline.now

    def _task_changed(self, service: Service, task: Task, failed: bool) -> None:
        if failed:
            self._count_failure(service, task)
            if task.exit_code:
                self.crashed(service, task)
        elif task.is_healthy and task.target == "healthy":
            self._note_healthy(service, task)
        self.settle(service)

    def _note_healthy(self, service: Service, task: Task) -> None:
        deployment = service.current(task.deployment)
        if deployment and task.healthy_since == self._timeline.now:
            deployment.failed = 0
            self.say(service, f"registered 1 targets in (target-group {service.target_groups[0]})")

    def _count_failure(self, service: Service, task: Task) -> None:
        primary = service.primary
        if task.deployment != primary.id:
            return
        primary.failed += 1
        primary.updated_at = self._timeline.now
        if task.started_at is None:  # ECS waits only for those that did not even come to run.
            self._wait(service, primary)
        if primary.failed == service.desired or primary.failed == LEAST_FAILURES:
            self.say(service, "is unable to consistently start tasks successfully.")
        entry = self._entry_of(service, primary)
        if entry:
            entry.failures = primary.failed
        if (
            service.breaks
            and primary.rollout == "IN_PROGRESS"
            and primary.failed >= threshold(service)
        ):
            self._trip(service, primary, entry)

    def _wait(self, service: Service, primary: Deployment) -> None:
        seconds = min(LONGEST_WAIT, WAIT_PER_FAILURE * primary.failed)
        primary.next_start = self._timeline.now + seconds * self._timeline.scale
        self._timeline.after(seconds, lambda: self.settle(service))

    def _trip(
        self, service: Service, failing: Deployment, entry: ServiceDeployment | None
    ) -> None:
        failing.rollout = "FAILED"
        failing.reason = "ECS deployment circuit breaker: tasks failed to start."
        self.say(service, f"(deployment {failing.id}) deployment failed: tasks failed to start.")
        if entry is None:
            return
        was_rolling_back = entry.status == "ROLLBACK_IN_PROGRESS"
        entry.is_tripped, entry.updated_at = True, self._timeline.now
        good = _last_good(service)
        if not service.rolls_back or good is None or was_rolling_back:
            entry.status = "ROLLBACK_FAILED" if was_rolling_back else "STOPPED"
            entry.reason = "The deployment circuit breaker threshold was exceeded."
            entry.stopped_at = entry.finished_at = self._timeline.now
            return
        entry.status = "ROLLBACK_IN_PROGRESS"
        entry.reason = (
            "Service deployment rolled back because the circuit breaker threshold was exceeded."
        )
        entry.rolled_back_to, entry.rolled_back_at = good.target, self._timeline.now
        back = self._make_primary(service, service.revisions[good.target].definition)
        back.reason = (
            f"ECS deployment circuit breaker: rolling back to deployment {good.deployment}."
        )
        entry.deployment = back.id
        self.say(service, f"rolling back to deployment {good.deployment}.")

    def _entry_of(self, service: Service, deployment: Deployment) -> ServiceDeployment | None:
        return next((one for one in service.record if one.deployment == deployment.id), None)


def _last_good(service: Service) -> ServiceDeployment | None:
    return next((one for one in service.record if one.status == "SUCCESSFUL"), None)


def _remembered(tasks: list[Task]) -> list[Task]:
    """Without those that ended longest ago."""
    ended = [task for task in tasks if task.status == "STOPPED"]
    forgotten = {task.id for task in ended[:-MOST_ENDED_KEPT]}
    return [task for task in tasks if task.id not in forgotten]


def _named(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {task.id})" for task in tasks)
