"""
Reads services and their deployments, and makes the changes in `adapters.ecs.changes`.

boto3's `services_stable` is not used: it is content with any single deployment that runs, also
with the old one after ECS has rolled the new one back. What counts here is which task definition
the primary deployment has, and what ECS says of that deployment's rollout.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from adapters.aws_calls import AwsCalls, answered_at
from adapters.aws_errors import NotThere
from adapters.ecs.changes import BeginUpdate, RestartService, ScaleService, UpdateService
from adapters.ecs.facts import Deployments, Service, Services
from adapters.ecs.history import READS as HISTORY_READS
from adapters.ecs.history import History, primary_of, short_name
from adapters.ecs.rolling import READS as ROLLING_READS
from adapters.ecs.rolling import (
    Registered,
    RollingDeployment,
    newest_rollout,
    registered,
    rollout,
)
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import Refused, StepError

READS: tuple[str, ...] = (
    "ecs:ListServices",
    "ecs:DescribeServices",
    "ecs:ListTasks",
    "ecs:DescribeTasks",
    *HISTORY_READS,
    *ROLLING_READS,
)
MOST_NAMES_PER_CALL = 10
MOST_SERVICES, MOST_STOPPED_TASKS = 200, 100
#: How ECS begins the reason of a stop that is part of any deployment.
STOPPED_BY_DESIGN = "Scaling activity initiated by"


class Ecs(Adapter):
    def __init__(self, calls: AwsCalls, cluster: str) -> None:
        self._calls, self._cluster = calls, cluster

    async def names(self) -> list[str]:
        """Every service of the cluster, by name."""
        pages = await self._calls.read_pages(
            "ecs", "list_services", "serviceArns", MOST_SERVICES, cluster=self._cluster
        )
        return sorted(short_name(arn) for arn in pages.items)

    async def services(self, names: Sequence[str]) -> Services:
        """A service that ECS does not know is in it as well, as one that does not exist."""
        described, as_of = await self._describe(names)
        found = await asyncio.gather(*(self._service(name, described.get(name)) for name in names))
        return Services(services=tuple(found), as_of=as_of)

    async def deployments(self, names: Sequence[str], newest: int = 5) -> Deployments:
        """The newest of each service, and the current one if it is older than those."""
        described, as_of = await self._describe(names)
        history = History(self._calls, self._cluster, as_of)
        found = await asyncio.gather(
            *(history.of(described[name], newest) for name in names if name in described)
        )
        return Deployments(
            newest=tuple(deployment for one in found for deployment in one),
            missing=tuple(name for name in names if name not in described),
            as_of=as_of,
        )

    async def registered(self, service: str, version: str, digest: str) -> Registered:
        """Raises Refused for a service that ECS does not deploy."""
        return await registered(self._calls, self._cluster, service, version, digest)

    async def newest_rollout(self, service: str, task_definition: str) -> RollingDeployment:
        """The newest deployment of that; without an `arn` there is none. Raises NotThere."""
        found = await newest_rollout(self._calls, self._cluster, service, task_definition)
        return await self._explained(found)

    async def rollout(self, of: RollingDeployment) -> RollingDeployment:
        """The same deployment, as it is now. Raises NotThere when the service is gone."""
        return await self._explained(await rollout(self._calls, of))

    async def _see_update(self, change: UpdateService) -> Seen:
        seen = await self._primary(change)
        if isinstance(seen, Seen):
            return seen
        now = short_name(seen["taskDefinition"])
        if now == change.task_definition:
            return _rollout(change, seen)
        is_same = change.deployment_id in (None, seen["id"])
        if now != change.replacing or not is_same:
            return Seen("drifted", f"{change.service} runs {now}{await self._since(change)}")
        return Seen("before", f"{change.service} runs {now}")

    async def _see_begun(self, change: BeginUpdate) -> Seen:
        seen = await self._see_update(change)
        return Seen("applied", seen.now) if seen.state == "applying" else seen

    async def _update(self, change: UpdateService, key: Key) -> None:
        await self._write(change, taskDefinition=change.task_definition)

    async def _see_scale(self, change: ScaleService) -> Seen:
        service = await self._one(change)
        if service is None:
            return _missing(change)
        wants, runs = service["desiredCount"], service["runningCount"]
        now = f"{change.service} runs {runs} of {wants} tasks"
        if wants == change.desired:
            return Seen("applied" if runs == wants else "applying", now)
        return Seen("before" if str(wants) == change.replacing else "drifted", now)

    async def _scale(self, change: ScaleService, key: Key) -> None:
        await self._write(change, desiredCount=change.desired)

    async def _see_restart(self, change: RestartService) -> Seen:
        seen = await self._primary(change)
        if isinstance(seen, Seen):
            return seen
        now = short_name(seen["taskDefinition"])
        if now != change.task_definition:
            return Seen("drifted", f"{change.service} runs {now}")
        if seen["id"] == change.replacing:
            return Seen("before", f"{change.service} runs {now}, not restarted")
        return _rollout(change, seen)

    async def _restart(self, change: RestartService, key: Key) -> None:
        await self._write(change, forceNewDeployment=True)

    alters = (
        pair(
            UpdateService,
            observe=_see_update,
            apply=_update,
            permissions=("ecs:UpdateService", "iam:PassRole"),
        ),
        pair(
            BeginUpdate,
            observe=_see_begun,
            apply=_update,
            permissions=("ecs:UpdateService", "iam:PassRole"),
        ),
        pair(ScaleService, observe=_see_scale, apply=_scale, permissions=("ecs:UpdateService",)),
        pair(
            RestartService,
            observe=_see_restart,
            apply=_restart,
            permissions=("ecs:UpdateService",),
        ),
    )

    async def _write(
        self, change: UpdateService | ScaleService | RestartService, **params: Any
    ) -> None:
        await self._calls.write(
            "ecs", "update_service", cluster=change.cluster, service=change.service, **params
        )

    async def _since(self, change: UpdateService) -> str:
        """Why it runs something else: ECS itself may have taken back what was asked of it."""
        with suppress(StepError):
            newest = await newest_rollout(
                self._calls, change.cluster, change.service, change.task_definition
            )
            if newest.is_reversed and not newest.replaced_by:
                return f": ECS takes {change.task_definition} back by itself. {newest.reason}"
        return ", in a deployment begun since"

    async def _primary(self, change: UpdateService | RestartService) -> dict[str, Any] | Seen:
        """The service's primary deployment, or why it cannot be told."""
        service = await self._one(change)
        if service is None:
            return _missing(change)
        controller = service.get("deploymentController", {}).get("type", "ECS")
        if controller != "ECS":
            return Seen("unreadable", f"{change.service} is deployed by {controller}, not by ECS")
        primary = primary_of(service)
        if primary is None:
            return Seen("unreadable", f"{change.service} has no primary deployment")
        return primary

    async def _one(
        self, change: UpdateService | ScaleService | RestartService
    ) -> dict[str, Any] | None:
        answer = await self._calls.read(
            "ecs", "describe_services", cluster=change.cluster, services=[change.service]
        )
        return _by_name(answer).get(change.service)

    async def _describe(self, names: Sequence[str]) -> tuple[dict[str, dict[str, Any]], datetime]:
        answers = await asyncio.gather(
            *(
                self._calls.read(
                    "ecs",
                    "describe_services",
                    cluster=self._cluster,
                    services=list(names[start : start + MOST_NAMES_PER_CALL]),
                    include=["TAGS"],
                )
                for start in range(0, len(names), MOST_NAMES_PER_CALL)
            )
        )
        if not answers:
            raise Refused("No service was named, so there is nothing to look at.")
        found = {name: one for answer in answers for name, one in _by_name(answer).items()}
        return found, answered_at(answers[0])

    async def _service(self, name: str, service: dict[str, Any] | None) -> Service:
        if service is None:
            return Service(cluster=self._cluster, name=name, exists=False)
        primary = primary_of(service) or {}
        rollout = primary.get("rolloutState", "")
        return Service(
            cluster=self._cluster,
            name=name,
            desired=service["desiredCount"],
            running=service["runningCount"],
            pending=service["pendingCount"],
            task_definition=short_name(primary.get("taskDefinition", service["taskDefinition"])),
            deployment_id=primary.get("id", ""),
            rollout="" if rollout == "COMPLETED" else rollout.lower().replace("_", " "),
            target_groups=tuple(
                balancer["targetGroupArn"]
                for balancer in service.get("loadBalancers", [])
                if "targetGroupArn" in balancer
            ),
            stopped_because=await self._stopped_because(name),
        )

    async def _explained(self, found: RollingDeployment) -> RollingDeployment:
        if not found.failed:
            return found
        why = await self._stopped_because(found.service)
        return found.model_copy(update={"stopped_because": why})

    async def _stopped_because(self, name: str) -> tuple[str, ...]:
        """ECS forgets stopped tasks after about an hour."""
        try:
            listed = await self._calls.read(
                "ecs",
                "list_tasks",
                cluster=self._cluster,
                serviceName=name,
                desiredStatus="STOPPED",
                maxResults=MOST_STOPPED_TASKS,
            )
        except NotThere:
            return ()  # It was deleted in between; its own row says so next time.
        if not listed["taskArns"]:
            return ()
        answer = await self._calls.read(
            "ecs", "describe_tasks", cluster=self._cluster, tasks=listed["taskArns"]
        )
        reasons = Counter(_why_stopped(task) for task in answer["tasks"])
        return tuple(
            f"{why} ({count} x)" if count > 1 else why
            for why, count in reasons.most_common()
            if why and not why.startswith(STOPPED_BY_DESIGN)
        )


def _by_name(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Services by name; one that is deleted, or about to be, is as good as missing."""
    for failure in answer.get("failures", []):
        if failure.get("reason") != "MISSING":
            raise Refused(f"ECS does not describe {failure.get('arn')}: {failure.get('reason')}")
    return {one["serviceName"]: one for one in answer["services"] if one["status"] == "ACTIVE"}


def _rollout(change: UpdateService | RestartService, primary: dict[str, Any]) -> Seen:
    wants, runs = primary["desiredCount"], primary["runningCount"]
    what = f"{change.service} runs {runs} of {wants} tasks of {change.task_definition}"
    match primary.get("rolloutState"):
        case "COMPLETED":
            return Seen("applied" if runs == wants else "applying", what)
        case "IN_PROGRESS":
            failed = primary.get("failedTasks", 0)
            return Seen("applying", f"{what}, {failed} failed" if failed else what)
        case "FAILED":
            why = primary.get("rolloutStateReason", "no reason given")
            return Seen("drifted", f"{what}; its rollout failed: {why}")
        case strange:
            return Seen("unreadable", f"{what}; ECS calls its rollout {strange}")


def _missing(change: ScaleService | UpdateService | RestartService) -> Seen:
    return Seen("drifted", f"{change.service} does not exist in cluster {change.cluster}")


def _why_stopped(task: dict[str, Any]) -> str:
    why = str(task.get("stoppedReason", ""))
    codes = ", ".join(
        f"{container['name']} exited with {container['exitCode']}"
        for container in task.get("containers", [])
        if container.get("exitCode")
    )
    return f"{why}: {codes}" if codes else why
