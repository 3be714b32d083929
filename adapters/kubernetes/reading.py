"""From the API's objects to facts."""

import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Any

from adapters.kubernetes.errors import Call
from adapters.kubernetes.facts import Deployment, Event, Pod
from adapters.kubernetes.shapes import (
    ContainerStatus,
    DeploymentShape,
    EventShape,
    PodShape,
    shaped,
)
from adapters.plain import plain
from bot.runbook.errors import Unreachable

#: What `kubectl rollout restart` writes into the template of the pods.
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
STUCK = "ProgressDeadlineExceeded"
#: Of a pod's name what stands behind its deployment's: that of the replica set, and its own.
REST = re.compile(r"-[a-z0-9]{1,12}(-[a-z0-9]{5})?")


def deployment_of(content: dict[str, Any], call: Call, at: datetime) -> Deployment:
    found = shaped(DeploymentShape, content, call)
    spec, status, of = found.spec, found.status, found.metadata
    if not (selector := str(spec.selector)):
        raise Unreachable(f"{call.name} selects its pods by nothing, so they cannot be told")
    stuck = [one for one in status.conditions if one.reason == STUCK and one.status != "True"]
    template = content["spec"]["template"]
    return Deployment(
        namespace=call.namespace,
        name=of.name,
        uid=of.uid,
        image=plain(", ".join(one.image for one in spec.template.spec.containers)),
        desired=spec.replicas,
        updated=status.updated_replicas,
        ready=status.ready_replicas,
        available=status.available_replicas,
        unavailable=status.unavailable_replicas,
        total=status.replicas,
        generation=of.generation,
        observed=status.observed_generation,
        conditions={
            plain(one.type, 60): plain(f"{one.status} ({one.reason})", 120)
            for one in status.conditions
        },
        stuck_because=plain(stuck[0].message or STUCK) if stuck else "",
        paused=spec.paused,
        restarted_at=_annotations(template).get(RESTARTED_AT),
        template=_digest(template),
        selector=selector,
        as_of=at,
    )


def _annotations(template: dict[str, Any]) -> dict[str, Any]:
    annotations = (template.get("metadata") or {}).get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def _digest(template: dict[str, Any]) -> str:
    others = {k: v for k, v in _annotations(template).items() if k != RESTARTED_AT}
    metadata = {**(template.get("metadata") or {}), "annotations": others}
    text = json.dumps({**template, "metadata": metadata}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def pod_of(found: PodShape, at: datetime, last_line: str = "", unread: str = "") -> Pod:
    statuses = found.status.container_statuses
    waiting = [one.state.waiting for one in statuses if one.state.waiting]
    is_ending = found.metadata.deletion_timestamp is not None
    return Pod(
        name=found.metadata.name,
        phase="Terminating" if is_ending else plain(found.status.phase or "Unknown", 60),
        ready=bool(statuses) and all(one.ready for one in statuses) and not is_ending,
        restarts=sum(one.restart_count for one in statuses),
        waiting=plain(waiting[0].reason, 60) if waiting else "",
        waiting_says=plain(waiting[0].message) if waiting else "",
        ended=next(filter(None, map(_ended, statuses)), ""),
        age=max(timedelta(), at - found.metadata.creation_timestamp),
        last_line=last_line,
        unread=unread,
    )


def _ended(status: ContainerStatus) -> str:
    last = status.state.terminated or status.last_state.terminated
    if last is None:
        return ""
    return plain(f"{last.reason or 'ended'}, exit code {last.exit_code}", 80)


def is_about(event: EventShape, deployment: str) -> bool:
    """The deployment, one of its replica sets, or one of its pods, also when it is gone."""
    name = event.involved_object.name
    kind, rest = event.involved_object.kind, name.removeprefix(deployment)
    if kind == "Deployment":
        return name == deployment
    belongs = name.startswith(deployment) and REST.fullmatch(rest)
    return kind in ("ReplicaSet", "Pod") and bool(belongs)


def event_of(found: EventShape) -> Event:
    series = found.series
    times = (
        found.last_timestamp,
        series.last_observed_time if series else None,
        found.event_time,
        found.first_timestamp,
        found.metadata.creation_timestamp,
    )
    about = found.involved_object
    return Event(
        at=next(time for time in times if time),
        is_warning=found.type == "Warning",
        reason=plain(found.reason, 60),
        about=plain(f"{about.kind} {about.name}", 120),
        says=plain(found.message),
        count=found.count or (series.count if series else 0) or 1,
    )
