"""
Tasks that belong to no service: begun by RunTask, they run a command of the image to its end.

The command is real: a child process in what the image has, as `sandbox.company.image` unpacks it.
Its lines go to the task's log stream one by one, and its exit code is the container's.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sandbox.aws.ecs.state import Task, TaskDefinition
from sandbox.aws.ecs.tasks import PENDING_AFTER, PULL_FAILS_AFTER, RUNNING_AFTER, STOPPED_AFTER
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import AwsError, Params
from sandbox.company import image

ENDED = "Essential container in task exited"
KILLED_AFTER_S = 5.0
CONFLICT = "The specified client token was used with other parameters."


class Writes(Protocol):
    def __call__(self, definition: TaskDefinition, stream: str, text: str) -> None:
        """A line to the log of the task's container."""
        ...


@dataclass
class OneOff:
    task: Task
    asked: Params
    process: subprocess.Popen[str] | None = None
    thread: threading.Thread | None = None


@dataclass
class OneOffs:
    """
    `secrets`: what the containers find in their environment beside what their definition says.
    `faulty`: revisions that are in the newest images.
    """

    timeline: Timeline
    can_pull: Callable[[str], bool]
    writes: Writes
    secrets: dict[str, str] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    tasks: list[OneOff] = field(default_factory=list)
    begun: int = 0  #: How many processes there have been.

    def run(self, cluster: str, definition: TaskDefinition, params: Params) -> Task:
        """The one that was begun with the same token already. Raises AwsError."""
        token = params.get("clientToken", "")
        for one in self.tasks:
            if token and one.asked.get("clientToken") == token:
                if one.asked != params:
                    raise AwsError("ConflictException", CONFLICT)
                return one.task
        task = self._task(cluster, definition, params)
        one = OneOff(task, params)
        self.tasks.append(one)
        self.timeline.after(PENDING_AFTER, lambda: self._pend(one))
        return task

    def stop_task(self, task: Task, reason: str) -> None:
        """Its process is told to end, and killed when it does not."""
        one = next(one for one in self.tasks if one.task is task)
        task.stop_code, task.stopped_reason = "UserInitiated", reason
        if one.process is None:
            self._end(one, None)
            return
        task.status, task.stopping_at = "DEACTIVATING", self.timeline.now
        one.process.terminate()

    def forget(self, arn: str) -> None:
        """As ECS does an hour after a task has stopped, but at once."""
        self.tasks = [one for one in self.tasks if one.task.arn != arn]

    def close(self) -> None:
        """No process outlives the world."""
        for one in self.tasks:
            if one.process and one.process.poll() is None:
                one.process.kill()
        for one in self.tasks:
            if one.thread:
                one.thread.join(KILLED_AFTER_S)

    def _task(self, cluster: str, definition: TaskDefinition, params: Params) -> Task:
        return Task(
            id=self.timeline.hex(32),
            cluster=cluster,
            deployment=params.get("startedBy", ""),
            definition=definition,
            address=f"10.0.9.{len(self.tasks) % 250 + 1}",
            zone="us-east-1a",
            created_at=self.timeline.now,
            group=params.get("group", f"family:{definition.family}"),
            overrides=params.get("overrides", {}),
        )

    def _pend(self, one: OneOff) -> None:
        if one.task.status == "STOPPED":
            return
        one.task.status = "PENDING"
        if self.can_pull(one.task.definition.image):
            self.timeline.after(RUNNING_AFTER, lambda: self._start(one))
        else:
            self.timeline.after(PULL_FAILS_AFTER, lambda: self._fail_to_pull(one))

    def _fail_to_pull(self, one: OneOff) -> None:
        name = one.task.definition.image
        one.task.stop_code = "TaskFailedToStart"
        one.task.stopped_reason = one.task.container_reason = (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to"
            f" resolve ref {name}: {name}: not found"
        )
        self._end(one, None)

    def _start(self, one: OneOff) -> None:
        if one.task.status == "STOPPED":
            return
        one.task.status, one.task.started_at = "RUNNING", self.timeline.now
        folder = Path(tempfile.mkdtemp(prefix="runbook-image-"))
        task = one.task.definition
        image.unpack(task.family, task.version, frozenset(self.faulty), folder)
        one.process = subprocess.Popen(
            _argv(one.task),
            cwd=folder,
            env=self._environment(one.task),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.begun += 1
        one.thread = threading.Thread(target=self._follow, args=(one, folder), daemon=True)
        one.thread.start()

    def _follow(self, one: OneOff, folder: Path) -> None:
        """Until it ends by itself or is ended."""
        assert one.process and one.process.stdout
        definition, task = one.task.definition, one.task
        stream = f"app/{definition.container['name']}/{task.id}"
        for line in one.process.stdout:
            self.writes(definition, stream, line.rstrip("\n"))
        code = one.process.wait()
        shutil.rmtree(folder, ignore_errors=True)
        with self.timeline.up_to_date():
            task.status = "DEACTIVATING"
            task.stopping_at = task.stopping_at or self.timeline.now
            task.stop_code = task.stop_code or "EssentialContainerExited"
            task.stopped_reason = task.stopped_reason or ENDED
            shown = code if code >= 0 else 128 - code
            self.timeline.after(STOPPED_AFTER, lambda: self._end(one, shown))

    def _end(self, one: OneOff, exit_code: int | None) -> None:
        one.task.status, one.task.exit_code = "STOPPED", exit_code
        one.task.stopped_at = self.timeline.now

    def _environment(self, task: Task) -> dict[str, str]:
        defined = task.definition.container.get("environment", [])
        given = _override(task).get("environment", [])
        pairs = {one["name"]: one["value"] for one in (*defined, *given)}
        return {"PATH": os.environ.get("PATH", ""), **self.secrets, **pairs}


def _override(task: Task) -> dict[str, Any]:
    name = task.definition.container["name"]
    for one in task.overrides.get("containerOverrides", []):
        if one.get("name") == name:
            return dict(one)
    return {}


def _argv(task: Task) -> list[str]:
    """The image's Python is the sandbox's; it has alembic, and nothing else but a shell's."""
    argv = _override(task).get("command") or ["true"]
    if argv[0] == "alembic":
        return [sys.executable, "-m", *argv]
    return [sys.executable, *argv[1:]] if argv[0] == "python" else list(argv)


def check_container(definition: TaskDefinition, params: Params) -> None:
    """Raises AwsError, as ECS does for what can be seen to be wrong at once."""
    names = {one["name"] for one in definition.content["containerDefinitions"]}
    for one in params.get("overrides", {}).get("containerOverrides", []):
        if one.get("name") not in names:
            said = f"Override for container named {one.get('name')} is not a container in the"
            raise AwsError("InvalidParameterException", f"{said} TaskDefinition.")
    if "awsvpcConfiguration" not in params.get("networkConfiguration", {}):
        raise AwsError(
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )
