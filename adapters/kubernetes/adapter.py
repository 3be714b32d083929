"""
Reads deployments, their pods, events and logs, and makes the changes in
`adapters.kubernetes.changes`.

A change is written with the version of what was read right before it: Kubernetes refuses it when
anything has written the object in between. That may have been its own controllers, so it is looked
at again, and only another value than the plan expects means that the plan is out of date.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from adapters.kubernetes.calls import Answer, Json, KubeCalls
from adapters.kubernetes.changes import RestartDeployment, ScaleDeployment
from adapters.kubernetes.errors import Call, NotThere, Overtaken, Verb
from adapters.kubernetes.facts import Deployment, Event, Events, Lines, Pod, Pods, Rollout
from adapters.kubernetes.following import Following, follow
from adapters.kubernetes.reading import (
    RESTARTED_AT,
    deployment_of,
    event_of,
    is_about,
    pod_of,
)
from adapters.kubernetes.shapes import NAME, EventShape, PodShape, ScaleShape, shaped
from adapters.kubernetes.tails import read_lines
from adapters.plain import plain
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.adapter import State
from bot.runbook.errors import Refused, StepError

READS: tuple[str, ...] = (
    "apps/deployments:get",
    "apps/deployments/scale:get",
    "events:list",
    "pods:get",
    "pods:list",
    "pods:watch",
    "pods/log:get",
)
AT_ONCE = 8  #: Logs that are read at a time.
LAST_LINE_BYTES = 4096
MOST_LINES = 200
KINDS_OF_EVENTS = ("Deployment", "ReplicaSet", "Pod")

_Change = RestartDeployment | ScaleDeployment


class Kubernetes(Adapter):
    def __init__(self, calls: KubeCalls, namespace: str) -> None:
        self._calls, self._namespace = calls, namespace

    async def deployment(self, name: str) -> Deployment:
        """One that Kubernetes does not know is given as one that does not exist."""
        call = self._call(name)
        try:
            answer = await self._calls.read(call)
        except NotThere:
            now = datetime.now(UTC)
            return Deployment(namespace=self._namespace, name=name, exists=False, as_of=now)
        return deployment_of(answer.content, call, answer.at)

    async def pods(self, deployment: str) -> Pods:
        """With the last line of each one's log. Raises Refused when there is no deployment."""
        found = await self._existing(deployment)
        call = Call("list", "pods", namespace=self._namespace)
        pages = await self._calls.read_pages(call, {"labelSelector": found.selector})
        shapes = [shaped(PodShape, one, call) for one in pages.items]
        turns = asyncio.Semaphore(AT_ONCE)

        async def look(pod: PodShape) -> Pod:
            async with turns:
                return await self._pod(pod, pages.at)

        pods = await asyncio.gather(*map(look, shapes))
        by_name = sorted(pods, key=lambda pod: pod.name)
        return Pods(
            deployment=deployment,
            pods=tuple(by_name),
            is_complete=pages.is_complete,
            as_of=pages.at,
        )

    async def events(self, deployment: str, newest: int = 50) -> Events:
        """Of the deployment, its replica sets and its pods. Kubernetes forgets them in an hour."""
        call = Call("list", "events", namespace=self._namespace)
        self._call(deployment)
        found: list[Event] = []
        complete, at = True, None
        for kind in KINDS_OF_EVENTS:
            pages = await self._calls.read_pages(
                call, {"fieldSelector": f"involvedObject.kind={kind}"}
            )
            shapes = (shaped(EventShape, one, call) for one in pages.items)
            found += [event_of(one) for one in shapes if is_about(one, deployment)]
            complete, at = complete and pages.is_complete, at or pages.at
        assert at
        found.sort(key=lambda event: event.at, reverse=True)
        return Events(
            deployment=deployment, events=tuple(found[:newest]), is_complete=complete, as_of=at
        )

    async def lines(
        self,
        deployment: str,
        since: datetime,
        containing: str = "",
        newest: int = MOST_LINES,
    ) -> Lines:
        """What all its pods have written since then, with this text in it, word for word."""
        found = await self._existing(deployment)
        return await read_lines(self._calls, found, since, containing, newest)

    @asynccontextmanager
    async def following(
        self, deployment: str, since: datetime, containing: str = ""
    ) -> AsyncIterator[Following]:
        """
        The same lines, as they are written: of all its pods, those too that are born later. For as
        long as the block lasts. Raises what reading raises when it cannot be begun.
        """
        found = await self._existing(deployment)
        async with follow(self._calls, found, since, containing) as lines:
            yield lines

    async def _see_restart(self, change: RestartDeployment) -> Seen:
        found = await self._read(change)
        return _missing(change) if found is None else _restart_of(change, found)

    async def _restart(self, change: RestartDeployment, key: Key) -> None:
        call = self._call(change.deployment)
        answer = await self._calls.read(call)
        _expect(_restart_of(change, deployment_of(answer.content, call, answer.at)))
        marked = {"metadata": {"annotations": {RESTARTED_AT: change.mark}}}
        patch = self._call(change.deployment, "patch")
        try:
            await self._write(patch, answer.content, {"template": marked})
        except Overtaken:
            _expect(await self._see_restart(change))
            raise

    async def _see_scale(self, change: ScaleDeployment) -> Seen:
        found = await self._read(change)
        return _missing(change) if found is None else _scale_of(change, found)

    async def _scale(self, change: ScaleDeployment, key: Key) -> None:
        call = self._call(change.deployment, sub="scale")
        answer = await self._calls.read(call)
        there = shaped(ScaleShape, answer.content, call)
        is_same = there.metadata.uid == change.uid
        if not is_same or str(there.spec.replicas) != change.replacing:
            now = f"wants {there.spec.replicas} pods" if is_same else "was made anew"
            raise Refused(f"{change.deployment} {now}. Nothing was changed.")
        patch = self._call(change.deployment, "patch", "scale")
        try:
            await self._write(patch, answer.content, {"replicas": change.replicas})
        except Overtaken:
            _expect(await self._see_scale(change))
            raise

    alters = (
        pair(
            RestartDeployment,
            observe=_see_restart,
            apply=_restart,
            permissions=("apps/deployments:patch",),
        ),
        pair(
            ScaleDeployment,
            observe=_see_scale,
            apply=_scale,
            permissions=("apps/deployments/scale:patch",),
        ),
    )

    async def _write(self, call: Call, read: Json, spec: Json) -> None:
        """Once, and only upon what was read. Raises Overtaken when that was written since."""
        version = read["metadata"]["resourceVersion"]
        await self._calls.write(call, {"metadata": {"resourceVersion": version}, "spec": spec})

    async def _read(self, change: _Change) -> Deployment | None:
        call = self._call(change.deployment)
        try:
            answer: Answer = await self._calls.read(call)
        except NotThere:
            return None
        return deployment_of(answer.content, call, answer.at)

    async def _existing(self, name: str) -> Deployment:
        call = self._call(name)
        answer = await self._calls.read(call)
        return deployment_of(answer.content, call, answer.at)

    async def _pod(self, found: PodShape, at: datetime) -> Pod:
        call = Call("get", "pods", found.metadata.name, "log", namespace=self._namespace)
        asked = {
            "container": found.spec.containers[0].name,
            "tailLines": 1,
            "limitBytes": LAST_LINE_BYTES,
        }
        try:
            text = await self._calls.read_text(call, asked)
        except StepError as error:
            return pod_of(found, at, unread=str(error))
        return pod_of(found, at, last_line=plain(text, 300))

    def _call(self, name: str, verb: Verb = "get", sub: str = "") -> Call:
        """Raises Refused for what can be no name: it would lead elsewhere."""
        if not re.fullmatch(NAME, name):
            raise Refused(f"{plain(name, 60)} can be no deployment's name. Nothing was asked.")
        return Call(verb, "deployments", name, sub, "apps", self._namespace)


def _restart_of(change: RestartDeployment, found: Deployment) -> Seen:
    if found.uid != change.uid:
        return Seen("drifted", f"{change.deployment} was made anew since: {found.says}")
    if found.template != change.template:
        return Seen("drifted", f"{change.deployment} was changed since: it runs {found.image}")
    if found.restarted_at == change.mark:
        return Seen(_progress(found), found.says)
    if found.restarted_at != change.replacing:
        when = plain(found.restarted_at or "never", 60)
        return Seen("drifted", f"{change.deployment} was restarted {when} by somebody else")
    if found.paused:
        return Seen("drifted", f"{change.deployment} is paused, so no restart would begin")
    return Seen("before", f"{found.says}, not restarted")


def _scale_of(change: ScaleDeployment, found: Deployment) -> Seen:
    if found.uid != change.uid:
        return Seen("drifted", f"{change.deployment} was made anew since: {found.says}")
    if found.desired == change.replicas:
        return Seen(_progress(found), found.says)
    return Seen("before" if str(found.desired) == change.replacing else "drifted", found.says)


def _progress(found: Deployment) -> State:
    states: dict[Rollout, State] = {"complete": "applied", "stuck": "drifted"}
    return states.get(found.rollout, "applying")


def _expect(seen: Seen) -> None:
    if seen.state != "before":
        raise Refused(f"{seen.now}. Nothing was changed.")


def _missing(change: _Change) -> Seen:
    return Seen("drifted", f"{change.deployment} does not exist in {change.namespace}")
