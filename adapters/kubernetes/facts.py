"""What Kubernetes said: how far a deployment is, how its pods are, and what happened to them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from adapters.kubernetes.changes import RestartDeployment, ScaleDeployment
from bot.runbook import Facts, Table

Rollout = Literal["complete", "in progress", "stuck", "paused"]


class Deployment(Facts):
    namespace: str
    name: str
    exists: bool = True
    uid: str = ""
    image: str = ""  #: Of each container, with a comma between.
    desired: int = 0
    updated: int = 0  #: Pods that are of its newest template.
    ready: int = 0
    available: int = 0
    unavailable: int = 0
    total: int = 0  #: Pods there are, those of older templates too.
    generation: int = 0
    observed: int = 0  #: The generation that Kubernetes has taken up.
    conditions: Mapping[str, str] = {}  #: By type: `True (MinimumReplicasAvailable)`.
    stuck_because: str = ""  #: Why Kubernetes says that the rollout does not get on.
    paused: bool = False
    restarted_at: str | None = None  #: As the last restart has marked it.
    template: str = ""  #: What its pods are made of, but for that mark, as a digest.
    selector: str = ""  #: Of its pods.
    as_of: datetime  #: By Kubernetes' clock.

    @property
    def rollout(self) -> Rollout:
        """As `kubectl rollout status` tells it."""
        is_seen = self.observed >= self.generation
        if is_seen and self.stuck_because:
            return "stuck"
        counts = (self.updated, self.total, self.available)
        if is_seen and all(count == self.desired for count in counts):
            return "complete"
        return "paused" if self.paused else "in progress"

    @property
    def trouble(self) -> str:
        """What is wrong in a few words; empty when as many pods are ready as it wants."""
        if not self.exists:
            return "does not exist"
        if self.desired == 0:
            return "is scaled to 0 pods"
        if self.ready < self.desired:
            return f"has {self.ready} of {self.desired} pods ready"
        return f"does not get on: {self.stuck_because}" if self.stuck_because else ""

    @property
    def says(self) -> str:
        """How far it is, in one line."""
        if not self.exists:
            return f"{self.name} does not exist"
        said = f"{self.name} has {self.ready} of {self.desired} pods ready"
        if self.rollout == "complete":
            return said
        said += f", {self.updated} of them new" if self.updated < self.total else ""
        if self.rollout == "stuck":
            return f"{said}; its rollout does not get on: {self.stuck_because}"
        return f"{said}; its rollout is {self.rollout}"

    def restart(self) -> RestartDeployment:
        """Planned twice from the same look, it is the same restart."""
        return RestartDeployment(
            namespace=self.namespace,
            deployment=self.name,
            uid=self.uid,
            at=self.as_of,
            template=self.template,
            replacing=self.restarted_at,
        )

    def scale(self, replicas: int) -> ScaleDeployment:
        return ScaleDeployment(
            namespace=self.namespace,
            deployment=self.name,
            uid=self.uid,
            replicas=replicas,
            replacing=str(self.desired),
        )


class Pod(Facts):
    name: str
    phase: str  #: Such as `Running`; `Terminating` once it is to end.
    ready: bool
    restarts: int
    waiting: str = ""  #: Why a container does not run: `CrashLoopBackOff`, `ImagePullBackOff`.
    waiting_says: str = ""
    ended: str = ""  #: How a container ended last: `OOMKilled, exit code 137`.
    age: timedelta
    last_line: str = ""  #: Of its log; empty when it has none.
    unread: str = ""  #: Why its log could not be read.

    @property
    def trouble(self) -> str:
        if self.ready or self.phase in ("Terminating", "Succeeded"):
            return ""
        what = self.waiting or self.phase
        return f"{what} ({self.ended})" if self.ended else what


class Pods(Facts):
    deployment: str
    pods: tuple[Pod, ...]  #: By name.
    is_complete: bool = True  #: False: there are more than are read.
    as_of: datetime

    @property
    def ready(self) -> int:
        return sum(pod.ready for pod in self.pods)

    @property
    def troubles(self) -> str:
        return "; ".join(f"{pod.name}: {pod.trouble}" for pod in self.pods if pod.trouble)

    def table(self) -> Table:
        columns = ("Pod", "Phase", "Ready", "Restarts", "Age", "Waits for", "Ended", "Last line")
        return Table(columns, tuple(map(_pod_row, self.pods)))


class Event(Facts):
    at: datetime  #: When it was seen last.
    is_warning: bool
    reason: str
    about: str  #: Such as `Pod celery-worker-5d9c-abcde`.
    says: str
    count: int


class Events(Facts):
    deployment: str
    events: tuple[Event, ...]  #: Newest first.
    is_complete: bool = True  #: False: there are more than are read.
    as_of: datetime

    @property
    def warnings(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.is_warning)

    def table(self) -> Table:
        columns = ("At (UTC)", "Kind", "Reason", "About", "Says", "Times")
        return Table(columns, tuple(map(_event_row, self.events)))


class Line(Facts):
    at: datetime
    pod: str
    text: str


class Lines(Facts):
    """What the pods of a deployment have written."""

    deployment: str
    containing: str
    lines: tuple[Line, ...]  #: Oldest first; the newest of those that were found.
    count: int  #: Of lines found; more than `lines` when not all are kept.
    unread: Mapping[str, str]  #: By pod, why its log, or some of it, could not be read.
    since: datetime
    #: By Kubernetes' clock, to the second. A next look from here on loses nothing, and can see
    #: some of the last lines again.
    until: datetime

    def table(self) -> Table:
        rows = ((f"{line.at:%H:%M:%S}", line.pod, line.text) for line in self.lines)
        return Table(("At (UTC)", "Pod", "Line"), tuple(rows))


def _pod_row(pod: Pod) -> tuple[object, ...]:
    state = (pod.name, pod.phase, pod.ready, pod.restarts, pod.age)
    return (*state, pod.waiting, pod.ended, pod.last_line or pod.unread)


def _event_row(event: Event) -> tuple[object, ...]:
    kind = "Warning" if event.is_warning else "Normal"
    return (f"{event.at:%H:%M:%S}", kind, event.reason, event.about, event.says, event.count)
