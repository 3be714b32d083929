"""
What was deployed to a service, and where it could go back to.

The source is ECS's own record of service deployments: `describe_services` knows only those that
are alive, and its task definition is the current one, so that rolling back to it does nothing.
"""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapters.aws_calls import Answer, AwsCalls
from adapters.aws_errors import NotThere
from adapters.ecs.facts import Deployment, Rollout
from bot.runbook.errors import Unreachable

READS: tuple[str, ...] = (
    "ecs:ListServiceDeployments",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeTaskDefinition",
    "ecr:DescribeImages",
)
ROLLOUTS: dict[str, Rollout] = {
    "PENDING": "in progress",
    "IN_PROGRESS": "in progress",
    "SUCCESSFUL": "completed",
    "STOP_REQUESTED": "stopped",
    "STOPPED": "stopped",
    "ROLLBACK_REQUESTED": "rolling back",
    "ROLLBACK_IN_PROGRESS": "rolling back",
    "ROLLBACK_SUCCESSFUL": "rolled back",
    "ROLLBACK_FAILED": "failed",
    "COMPLETED": "completed",
    "FAILED": "failed",
}
#: How far back to look. AWS gives details of at most 20 at a time, and keeps them for 90 days.
MOST_LISTED, MOST_DETAILED, MOST_TRIED = 100, 20, 5
DEPLOYED_BY_TAG = "deployed-by"
PRIVATE_ECR = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]+))?"
)


@dataclass(frozen=True)
class _Entry:
    """One deployment of the record, with what its revision says."""

    arn: str
    task_definition: str
    image: str
    rollout: Rollout
    reason: str
    created_at: datetime


@dataclass(frozen=True)
class _LastGood:
    task_definition: str | None = None
    image: str = ""
    because: str = ""


@dataclass
class History:
    """Reads for one answer; a task definition it has read it does not read again."""

    calls: AwsCalls
    cluster: str
    as_of: datetime
    _read: dict[str, Answer] = field(default_factory=dict)

    async def of(self, service: Answer, newest: int) -> tuple[Deployment, ...]:
        """Newest first. `service` is as describe_services gives it."""
        entries = await self.entries(service["serviceName"])
        current = _current(service, entries)
        shown = entries[:newest]
        if current and current not in shown:
            shown.append(current)
        details, authors = await asyncio.gather(
            self.details([entry.arn for entry in shown if entry.arn]),
            self._authors({entry.task_definition for entry in shown}),
        )
        deployments = [
            self._deployment(service, one, authors[one.task_definition], details.get(one.arn, {}))
            for one in shown
        ]
        if current:
            more = await self._of_current(service, current, entries)
            place = shown.index(current)
            deployments[place] = deployments[place].model_copy(update=more)
        return tuple(deployments)

    async def _of_current(
        self, service: Answer, current: _Entry, entries: list[_Entry]
    ) -> dict[str, object]:
        last_good = await self._last_good(current, entries)
        primary = primary_of(service)
        return {
            "is_current": True,
            "deployment_id": primary["id"] if primary else None,
            "last_good": last_good.task_definition,
            "last_good_image": last_good.image,
            "no_last_good_because": last_good.because,
            "rolling_back_by_itself": bool(entries) and entries[0].rollout == "rolling back",
        }

    def _deployment(
        self, service: Answer, entry: _Entry, author: str, details: Answer
    ) -> Deployment:
        how = details.get("deploymentConfiguration") or service.get("deploymentConfiguration", {})
        breaker = how.get("deploymentCircuitBreaker", {})
        tripped = details.get("deploymentCircuitBreaker", {}).get("status") == "TRIGGERED"
        return Deployment(
            cluster=self.cluster,
            service=service["serviceName"],
            task_definition=entry.task_definition,
            image=entry.image,
            started_at=entry.created_at,
            age=max(self.as_of - entry.created_at, timedelta()),
            deployed_by=author,
            rollout="failed" if tripped and entry.rollout == "stopped" else entry.rollout,
            reason=entry.reason,
            is_current=False,
            circuit_breaker=bool(breaker.get("enable") and breaker.get("rollback")),
        )

    async def entries(self, service: str) -> list[_Entry]:
        """Its record, newest first."""
        listed = await self.calls.read(
            "ecs",
            "list_service_deployments",
            cluster=self.cluster,
            service=service,
            maxResults=MOST_LISTED,
        )
        briefs = sorted(
            listed["serviceDeployments"], key=lambda brief: brief["createdAt"], reverse=True
        )[:MOST_DETAILED]
        revisions = await self._revisions([b["targetServiceRevisionArn"] for b in briefs])
        return [
            _Entry(
                arn=brief["serviceDeploymentArn"],
                task_definition=short_name(revision["taskDefinition"]),
                image=_image(revision.get("containerImages", [])),
                rollout=_rollout(brief["status"]),
                reason=brief.get("statusReason", ""),
                created_at=brief["createdAt"].astimezone(UTC),
            )
            for brief in briefs
            if (revision := revisions.get(brief["targetServiceRevisionArn"]))
        ]

    async def _revisions(self, arns: list[str]) -> dict[str, Answer]:
        if not arns:
            return {}
        answer = await self.calls.read(
            "ecs", "describe_service_revisions", serviceRevisionArns=list(dict.fromkeys(arns))
        )
        return {one["serviceRevisionArn"]: one for one in answer["serviceRevisions"]}

    async def details(self, arns: list[str]) -> dict[str, Answer]:
        if not arns:
            return {}
        answer = await self.calls.read(
            "ecs", "describe_service_deployments", serviceDeploymentArns=arns
        )
        return {one["serviceDeploymentArn"]: one for one in answer["serviceDeployments"]}

    async def _authors(self, task_definitions: set[str]) -> dict[str, str]:
        names = list(task_definitions)
        authors = await asyncio.gather(*(self._author(name) for name in names))
        return dict(zip(names, authors, strict=True))

    async def _author(self, task_definition: str) -> str:
        try:
            answer = await self.task_definition(task_definition)
        except NotThere:
            return "unknown"
        tags = {tag["key"]: tag["value"] for tag in answer.get("tags", [])}
        registered_by = answer["taskDefinition"].get("registeredBy", "")
        return tags.get(DEPLOYED_BY_TAG) or short_name(registered_by) or "unknown"

    async def _last_good(self, current: _Entry | None, entries: list[_Entry]) -> _LastGood:
        if current is None:
            return _LastGood(because="what runs now is not known")
        reasons: list[str] = []
        for entry in _earlier(current, entries)[:MOST_TRIED]:
            unfit = await self._unfit(entry.task_definition)
            if not unfit:
                return _LastGood(entry.task_definition, entry.image)
            reasons.append(unfit)
        return _LastGood(because="; ".join(reasons) or "no earlier one has completed")

    async def _unfit(self, task_definition: str) -> str:
        """Why a service cannot be moved to it; empty when it can."""
        try:
            answer = (await self.task_definition(task_definition))["taskDefinition"]
        except NotThere:
            return f"{task_definition} is gone"
        if answer["status"] != "ACTIVE":
            return f"{task_definition} is {answer['status']}"
        for container in answer["containerDefinitions"]:
            # What comes from another registry cannot be looked at; ECS pulls it as it did before.
            in_ecr = PRIVATE_ECR.fullmatch(container["image"])
            if in_ecr and not await self._is_in_ecr(in_ecr):
                return f"{task_definition}: {short_name(in_ecr[0])} is no longer in ECR"
        return ""

    async def _is_in_ecr(self, image: re.Match[str]) -> bool:
        digest, tag = image["digest"], image["tag"]
        which = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
        try:
            await self.calls.read(
                "ecr",
                "describe_images",
                registryId=image["registry"],
                repositoryName=image["repository"],
                imageIds=[which],
            )
        except NotThere:
            return False
        return True

    async def task_definition(self, name: str) -> Answer:
        if name not in self._read:
            self._read[name] = await self.calls.read(
                "ecs", "describe_task_definition", taskDefinition=name, include=["TAGS"]
            )
        return self._read[name]


def primary_of(service: Answer) -> Answer | None:
    deployments = service.get("deployments", [])
    return next((one for one in deployments if one["status"] == "PRIMARY"), None)


def _rollout(status: str) -> Rollout:
    if status not in ROLLOUTS:
        raise Unreachable(
            f"ECS says {status} of a deployment, which the bot does not know: look in the console"
        )
    return ROLLOUTS[status]


def short_name(arn: str) -> str:
    """The last part: `complyai-core:42` of a task definition's ARN."""
    return arn.rsplit("/", 1)[-1]


def _current(service: Answer, entries: list[_Entry]) -> _Entry | None:
    """The newest entry of what is primary; from the service itself when the record has none."""
    primary = primary_of(service)
    if primary is None:
        return None
    runs = short_name(primary["taskDefinition"])
    recorded = (entry for entry in entries if entry.task_definition == runs)
    return next(recorded, None) or _Entry(
        arn="",
        task_definition=runs,
        image="",
        rollout=_rollout(primary.get("rolloutState", "COMPLETED")),
        reason=primary.get("rolloutStateReason", ""),
        created_at=primary["createdAt"].astimezone(UTC),
    )


def _earlier(current: _Entry, entries: list[_Entry]) -> list[_Entry]:
    """
    Those that completed before the current one was first deployed, newest first. Later ones do
    not count: after a roll-back they are what was rolled back from.
    """
    same = (e.created_at for e in entries if e.task_definition == current.task_definition)
    first = min(same, default=current.created_at)
    fit: dict[str, _Entry] = {}
    for entry in entries:
        is_earlier = entry.created_at < first
        is_forward = _is_forward(entry.task_definition, current.task_definition)
        if entry.rollout == "completed" and is_earlier and not is_forward:
            fit.setdefault(entry.task_definition, entry)
    return list(fit.values())


def _is_forward(to: str, now: str) -> bool:
    (family, revision), (family_now, revision_now) = to.rsplit(":", 1), now.rsplit(":", 1)
    return family == family_now and int(revision) >= int(revision_now)


def _image(images: list[Answer]) -> str:
    return short_name(images[0]["image"]) if images else ""
