"""
One container's log, followed through whatever happens to it: the connection breaks off, the
container is started again, the pod ends.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime

from adapters.kubernetes.calls import KubeCalls, Query
from adapters.kubernetes.errors import Call, NotThere, NotYet
from adapters.kubernetes.lines import Place
from adapters.kubernetes.shapes import PodShape, shaped
from adapters.kubernetes.streams import LogLine, new_lines
from bot.runbook.errors import StepError

FIRST_NAP_S, LONGEST_NAP_S = 0.2, 5.0
OVER = ("Succeeded", "Failed")  #: Phases of a pod that writes nothing any more.
GONE = "It was gone before its log was read to the end"
#: Of the lives of a container only the last but one is kept besides the last.
SKIPPED = "It was started again several times while its log was not read: lines may be missing"


class FollowedLog:
    """`now` gives what is known of the pod: None, it is gone. Lines are handed to `put`."""

    def __init__(
        self,
        calls: KubeCalls,
        pod: PodShape,
        container: str,
        namespace: str,
        since: datetime,
        containing: bytes,
        now: Callable[[], PodShape | None],
        put: Callable[[LogLine], Awaitable[None]],
    ) -> None:
        self._calls, self._namespace, self._containing = calls, namespace, containing
        self._name, self._uid, self._container = pod.metadata.name, pod.metadata.uid, container
        self._seen: PodShape | None = pod  #: None: to be read, it may be another one by now.
        self._now, self._put = now, put
        self._place, self._life, self._nap = Place(since), 0, FIRST_NAP_S
        self._is_whole = False  #: Whether the log was read as far as it went.
        self.trouble = ""  #: Why it cannot be read now.
        self.missing = ""  #: Why some of it will never be read.

    async def go_on(self) -> None:
        """Until the pod is gone."""
        while True:
            try:
                await self._read()
            except NotYet as error:
                self.trouble, self._is_whole = str(error), True
            except NotThere:
                break
            except StepError as error:
                self.trouble, self._seen, self._is_whole = str(error), None, False
            if self._is_whole and self._is_over():
                break
            await asyncio.sleep(self._nap)
            self._nap = min(2 * self._nap, LONGEST_NAP_S)
            self._seen = self._seen and (self._now() or self._seen)
        self.trouble = ""
        if not self._is_whole:
            self.missing = GONE

    async def _read(self) -> None:
        is_back = self._seen is None
        self._seen = self._seen or await self._read_pod()
        restarts = restarts_of(self._seen, self._container)
        if restarts > self._life:
            if is_back and restarts > self._life + 1:
                self.missing = SKIPPED
            with contextlib.suppress(NotYet):  # it is not kept
                await self._pass_on({"previous": "true"})
            self._life = restarts
        await self._pass_on({"follow": "true"})
        self._is_whole = True

    async def _read_pod(self) -> PodShape:
        call = Call("get", "pods", self._name, namespace=self._namespace)
        now = shaped(PodShape, (await self._calls.read(call)).content, call)
        if now.metadata.uid != self._uid:
            raise NotThere(f"{self._name} is another pod now")
        return now

    async def _pass_on(self, asked: Query) -> None:
        lines = new_lines(
            self._calls,
            self._namespace,
            self._name,
            self._container,
            self._place,
            self._containing,
            asked,
            self._began,
        )
        async with contextlib.aclosing(lines):
            async for line in lines:
                self._nap = FIRST_NAP_S
                await self._put(line)

    def _began(self) -> None:
        self.trouble = ""

    def _is_over(self) -> bool:
        now = self._now()
        return now is None or now.status.phase in OVER


def restarts_of(pod: PodShape, container: str) -> int:
    counts = {one.name: one.restart_count for one in pod.status.container_statuses}
    return counts.get(container, 0)
