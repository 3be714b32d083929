"""
Deployments and their replica sets: a rollout goes pod by pod, as Kubernetes' own controllers do it
(pkg/controller/deployment/rolling.go), and is said to be stuck when its deadline has passed.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.peers.kubernetes.pods import Kubelet, Life, note_event
from sandbox.peers.kubernetes.store import (
    ALPHABET,
    DEPLOYMENTS,
    REPLICA_SETS,
    Object,
    Store,
    made_up,
)

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
DEADLINE_S = 600
#: Of the condition that says how the rollout gets on.
UPDATED, DONE, LATE = "ReplicaSetUpdated", "NewReplicaSetAvailable", "ProgressDeadlineExceeded"


@dataclass
class Set:
    """A replica set, and its pods that are not ending."""

    object: Object
    wanted: int
    pods: list[Life] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def ready(self) -> int:
        return sum(pod.is_ready for pod in self.pods)


class Controllers:
    def __init__(self, store: Store, kubelet: Kubelet, scale: float) -> None:
        self._store, self._kubelet, self._scale = store, kubelet, scale
        self._progress: dict[str, tuple[object, float]] = {}  #: What was seen last, and when.

    def go_on(self) -> None:
        for deployment in self._store.all(DEPLOYMENTS):
            self._roll(deployment)

    def _roll(self, deployment: Object) -> None:
        sets = self._sets(deployment)
        new = self._newest(deployment, sets)
        old = [one for one in sets if one.name != new.name]
        before = {one.name: one.wanted for one in (new, *old)}
        if not deployment["spec"].get("paused"):
            _scale(deployment, new, old)
        elif not any(one.wanted for one in old):
            new.wanted = deployment["spec"]["replicas"]
        for one in (new, *old):
            if one.wanted != before[one.name]:
                self._resize(deployment, one, before[one.name])
            self._keep(one)
        self._say(deployment, new, old)

    def _sets(self, deployment: Object) -> list[Set]:
        of = deployment["metadata"]
        owned = self._store.all(
            REPLICA_SETS,
            of["namespace"],
            lambda one: one["metadata"]["ownerReferences"][0]["uid"] == of["uid"],
        )
        return [self._set(one) for one in owned]

    def _set(self, made: Object) -> Set:
        namespace, name = made["metadata"]["namespace"], made["metadata"]["name"]
        pods = [
            life
            for (space, pod), life in self._kubelet.lives.items()
            if space == namespace and pod.rpartition("-")[0] == name and life.phase != "ending"
        ]
        return Set(made, made["spec"]["replicas"], pods)

    def _newest(self, deployment: Object, sets: list[Set]) -> Set:
        """That of the template as it is now; an older one with the same is taken again."""
        template, of = deployment["spec"]["template"], deployment["metadata"]
        name = f"{of['name']}-{hash_of(template)}"
        revisions = {one.name: _revision(one.object) for one in sets}
        newest = max(revisions.values(), default=0)
        found = next((one for one in sets if one.name == name), None)
        if found is None:
            self._make_set(deployment, name, newest + 1)
            found = self._set(self._store.get(REPLICA_SETS, of["namespace"], name))
        elif revisions[name] < newest:
            found.object = self._annotate(found.object, newest + 1)
        self._adopt_revision(deployment, found.object)
        return found

    def _make_set(self, deployment: Object, name: str, revision: int) -> None:
        spec, of = deployment["spec"], deployment["metadata"]
        hashed = {HASH: name.rpartition("-")[2]}
        labels = {**spec["template"]["metadata"]["labels"], **hashed}
        template = {
            **spec["template"],
            "metadata": {**spec["template"]["metadata"], "labels": labels},
        }
        content = {
            "metadata": {
                "labels": labels,
                "annotations": {REVISION: str(revision)},
                "ownerReferences": [owner("apps/v1", "Deployment", of)],
            },
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
            "status": {"replicas": 0},
        }
        self._store.put(REPLICA_SETS, of["namespace"], name, content)

    def _annotate(self, made: Object, revision: int) -> Object:
        of = made["metadata"]
        noted = {**of.get("annotations", {}), REVISION: str(revision)}
        content = {**made, "metadata": {**of, "annotations": noted}}
        kind = DEPLOYMENTS if made["kind"] == "Deployment" else REPLICA_SETS
        return self._store.put(kind, of["namespace"], of["name"], content)

    def _adopt_revision(self, deployment: Object, newest: Object) -> None:
        if _revision(deployment) != _revision(newest):
            deployment.update(self._annotate(deployment, _revision(newest)))

    def _resize(self, deployment: Object, one: Set, before: int) -> None:
        of = one.object["metadata"]
        content = {**one.object, "spec": {**one.object["spec"], "replicas": one.wanted}}
        one.object = self._store.put(REPLICA_SETS, of["namespace"], of["name"], content)
        way = "up" if one.wanted > before else "down"
        says = f"Scaled {way} replica set {one.name} from {before} to {one.wanted}"
        note_event(
            self._store, deployment, "ScalingReplicaSet", says, "Normal", "deployment-controller"
        )

    def _keep(self, one: Set) -> None:
        """As many pods as are wanted: of too many, those that are not ready go first."""
        of, template = one.object["metadata"], one.object["spec"]["template"]
        for _ in range(one.wanted - len(one.pods)):
            name = f"{one.name}-{made_up(5)}"
            metadata = {
                **template["metadata"],
                "generateName": f"{one.name}-",
                "ownerReferences": [owner("apps/v1", "ReplicaSet", of)],
            }
            spec = {**template["spec"], "nodeName": "node-1"}
            self._kubelet.begin(of["namespace"], name, {"metadata": metadata, "spec": spec})
            one.pods.append(self._kubelet.lives[of["namespace"], name])
            says = f"Created pod: {name}"
            note_event(
                self._store,
                one.object,
                "SuccessfulCreate",
                says,
                "Normal",
                "replicaset-controller",
            )
        for life in sorted(one.pods, key=lambda pod: pod.is_ready)[: len(one.pods) - one.wanted]:
            self._kubelet.end(life)
            one.pods.remove(life)
        status = {"replicas": len(one.pods), "readyReplicas": one.ready}
        if one.object.get("status") != status:
            one.object = self._store.put(
                REPLICA_SETS, of["namespace"], of["name"], {**one.object, "status": status}
            )

    def _say(self, deployment: Object, new: Set, old: list[Set]) -> None:
        of, wanted = deployment["metadata"], deployment["spec"]["replicas"]
        all_pods = [pod for one in (new, *old) for pod in one.pods]
        ready = sum(pod.is_ready for pod in all_pods)
        counts = {
            "replicas": len(all_pods),
            "updatedReplicas": len(new.pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(len(all_pods), wanted) - ready,
        }
        is_done = len(new.pods) == ready == len(all_pods) == wanted
        status = {
            "observedGeneration": of["generation"],
            **{name: count for name, count in counts.items() if count},
            "conditions": self._conditions(deployment, new, len(all_pods), ready, is_done),
        }
        if deployment.get("status") != status:
            self._store.put(
                DEPLOYMENTS, of["namespace"], of["name"], {**deployment, "status": status}
            )

    def _conditions(
        self, deployment: Object, new: Set, all_pods: int, ready: int, is_done: bool
    ) -> list[Object]:
        spec = deployment["spec"]
        enough = ready >= spec["replicas"] - _share(deployment, "maxUnavailable", math.floor)
        minimum = "has" if enough else "does not have"
        available = {
            "type": "Available",
            "status": "True" if enough else "False",
            "reason": f"MinimumReplicas{'Available' if enough else 'Unavailable'}",
            "message": f"Deployment {minimum} minimum availability.",
        }
        # Of a rollout that was finished nobody looks any more whether its pods are well.
        was_done = _reason(deployment, "Progressing") == DONE and len(new.pods) == all_pods
        is_late = self._is_late(deployment, (new.name, len(new.pods), new.ready, ready, all_pods))
        reason, says = UPDATED, "is progressing."
        if is_done or was_done:
            reason, says = DONE, "has successfully progressed."
        elif is_late:
            reason, says = LATE, "has timed out progressing."
        progressing = {
            "type": "Progressing",
            "status": "False" if reason == LATE else "True",
            "reason": reason,
            "message": f'ReplicaSet "{new.name}" {says}',
        }
        return self._dated(deployment, [available, progressing])

    def _is_late(self, deployment: Object, got_to: tuple[object, ...]) -> bool:
        of, now = deployment["metadata"]["uid"], self._store.clock.now()
        seen, since = self._progress.get(of, ((), now))
        if seen != got_to:
            self._progress[of] = (got_to, now)
            return False
        deadline: float = deployment["spec"].get("progressDeadlineSeconds", DEADLINE_S)
        return now - since >= deadline * self._scale

    def _dated(self, deployment: Object, conditions: list[Object]) -> list[Object]:
        """Each with when it came to be so."""
        was = {one["type"]: one for one in deployment.get("status", {}).get("conditions", [])}
        dated = []
        for one in conditions:
            known = was.get(one["type"], {})
            same = all(known.get(name) == value for name, value in one.items())
            times = ("lastUpdateTime", "lastTransitionTime")
            dated.append({**one, **{n: known[n] if same else self._store.stamp() for n in times}})
        return dated


def _scale(deployment: Object, new: Set, old: list[Set]) -> None:
    """One step of a rolling update, for each set's `wanted`."""
    wanted = deployment["spec"]["replicas"]
    surge = _share(deployment, "maxSurge", math.ceil)
    down = _share(deployment, "maxUnavailable", math.floor)
    if not surge and not down:
        down = 1
    total = sum(one.wanted for one in (new, *old))
    if new.wanted < wanted:
        new.wanted += max(0, min(wanted - new.wanted, wanted + surge - total))
    else:
        new.wanted = wanted
    total = sum(one.wanted for one in (new, *old))
    at_least = wanted - down
    spare = total - at_least - (new.wanted - new.ready)
    for one in old:  # first what is not well anyway
        ill = min(one.wanted - one.ready, max(0, spare))
        if ill > 0:
            one.wanted, spare = one.wanted - ill, spare - ill
    ready = sum(one.ready for one in (new, *old))
    for one in old:
        goes = min(one.wanted, max(0, ready - at_least))
        one.wanted, ready = one.wanted - goes, ready - goes


def _share(deployment: Object, name: str, rounded: Callable[[float], int]) -> int:
    rolling = deployment["spec"].get("strategy", {}).get("rollingUpdate", {})
    value = rolling.get(name, "25%")
    if isinstance(value, int):
        return value
    return rounded(deployment["spec"]["replicas"] * int(value.rstrip("%")) / 100)


def _reason(deployment: Object, kind: str) -> str:
    conditions = deployment.get("status", {}).get("conditions", [])
    return next((str(one["reason"]) for one in conditions if one["type"] == kind), "")


def _revision(made: Object) -> int:
    return int(made["metadata"].get("annotations", {}).get(REVISION, 0))


def owner(api_version: str, kind: str, metadata: Object) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def hash_of(template: Object) -> str:
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:10])
