"""
One deployment of a service, followed by its own id, and what the pipeline has registered for it.

What is primary says nothing about a deployment: after the circuit breaker has reversed it, or the
pipeline has replaced it, the service is as stable as before, and runs something else.
"""

import asyncio
from datetime import datetime

from adapters.aws_calls import Answer, AwsCalls, answered_at
from adapters.aws_errors import NotThere
from adapters.ecs.changes import BeginUpdate
from adapters.ecs.facts import FAILED, Rollout
from adapters.ecs.history import PRIVATE_ECR, History, primary_of, short_name
from adapters.plain import plain
from bot.runbook import Facts, Table
from bot.runbook.errors import Refused

READS: tuple[str, ...] = ("ecs:ListTaskDefinitions",)
#: How many revisions of a family are looked through for an image, and at once.
MOST_REVISIONS, AT_ONCE = 20, 5
MOST_EVENTS = 5


class Registered(Facts):
    """What is registered for an image, beside what the service is meant to run now."""

    cluster: str
    service: str
    version: str
    #: The newest active one of the service's family with that image; None: none of the newest 20.
    task_definition: str | None = None
    runs: str = ""  #: Family and revision, `complyai-core:42`; empty: there is no such service.
    deployment_id: str = ""  #: Of the deployment that is primary.

    def roll_out(self) -> BeginUpdate | None:
        """None: there is nothing to roll out, or it is what the service is meant to run."""
        if self.task_definition is None or self.task_definition == self.runs:
            return None
        return BeginUpdate(
            cluster=self.cluster,
            service=self.service,
            task_definition=self.task_definition,
            replacing=self.runs,
            deployment_id=self.deployment_id,
        )


class RollingDeployment(Facts):
    """A deployment as ECS's record has it. Without an `arn` the record has none."""

    cluster: str
    service: str
    task_definition: str
    arn: str = ""
    started_at: datetime | None = None
    rollout: Rollout = "in progress"
    reason: str = ""  #: What ECS says of the rollout.
    desired: int = 0
    running: int = 0
    failed: int = 0  #: Tasks that did not come up.
    stopped_because: tuple[str, ...] = ()  #: Tasks of the service, in the last hour.
    trips_at: int = 0  #: So many failed tasks trip the circuit breaker; 0: there is none.
    replaced_by: str = ""  #: The task definition of a deployment that was begun after it.
    events: tuple[str, ...] = ()  #: Of the service since it began, the newest first.
    as_of: datetime

    @property
    def has_failed(self) -> bool:
        return self.rollout in FAILED

    @property
    def is_reversed(self) -> bool:
        """By ECS itself, or it is at it."""
        return self.rollout in ("rolling back", "rolled back")

    @property
    def is_complete(self) -> bool:
        return self.rollout == "completed" and not self.replaced_by

    @property
    def share(self) -> float:
        return min(1.0, self.running / self.desired) if self.desired else 0.0

    def says(self) -> str:
        trips = f", {self.trips_at} trip the circuit breaker" if self.trips_at else ""
        why = f" ({'; '.join(self.stopped_because)})" if self.stopped_because else ""
        failed = f"; {self.failed} failed{trips}{why}" if self.failed else ""
        return f"{self.running} of {self.desired} tasks of {self.task_definition} run{failed}"

    def table(self) -> Table:
        return Table(("What ECS says of it, newest first",), tuple((one,) for one in self.events))


async def registered(
    calls: AwsCalls, cluster: str, service: str, version: str, digest: str
) -> Registered:
    """Raises Refused for a service that ECS does not deploy."""
    nothing = Registered(cluster=cluster, service=service, version=version)
    try:
        answer = await _service(calls, cluster, service)
    except NotThere:
        return nothing
    primary = primary_of(answer)
    if primary is None:
        raise Refused(f"{service} has no primary deployment: ECS does not deploy it")
    runs = short_name(primary["taskDefinition"])
    found = await with_image(calls, runs.rpartition(":")[0], service, version, digest)
    return nothing.model_copy(
        update={"task_definition": found, "runs": runs, "deployment_id": primary["id"]}
    )


async def with_image(
    calls: AwsCalls, family: str, repository: str, version: str, digest: str
) -> str | None:
    """The newest active task definition of a family that runs this image."""
    names = await newest_active(calls, family)
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        read = await asyncio.gather(*(_read(calls, name) for name in some))
        for name, found in zip(some, read, strict=True):
            if found and _runs_image(found, repository, version, digest):
                return name
    return None


async def newest_active(calls: AwsCalls, family: str) -> list[str]:
    """Of a family, the newest first."""
    listed = await calls.read(
        "ecs",
        "list_task_definitions",
        familyPrefix=family,
        status="ACTIVE",
        sort="DESC",
        maxResults=MOST_REVISIONS,
    )
    return [short_name(arn) for arn in listed["taskDefinitionArns"]]


async def newest_rollout(
    calls: AwsCalls, cluster: str, service: str, task_definition: str
) -> RollingDeployment:
    """The newest deployment of this task definition. Raises NotThere for a strange service."""
    return await _rollout(calls, cluster, service, task_definition, "")


async def rollout(calls: AwsCalls, of: RollingDeployment) -> RollingDeployment:
    """The same deployment, as it is now."""
    return await _rollout(calls, of.cluster, of.service, of.task_definition, of.arn)


async def _rollout(
    calls: AwsCalls, cluster: str, service: str, task_definition: str, arn: str
) -> RollingDeployment:
    answer = await _service(calls, cluster, service)
    as_of = answered_at(answer)
    history = History(calls, cluster, as_of)
    entries = await history.entries(service)
    known = [
        one
        for one in entries
        if (one.arn == arn if arn else one.task_definition == task_definition)
    ]
    bare = RollingDeployment(
        cluster=cluster, service=service, task_definition=task_definition, as_of=as_of
    )
    if not known:
        return bare
    (one, *_), newest = known, entries[0]
    details = (await history.details([one.arn])).get(one.arn, {})
    breaker = details.get("deploymentCircuitBreaker", {})
    target = details.get("targetServiceRevision", {})
    return bare.model_copy(
        update={
            "arn": one.arn,
            "started_at": one.created_at,
            "rollout": "failed" if _has_tripped(breaker, one.rollout) else one.rollout,
            "reason": plain(one.reason),
            "desired": target.get("requestedTaskCount", 0),
            "running": target.get("runningTaskCount", 0),
            "failed": max(breaker.get("failureCount", 0), _failed(answer, task_definition)),
            "trips_at": breaker.get("threshold", 0) if breaker.get("status") != "DISABLED" else 0,
            "replaced_by": newest.task_definition if newest.arn != one.arn else "",
            "events": _events(answer, one.created_at),
        }
    )


async def _service(calls: AwsCalls, cluster: str, service: str) -> Answer:
    """As describe_services gives it, with when it was answered."""
    answer = await calls.read("ecs", "describe_services", cluster=cluster, services=[service])
    for one in answer["services"]:
        if one["status"] == "ACTIVE":
            return {**one, "ResponseMetadata": answer.get("ResponseMetadata", {})}
    raise NotThere(f"{plain(service, 80)} does not exist in cluster {cluster}")


async def _read(calls: AwsCalls, name: str) -> Answer | None:
    """None: it was deleted meanwhile."""
    try:
        answer = await calls.read("ecs", "describe_task_definition", taskDefinition=name)
    except NotThere:
        return None
    found: Answer = answer["taskDefinition"]
    return found


def _runs_image(definition: Answer, repository: str, version: str, digest: str) -> bool:
    for container in definition["containerDefinitions"]:
        image = PRIVATE_ECR.fullmatch(container["image"])
        is_ours = image is not None and image["repository"] == repository
        if image and is_ours and (image["tag"] == version or image["digest"] == digest):
            return True
    return False


def _failed(service: Answer, task_definition: str) -> int:
    """Of what is primary: without a circuit breaker nobody else counts them."""
    primary = primary_of(service)
    if primary is None or short_name(primary["taskDefinition"]) != task_definition:
        return 0
    return int(primary.get("failedTasks", 0))


def _has_tripped(breaker: Answer, rollout: Rollout) -> bool:
    return breaker.get("status") == "TRIGGERED" and rollout == "stopped"


def _events(service: Answer, since: datetime) -> tuple[str, ...]:
    newer = (one for one in service.get("events", []) if one["createdAt"] >= since)
    return tuple(plain(one["message"], 160) for one in list(newer)[:MOST_EVENTS])
