"""What `kubectl get` shows: the rows that the API prints, as meta.k8s.io/v1 Table."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sandbox.peers.kubernetes.store import DEPLOYMENTS, EVENTS, PODS, REPLICA_SETS, Kind, Object

Row = Callable[[Object], list[Any]]


def _deployment(one: Object) -> list[Any]:
    status, wanted = one.get("status", {}), one["spec"]["replicas"]
    ready = f"{status.get('readyReplicas', 0)}/{wanted}"
    counts = (status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
    return [one["metadata"]["name"], ready, *counts]


def _replica_set(one: Object) -> list[Any]:
    status = one.get("status", {})
    counts = (status.get("replicas", 0), status.get("readyReplicas", 0))
    return [one["metadata"]["name"], one["spec"]["replicas"], *counts]


def _pod(one: Object) -> list[Any]:
    (container, *_) = one["status"]["containerStatuses"]
    waiting = container["state"].get("waiting", {}).get("reason")
    says = waiting or one["status"]["phase"]
    if "deletionTimestamp" in one["metadata"]:
        says = "Terminating"
    ready = f"{int(container['ready'])}/1"
    return [one["metadata"]["name"], ready, says, str(container["restartCount"])]


def _event(one: Object) -> list[Any]:
    of = one["involvedObject"]
    where = f"{of['kind'].lower()}/{of['name']}"
    return [one["type"], one["reason"], where, one["message"]]


COLUMNS: dict[Kind, tuple[Sequence[str], Row]] = {
    DEPLOYMENTS: (("Name", "Ready", "Up-to-date", "Available"), _deployment),
    REPLICA_SETS: (("Name", "Desired", "Current", "Ready"), _replica_set),
    PODS: (("Name", "Ready", "Status", "Restarts"), _pod),
    EVENTS: (("Type", "Reason", "Object", "Message"), _event),
}


def table(kind: Kind, objects: Sequence[Object], metadata: Object, now: float) -> Object:
    names, row = COLUMNS.get(kind, (("Name",), lambda one: [one["metadata"]["name"]]))
    columns = [
        {"name": name, "type": "string", "format": "", "description": "", "priority": 0}
        for name in (*names, "Age")
    ]
    rows = [{"cells": [*row(one), _age(one, now)], "object": _brief(one)} for one in objects]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    }


def _brief(one: Object) -> Object:
    brief = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**brief, "metadata": one["metadata"]}


def _age(one: Object, now: float) -> str:
    born = datetime.fromisoformat(one["metadata"]["creationTimestamp"]).timestamp()
    seconds = max(0, int(now - born))
    return f"{seconds}s" if seconds < 120 else f"{seconds // 60}m"
