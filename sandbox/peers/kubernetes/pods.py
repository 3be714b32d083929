"""
Pods: they are pulled, start, become ready, crash and end, each a while after the other, and write.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.aws.clock import moment
from sandbox.peers.kubernetes.store import EVENTS, PODS, Object, Store, made_up

#: Seconds of the cluster's time.
STARTS_S, GETS_READY_S, ENDS_S, CRASHES_AGAIN_S = 2.0, 2.0, 2.0, 10.0
KEPT_LINES = 20_000  #: Of one container's log, as a kubelet that rotates it.
SIGKILL, TERMINATED = 137, 0

Phase = Literal["pending", "starting", "ready", "no image", "crashed", "ending"]


class ContainerLog:
    """What one life of a container has written. Lines keep their numbers when old ones go."""

    def __init__(self) -> None:
        self.lines: deque[tuple[int, bytes]] = deque(maxlen=KEPT_LINES)
        self.written = 0
        self.is_over = False
        self._readers: set[asyncio.Event] = set()

    @property
    def is_followed(self) -> bool:
        return bool(self._readers)

    def write(self, at_ns: int, text: str) -> None:
        self.lines.append((at_ns, text.encode("utf-8", "replace")))
        self.written += 1
        self._wake()

    def end(self) -> None:
        self.is_over = True
        self._wake()

    def since(self, number: int) -> list[tuple[int, bytes]]:
        """From this line on; 0 is the first that was ever written."""
        gone = self.written - len(self.lines)
        return [self.lines[n - gone] for n in range(max(number, gone), self.written)]

    @contextmanager
    def reading(self) -> Iterator[asyncio.Event]:
        """An event that is set with every line, and at the end."""
        event = asyncio.Event()
        self._readers.add(event)
        try:
            yield event
        finally:
            self._readers.discard(event)

    def _wake(self) -> None:
        for event in self._readers:
            event.set()


@dataclass
class Life:
    """A pod's, as its kubelet knows it."""

    namespace: str
    name: str
    container: str
    image: str
    due: float  #: When the next phase begins.
    phase: Phase = "pending"
    started_at: float = 0.0  #: Of the container that runs now, or ran last.
    restarts: int = 0
    is_killed: bool = False  #: Whatever starts crashes.
    logs: list[ContainerLog] = field(default_factory=list)  #: One for each container's life.

    @property
    def is_ready(self) -> bool:
        return self.phase == "ready"


class Kubelet:
    """`scale`: seconds of real time that a second of the cluster's time takes."""

    def __init__(self, store: Store, scale: float) -> None:
        self.bad_images: set[str] = set()
        self.lives: dict[tuple[str, str], Life] = {}
        self._store, self._scale = store, scale
        self._last_ns = 0

    def begin(self, namespace: str, name: str, content: Object) -> None:
        (container, *_) = content["spec"]["containers"]
        life = Life(namespace, name, container["name"], container["image"], self._after(STARTS_S))
        self.lives[namespace, name] = life
        self._store.put(PODS, namespace, name, {**content, "status": self._status(life)})
        self.tell(life, "Scheduled", f"Successfully assigned {namespace}/{name} to node-1")

    def end(self, life: Life) -> None:
        if life.phase == "ending":
            return
        if life.logs and not life.logs[-1].is_over:
            self.write(life, "worker: Warm shutdown (MainProcess)")
        life.phase, life.due = "ending", self._after(ENDS_S)
        self._show(life, deletionTimestamp=self._store.stamp(), deletionGracePeriodSeconds=30)
        self.tell(life, "Killing", f"Stopping container {life.container}")

    def kill(self, life: Life) -> None:
        """Its container dies, and does so again each time it is started."""
        life.is_killed = True
        if life.phase in ("starting", "ready"):
            self._crash(life)

    def revive(self, life: Life) -> None:
        life.is_killed = False
        if life.phase == "crashed":
            life.due = self._store.clock.now()

    def write(self, life: Life, text: str) -> None:
        """A line of its container's log. Times never go back, and can be the same."""
        if life.logs:
            self._last_ns = max(self._last_ns, int(self._store.clock.now() * 1_000_000_000))
            life.logs[-1].write(self._last_ns, text)

    def go_on(self) -> None:
        now = self._store.clock.now()
        for life in list(self.lives.values()):
            if now >= life.due:
                self._next(life)

    def _next(self, life: Life) -> None:
        life.due = float("inf")
        match life.phase:
            case "pending" if life.image in self.bad_images:
                life.phase = "no image"
                self._show(life)
                why = f'Failed to pull image "{life.image}": not found'
                self.tell(life, "Failed", why, "Warning")
                self.tell(life, "BackOff", f'Back-off pulling image "{life.image}"', "Warning")
            case "pending" | "crashed":
                life.restarts += life.phase == "crashed"
                self._start(life)
            case "starting":
                life.phase = "ready"
                self.write(life, f"[INFO/MainProcess] celery@{life.name} ready.")
                self._show(life)
            case "ending":
                del self.lives[life.namespace, life.name]
                if life.logs:
                    life.logs[-1].end()
                self._store.remove(PODS, life.namespace, life.name)

    def _start(self, life: Life) -> None:
        life.phase, life.started_at = "starting", self._store.clock.now()
        life.due = self._after(GETS_READY_S)
        life.logs.append(ContainerLog())
        self.write(life, f"[INFO/MainProcess] celery@{life.name} connects to redis")
        self.tell(life, "Started", f"Started container {life.container}")
        self._show(life)
        if life.is_killed:
            self._crash(life)

    def _crash(self, life: Life) -> None:
        self.write(life, "[CRITICAL/MainProcess] Unrecoverable error: Worker exited: signal 9")
        life.phase, life.due = "crashed", self._after(CRASHES_AGAIN_S)
        life.logs[-1].end()
        self._show(life)
        why = f"Back-off restarting failed container {life.container} in pod {life.name}"
        self.tell(life, "BackOff", why, "Warning")

    def _show(self, life: Life, **metadata: Any) -> None:
        pod = self._store.get(PODS, life.namespace, life.name)
        content = {
            **pod,
            "metadata": {**pod["metadata"], **metadata},
            "status": self._status(life),
        }
        self._store.put(PODS, life.namespace, life.name, content)

    def tell(self, life: Life, reason: str, message: str, kind: str = "Normal") -> None:
        pod = self._store.get(PODS, life.namespace, life.name)
        note_event(self._store, pod, reason, message, kind, "kubelet")

    def _status(self, life: Life) -> Object:
        has_run = bool(life.logs)
        ready = "True" if life.is_ready else "False"
        container: Object = {
            "name": life.container,
            "state": self._state(life),
            "lastState": self._last_state(life),
            "ready": life.is_ready,
            "restartCount": life.restarts,
            "image": life.image,
            "imageID": f"docker.io/{life.image}" if has_run else "",
            "started": life.phase in ("starting", "ready"),
        }
        if has_run:
            container["containerID"] = f"containerd://{life.name}-{life.restarts}"
        condition = {"type": "Ready", "status": ready, "lastTransitionTime": self._store.stamp()}
        if life.phase == "crashed" or not life.is_ready:
            condition |= {"reason": "ContainersNotReady"}
        return {
            "phase": "Running" if has_run else "Pending",
            "conditions": [condition],
            "hostIP": "10.0.0.1",
            **({"podIP": "10.1.0.9", "podIPs": [{"ip": "10.1.0.9"}]} if has_run else {}),
            "startTime": self._store.stamp(),
            "containerStatuses": [container],
            "qosClass": "BestEffort",
        }

    def _state(self, life: Life) -> Object:
        if life.phase == "no image":
            why = f'Back-off pulling image "{life.image}"'
            return {"waiting": {"reason": "ImagePullBackOff", "message": why}}
        if life.phase == "crashed":
            why = f"back-off 10s restarting failed container={life.container} pod={life.name}"
            return {"waiting": {"reason": "CrashLoopBackOff", "message": why}}
        if not life.logs:
            return {"waiting": {"reason": "ContainerCreating"}}
        return {"running": {"startedAt": self._second(life.started_at)}}

    def _last_state(self, life: Life) -> Object:
        if life.phase != "crashed" and not life.restarts:
            return {}
        ended = {
            "exitCode": SIGKILL,
            "reason": "OOMKilled",
            "startedAt": self._second(life.started_at),
            "finishedAt": self._store.stamp(),
        }
        return {"terminated": ended}

    def _second(self, at: float) -> str:
        return f"{moment(at):%Y-%m-%dT%H:%M:%SZ}"

    def _after(self, seconds: float) -> float:
        return self._store.clock.now() + seconds * self._scale


def note_event(
    store: Store, of: Object, reason: str, message: str, kind: str, component: str
) -> None:
    """As the newer of the API's two kinds of event, or, of the same once more, a count."""
    about, namespace = of["metadata"], of["metadata"]["namespace"]

    def is_same(one: Object) -> bool:
        same = (one["involvedObject"]["uid"], one["reason"], one["message"])
        return same == (about["uid"], reason, message)

    known = store.all(EVENTS, namespace, is_same)
    if known:
        (event, *_) = known
        again = {"count": event["count"] + 1, "lastTimestamp": store.stamp()}
        store.put(EVENTS, namespace, event["metadata"]["name"], {**event, **again})
        return
    content = {
        "involvedObject": {
            "kind": of["kind"],
            "namespace": namespace,
            "name": about["name"],
            "uid": about["uid"],
            "apiVersion": of["apiVersion"],
            "resourceVersion": about["resourceVersion"],
        },
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": store.stamp(),
        "lastTimestamp": store.stamp(),
        "count": 1,
        "type": kind,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": "",
    }
    store.put(EVENTS, namespace, f"{about['name']}.{made_up(16)}", content)
