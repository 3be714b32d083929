"""
The logs of all pods of a deployment as they are written: of those that are there, of those that
are born later, and to the end of those that die.

A log that breaks off is asked for again from its last line on, so nothing is lost or comes twice.
Whoever reads slowly slows the reading down: nothing is heaped up. What cannot be read is said in
`troubles` for as long as it cannot, and what never could for as long as there is one to say it.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from adapters.kubernetes.calls import KubeCalls
from adapters.kubernetes.facts import Deployment
from adapters.kubernetes.followed import FollowedLog
from adapters.kubernetes.shapes import PodShape
from adapters.kubernetes.streams import LogLine
from adapters.kubernetes.watching import PodWatch

MOST_WAITING = 500  #: Lines that nobody has taken yet.
MOST_LOGS = 200  #: That are followed at once.
MOST_MISSING = 100  #: Pods of which it is remembered that some of their log was missed.
ALL_OF_THEM = "pods"  #: In whose name it is said that the pods themselves are not known.

Key = tuple[str, str]  #: A pod's uid, and its container's name.


class Following:
    """Lines, in the order in which they come; of one container, in its own."""

    def __init__(
        self, calls: KubeCalls, deployment: Deployment, since: datetime, containing: str
    ) -> None:
        self._calls, self._since = calls, since
        self._namespace, self._containing = (
            deployment.namespace,
            containing.encode("utf-8", "replace"),
        )
        self._lines: asyncio.Queue[LogLine | Exception] = asyncio.Queue(MOST_WAITING)
        self._watch = PodWatch(calls, self._namespace, deployment.selector, self._take_up)
        self._watching: asyncio.Task[None] | None = None
        self._logs: dict[Key, tuple[str, FollowedLog, asyncio.Task[None]]] = {}
        self._left_out: set[str] = set()
        self._missing: dict[str, str] = {}

    def __aiter__(self) -> "Following":
        return self

    async def __anext__(self) -> LogLine:
        """Waits for ever: nobody knows whether another line comes."""
        got = await self._lines.get()
        if isinstance(got, Exception):
            raise got
        return got

    @property
    def troubles(self) -> Mapping[str, str]:
        """By pod, why its log is not read now, or was not to its end; `pods`: of all of them."""
        found = dict(self._missing)
        for name, one, _ in self._logs.values():
            if says := one.trouble or one.missing:
                found[name] = says
        if self._watch.trouble:
            found[ALL_OF_THEM] = self._watch.trouble
        elif self._left_out:
            found[ALL_OF_THEM] = f"More than {MOST_LOGS} logs are not followed at once"
        return found

    async def begin(self) -> None:
        await self._watch.begin()
        self._watching = self._start(self._watch.go_on())

    async def end(self) -> None:
        tasks = [task for _, _, task in self._logs.values()]
        if self._watching:
            tasks.append(self._watching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take_up(self, pod: PodShape) -> None:
        self._forget_gone()
        for container in pod.spec.containers:
            key = (pod.metadata.uid, container.name)
            if key in self._logs:
                continue
            if len(self._logs) >= MOST_LOGS:
                self._left_out.add(pod.metadata.uid)
                continue
            self._left_out.discard(pod.metadata.uid)
            followed = FollowedLog(
                self._calls,
                pod,
                container.name,
                self._namespace,
                self._since,
                self._containing,
                partial(self._watch.pods.get, pod.metadata.uid),
                self._lines.put,
            )
            self._logs[key] = (pod.metadata.name, followed, self._start(followed.go_on()))

    def _forget_gone(self) -> None:
        self._left_out &= self._watch.pods.keys()
        for key, (name, one, task) in list(self._logs.items()):
            if task.done() and key[0] not in self._watch.pods:
                del self._logs[key]
                if one.missing and len(self._missing) < MOST_MISSING:
                    self._missing[name] = one.missing

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return asyncio.create_task(self._watched(work), name="following logs")

    async def _watched(self, work: Coroutine[None, None, None]) -> None:
        """A fault of ours is the reader's to know: a log that stops silently would look quiet."""
        try:
            await work
        except Exception as error:
            await self._lines.put(error)


@asynccontextmanager
async def follow(
    calls: KubeCalls, deployment: Deployment, since: datetime, containing: str
) -> AsyncIterator[Following]:
    following = Following(calls, deployment, since, containing)
    try:
        await following.begin()
        yield following
    finally:
        await following.end()
