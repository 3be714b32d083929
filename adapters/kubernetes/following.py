"""
The logs of all pods of a deployment as they are written: of those that are there, of those that
are born later, and to the end of those that die.

A log that breaks off is asked for again from its last line on, so nothing is lost or comes twice.
Whoever reads slowly slows the reading down: nothing is heaped up. What cannot be read is said in
`troubles` for as long as it cannot; a log that was not read to its end stays there.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from adapters.kubernetes.calls import KubeCalls
from adapters.kubernetes.errors import Call, Denied, NotThere, NotYet
from adapters.kubernetes.facts import Deployment
from adapters.kubernetes.lines import Place
from adapters.kubernetes.shapes import PodShape, shaped
from adapters.kubernetes.streams import LogLine, new_lines
from adapters.kubernetes.watching import PodWatch
from bot.runbook.errors import StepError
from bot.secrets.vault import NotAccepted

MOST_WAITING = 500  #: Lines that nobody has taken yet.
MOST_LOGS = 200
FIRST_NAP_S, LONGEST_NAP_S = 0.2, 5.0
OVER = ("Succeeded", "Failed")  #: Phases of a pod that writes nothing any more.
ALL_OF_THEM = "pods"  #: In whose name it is said that the pods themselves are not known.


class Following:
    """Lines, in the order in which they come; of one container, in its own."""

    def __init__(
        self, calls: KubeCalls, deployment: Deployment, since: datetime, containing: str
    ) -> None:
        self._calls, self._since = calls, since
        self._namespace, self._containing = deployment.namespace, containing.encode()
        self._lines: asyncio.Queue[LogLine | Exception] = asyncio.Queue(MOST_WAITING)
        self._troubles: dict[str, str] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._watch = PodWatch(calls, self._namespace, deployment.selector, self._take_up)

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
        if self._watch.trouble:
            return {**self._troubles, ALL_OF_THEM: self._watch.trouble}
        return dict(self._troubles)

    async def begin(self) -> None:
        await self._watch.begin()
        self._start(("", ALL_OF_THEM), self._watch.go_on())

    async def end(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take_up(self, pod: PodShape) -> None:
        self._forget_gone()
        for container in pod.spec.containers:
            key = (pod.metadata.uid, container.name)
            if key in self._tasks:
                continue
            if len(self._tasks) > MOST_LOGS:
                self._troubles[pod.metadata.name] = f"More than {MOST_LOGS} logs are not followed"
                continue
            self._start(key, self._follow(pod, container.name))

    def _forget_gone(self) -> None:
        for key, task in list(self._tasks.items()):
            if task.done() and key[0] not in self._watch.pods:
                del self._tasks[key]

    def _start(self, key: tuple[str, str], work: Coroutine[None, None, None]) -> None:
        self._tasks[key] = asyncio.create_task(self._watched(work), name=f"log of {key[1]}")

    async def _watched(self, work: Coroutine[None, None, None]) -> None:
        """A fault of ours is the reader's to know: a log that stops silently would look quiet."""
        try:
            await work
        except Exception as error:
            await self._lines.put(error)

    async def _follow(self, pod: PodShape, container: str) -> None:
        name, uid = pod.metadata.name, pod.metadata.uid
        place, life, nap = Place(self._since), 0, FIRST_NAP_S
        seen: PodShape | None = pod
        is_whole = False  #: Whether it was read as far as it went.
        while True:
            try:
                if seen is None:
                    seen = await self._read_pod(name, uid)
                if (restarts := restarts_of(seen, container)) > life:
                    await self._catch_up(name, container, place)
                    life = restarts
                if await self._pass_on(name, container, place, follow="true"):
                    nap = FIRST_NAP_S
                is_whole = True
            except NotYet as error:
                self._troubles[name], is_whole = str(error), True
            except NotThere:
                self._part(name, is_whole)
                return
            except (Denied, NotAccepted) as error:
                self._troubles[name] = str(error)
                return
            except StepError as error:  # it broke off: the container may be another one by now
                self._troubles[name], seen, is_whole = str(error), None, False
            if is_whole and self._is_over(uid):
                self._part(name, is_whole)
                return
            await asyncio.sleep(nap)
            nap = min(2 * nap, LONGEST_NAP_S)
            seen = self._watch.pods.get(uid, seen) if seen else None

    def _well(self, pod: str) -> None:
        self._troubles.pop(pod, None)

    def _part(self, pod: str, is_whole: bool) -> None:
        self._well(pod)
        if not is_whole:
            self._troubles[pod] = "It was gone before its log was read to the end"

    def _is_over(self, uid: str) -> bool:
        """Of a log that was read as far as it goes: whether no more of it can come."""
        now = self._watch.pods.get(uid)
        return now is None or now.status.phase in OVER

    async def _read_pod(self, name: str, uid: str) -> PodShape:
        call = Call("get", "pods", name, namespace=self._namespace)
        now = shaped(PodShape, (await self._calls.read(call)).content, call)
        if now.metadata.uid != uid:
            raise NotThere(f"{name} is another pod now")
        return now

    async def _catch_up(self, pod: str, container: str, place: Place) -> None:
        """What the container wrote before it was started again while nobody was listening."""
        with contextlib.suppress(NotYet):  # it is not kept
            await self._pass_on(pod, container, place, previous="true")

    async def _pass_on(self, pod: str, container: str, place: Place, **asked: object) -> int:
        """How many lines there were."""
        count = 0
        lines = new_lines(
            self._calls,
            self._namespace,
            pod,
            container,
            place,
            self._containing,
            partial(self._well, pod),
            **asked,
        )
        async with contextlib.aclosing(lines):
            async for line in lines:
                await self._lines.put(line)
                count += 1
        return count


def restarts_of(pod: PodShape, container: str) -> int:
    counts = {one.name: one.restart_count for one in pod.status.container_statuses}
    return counts.get(container, 0)


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
