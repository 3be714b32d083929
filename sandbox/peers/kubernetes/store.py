"""
What the cluster holds: objects by resource, namespace and name.

Every write gets the next number, the object's resourceVersion; whoever watches sees the writes in
their order. Only the newest are remembered: who asks for older ones is told that they are gone.
"""

import asyncio
import copy
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.aws.clock import Clock, moment
from sandbox.peers.kubernetes.answers import not_found

Object = dict[str, Any]
Written = Literal["ADDED", "MODIFIED", "DELETED"]
#: What Kubernetes makes up names of: no vowels, so no words.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
REMEMBERED = 2000


@dataclass(frozen=True)
class Kind:
    group: str  #: Empty for the core.
    resource: str
    kind: str
    short: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """As errors name it: `deployments.apps`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


NAMESPACES = Kind("", "namespaces", "Namespace", "ns", namespaced=False)
PODS = Kind("", "pods", "Pod", "po")
EVENTS = Kind("", "events", "Event", "ev")
DEPLOYMENTS = Kind("apps", "deployments", "Deployment", "deploy")
REPLICA_SETS = Kind("apps", "replicasets", "ReplicaSet", "rs")
KINDS = (NAMESPACES, PODS, EVENTS, DEPLOYMENTS, REPLICA_SETS)


@dataclass(frozen=True)
class Write:
    version: int
    what: Written
    kind: Kind
    object: Object


class Store:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.version = 1000
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._writes: deque[Write] = deque(maxlen=REMEMBERED)
        self._forgotten = self.version  #: Writes up to this one are not remembered.
        self._watchers: set[asyncio.Event] = set()

    def stamp(self) -> str:
        return f"{moment(self.clock.now()):%Y-%m-%dT%H:%M:%SZ}"

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects.get((kind.resource, namespace, name))

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises KubeError 404."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise not_found(kind.resource, kind.group, name)
        return found

    def all(
        self,
        kind: Kind,
        namespace: str | None = None,
        that: Callable[[Object], bool] | None = None,
    ) -> list[Object]:
        """By namespace and name."""
        found = [
            one
            for (resource, space, _), one in sorted(self._objects.items())
            if resource == kind.resource and namespace in (None, space)
        ]
        return [one for one in found if that is None or that(one)]

    def put(self, kind: Kind, namespace: str, name: str, content: Object) -> Object:
        """Makes it, or replaces it; `content` is without apiVersion and kind."""
        key = (kind.resource, namespace, name)
        old = self._objects.get(key)
        self.version += 1
        was = old["metadata"] if old else {"uid": uid(), "creationTimestamp": self.stamp()}
        metadata = {
            **content.get("metadata", {}),
            "name": name,
            **({"namespace": namespace} if kind.namespaced else {}),
            "uid": was["uid"],
            "creationTimestamp": was["creationTimestamp"],
            "resourceVersion": str(self.version),
        }
        made = {"kind": kind.kind, "apiVersion": kind.api_version, **content, "metadata": metadata}
        self._objects[key] = made
        self._note("MODIFIED" if old else "ADDED", kind, made)
        return made

    def remove(self, kind: Kind, namespace: str, name: str) -> Object:
        gone = self._objects.pop((kind.resource, namespace, name))
        self.version += 1
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._note("DELETED", kind, gone)
        return gone

    def forget(self) -> None:
        """Whoever watches from before now is told that this is gone."""
        self._writes.clear()
        self.version += 1
        self._forgotten = self.version

    def since(self, version: int) -> list[Write] | None:
        """None: it is too long ago."""
        if version < self._forgotten:
            return None
        return [one for one in self._writes if one.version > version]

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """An event that is set with every write."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def _note(self, what: Written, kind: Kind, written: Object) -> None:
        if len(self._writes) == REMEMBERED:
            self._forgotten = self._writes[0].version
        self._writes.append(Write(self.version, what, kind, copy.deepcopy(written)))
        for event in self._watchers:
            event.set()


def made_up(length: int) -> str:
    return "".join(random.choices(ALPHABET, k=length))


def uid() -> str:
    digits = f"{random.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
