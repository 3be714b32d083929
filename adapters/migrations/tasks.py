"""
Tasks of ECS that run one command of a service's image: begun once for a token, found again by who
started them, and followed by their log until they have stopped.
"""

import asyncio
import re
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.aws_calls import Answer, AwsCalls
from adapters.aws_errors import NotThere
from adapters.plain import plain
from bot.runbook.errors import Refused, StepError

MOST_TASKS = 100
LONGEST_LINE, LONGEST_REASON = 300, 300
#: The newest lines of a task that are kept, and the pages of its log that one look reads.
MOST_LINES, MOST_PAGES = 2000, 20
#: An exception by its name, as Python prints it, or what alembic itself has to say.
COMPLAINT = re.compile(r"[\w.]*(?:Error|Exception)\b.*:|FAILED:")
LAST_WORD = "Essential container in task exited"


@dataclass(frozen=True)
class Place:
    """What a service runs, and where: a task of its own is run likewise."""

    cluster: str
    service: str
    task_definition: str
    container: str
    image: str
    how: Answer = field(default_factory=dict)  #: launchType, networkConfiguration and so on.


@dataclass(frozen=True)
class Task:
    arn: str
    status: str
    exit_code: int | None
    reason: str
    created_at: datetime | None
    log_group: str
    log_stream: str

    @property
    def is_over(self) -> bool:
        return self.status == "STOPPED"

    def says(self) -> str:
        if not self.is_over:
            return f"task {short_name(self.arn)[:8]} is {self.status}"
        code = "without an exit code" if self.exit_code is None else f"with {self.exit_code}"
        why = f" ({self.reason})" if self.reason and self.reason != LAST_WORD else ""
        return f"task {short_name(self.arn)[:8]} ended {code}{why}"


@dataclass
class Lines:
    """Of one task's log; the newest are kept, all are counted and given to `heard`."""

    heard: Callable[[str], object] = lambda _: None
    kept: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    count: int = 0
    _token: str = ""

    @property
    def last(self) -> str:
        found = next((one for one in reversed(self.kept) if one.strip()), "")
        return plain(found, LONGEST_LINE)

    @property
    def complaint(self) -> str:
        """What tells most of why it failed: the last error, else the last line."""
        found = next((one for one in reversed(self.kept) if COMPLAINT.match(one)), "")
        return plain(found, LONGEST_LINE) or self.last

    def shown(self) -> tuple[str, ...]:
        """The newest, without secrets. Made when it is shown: a log may come fast."""
        return tuple(plain(one, LONGEST_LINE) for one in self.kept)

    async def read(self, calls: AwsCalls, task: Task) -> None:
        """What has come since. A stream that is not there yet has no lines."""
        for _ in range(MOST_PAGES):
            more = {"nextToken": self._token} if self._token else {}
            try:
                answer = await calls.read(
                    "logs", "get_log_events", logGroupName=task.log_group,
                    logStreamName=task.log_stream, startFromHead=True, **more,
                )  # fmt: skip
            except NotThere:
                return
            for event in answer["events"]:
                self._take(str(event.get("message", "")))
            is_end = answer["nextForwardToken"] == self._token
            self._token = answer["nextForwardToken"]
            if is_end or not answer["events"]:
                return

    def _take(self, text: str) -> None:
        self.count += 1
        self.heard(text)
        self.kept.append(text[: 10 * LONGEST_LINE])


class OneOffTasks:
    """`look_every_s`: between two looks at a task that runs."""

    def __init__(self, calls: AwsCalls, cluster: str, look_every_s: float) -> None:
        self._calls, self.cluster, self._every_s = calls, cluster, look_every_s
        self._read: dict[str, dict[str, Any]] = {}  #: Containers, by task definition.

    async def place(self, service: str) -> Place:
        """Raises Refused when there is no such service, or its tasks say nothing in a log."""
        answer = await self._calls.read(
            "ecs", "describe_services", cluster=self.cluster, services=[service]
        )
        found = [one for one in answer["services"] if one["status"] == "ACTIVE"]
        if not found:
            raise Refused(f"There is no service {plain(service, 80)} in {self.cluster}.")
        name = short_name(found[0]["taskDefinition"])
        container = await self._container(name)
        kept = ("networkConfiguration", "platformVersion", "capacityProviderStrategy")
        how = {key: found[0][key] for key in kept if found[0].get(key)}
        if "capacityProviderStrategy" not in how:
            how["launchType"] = found[0].get("launchType", "FARGATE")
        _log_of(container)
        image = short_name(container["image"])
        return Place(self.cluster, service, name, container["name"], image, how)

    async def run(
        self, place: Place, argv: Sequence[str], token: str, started_by: str,
        environment: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        """Makes one call, once. Raises Refused when ECS has no room for it, or will not."""
        override: Answer = {"name": place.container, "command": list(argv)}
        if environment:
            override["environment"] = [{"name": n, "value": v} for n, v in environment]
        answer = await self._calls.write(
            "ecs", "run_task", cluster=place.cluster, taskDefinition=place.task_definition,
            count=1, clientToken=token, startedBy=started_by,
            overrides={"containerOverrides": [override]}, **place.how,
        )  # fmt: skip
        if not answer.get("tasks"):
            reasons = [plain(one.get("reason"), 80) for one in answer.get("failures", [])]
            why = ", ".join(reasons) or "no reason given"
            raise Refused(f"ECS started no task: {why}. Nothing was changed: try again later.")

    async def find(self, started_by: str) -> list[Task]:
        """The newest first. Those that stopped an hour ago are not told any more."""
        listed = await asyncio.gather(
            *(
                self._calls.read(
                    "ecs", "list_tasks", cluster=self.cluster, startedBy=started_by,
                    desiredStatus=status, maxResults=MOST_TASKS,
                )
                for status in ("RUNNING", "STOPPED")
            )
        )  # fmt: skip
        arns = list(dict.fromkeys(arn for answer in listed for arn in answer["taskArns"]))
        if not arns:
            return []
        answer = await self._calls.read(
            "ecs", "describe_tasks", cluster=self.cluster, tasks=arns[:MOST_TASKS]
        )
        found = [await self._task(one) for one in answer["tasks"]]
        return sorted(found, key=lambda one: str(one.created_at), reverse=True)

    async def follow(self, started_by: str, lines: Lines) -> AsyncIterator[Task]:
        """
        Each look that was answered, until it has stopped and all its lines are read. What cannot
        be read for a while is no sign of life, and gives nothing.
        """
        while True:
            with suppress(StepError):
                found = await self.find(started_by)
                if found:
                    await lines.read(self._calls, found[0])
                    yield found[0]
                    if found[0].is_over:
                        return
            await asyncio.sleep(self._every_s)

    async def read_lines(self, task: Task, lines: Lines) -> None:
        await lines.read(self._calls, task)

    def now(self) -> datetime:
        return self._calls.now()

    async def _task(self, one: Answer) -> Task:
        definition = short_name(one["taskDefinitionArn"])
        container = await self._container(definition)
        states = [c for c in one.get("containers", []) if c.get("name") == container["name"]]
        state = states[0] if states else {}
        group, prefix = _log_of(container)
        return Task(
            arn=one["taskArn"],
            status=plain(one["lastStatus"], 40),
            exit_code=state.get("exitCode"),
            reason=plain(state.get("reason") or one.get("stoppedReason") or "", LONGEST_REASON),
            created_at=one.get("createdAt"),
            log_group=group,
            log_stream=f"{prefix}/{container['name']}/{short_name(one['taskArn'])}",
        )

    async def _container(self, definition: str) -> dict[str, Any]:
        """The first that is essential. A task definition never changes, so it is read once."""
        if definition not in self._read:
            answer = await self._calls.read(
                "ecs", "describe_task_definition", taskDefinition=definition
            )
            every = answer["taskDefinition"]["containerDefinitions"]
            self._read[definition] = next((c for c in every if c.get("essential", True)), every[0])
        return self._read[definition]


def _log_of(container: Answer) -> tuple[str, str]:
    """Its group, and what its streams begin with."""
    log = container.get("logConfiguration", {})
    options = log.get("options", {})
    if log.get("logDriver") != "awslogs" or "awslogs-stream-prefix" not in options:
        raise Refused(
            f"Container {plain(container['name'], 80)} does not log to CloudWatch with a stream"
            " prefix, so nobody could see what a task of it does. Nothing was changed."
        )
    return options["awslogs-group"], options["awslogs-stream-prefix"]


def short_name(arn: str) -> str:
    """The last part: `complyai-core:42` of a task definition's ARN."""
    return arn.rsplit("/", 1)[-1]


def token_of(*parts: str) -> str:
    """The same for the same parts, in every life."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(parts)))
