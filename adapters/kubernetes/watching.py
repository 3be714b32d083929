"""Which pods a selector finds, kept up to date: listed once, then watched, and listed again when
Kubernetes no longer knows from where the watch is to go on."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping

import aiohttp

from adapters.kubernetes.calls import LARGEST_ANSWER, Json, KubeCalls, as_json
from adapters.kubernetes.errors import Call, Expired
from adapters.kubernetes.shapes import PodShape, shaped
from bot.runbook.errors import StepError

log = logging.getLogger(__name__)

WATCH_S = 240  #: How long one watch lasts.
GRACE_S = 30.0
FIRST_NAP_S, LONGEST_NAP_S = 0.2, 10.0
CHUNK = 64 * 1024


class PodWatch:
    """`changed` is called with every pod that is new or other than it was."""

    def __init__(
        self, calls: KubeCalls, namespace: str, selector: str, changed: Callable[[PodShape], None]
    ) -> None:
        self._calls, self._changed = calls, changed
        self._list = Call("list", "pods", namespace=namespace)
        self._watch = Call("watch", "pods", namespace=namespace)
        self._selector = selector
        self._version = ""
        self.pods: dict[str, PodShape] = {}  #: By uid; those that are there.
        self.trouble = ""  #: Why it is not known which pods there are.

    async def begin(self) -> None:
        """The pods there are. Raises what a call of Kubernetes raises."""
        pages = await self._calls.read_pages(self._list, {"labelSelector": self._selector})
        found = [shaped(PodShape, one, self._list) for one in pages.items]
        self._version = pages.version
        for gone in set(self.pods) - {pod.metadata.uid for pod in found}:
            del self.pods[gone]
        for pod in found:
            self._see(pod)
        self.trouble = "" if pages.is_complete else "There are more pods than are read"

    async def go_on(self) -> None:
        """For ever."""
        nap = FIRST_NAP_S
        while True:
            try:
                if not self._version:
                    await self.begin()
                async for event in self._events():
                    nap = FIRST_NAP_S
                    self._take(event)
            except Expired:
                self._version = ""
            except StepError as error:
                self.trouble = str(error)
                log.info("%s", error)
            await asyncio.sleep(nap)
            nap = min(2 * nap, LONGEST_NAP_S)

    def _take(self, event: Json) -> None:
        """Raises Expired, Unreachable."""
        kind, found = event.get("type"), event.get("object")
        if not isinstance(found, dict):
            raise self._watch.unreadable()
        if kind == "ERROR":
            code = found.get("code")
            raise self._watch.answered(
                code if isinstance(code, int) else 500, {}, json.dumps(found).encode()
            )
        if kind == "BOOKMARK":
            self._version = str(found.get("metadata", {}).get("resourceVersion", ""))
            return
        pod = shaped(PodShape, found, self._watch)
        self._version = pod.metadata.resource_version
        if kind == "DELETED":
            self.pods.pop(pod.metadata.uid, None)
        else:
            self._see(pod)

    def _see(self, pod: PodShape) -> None:
        self.pods[pod.metadata.uid] = pod
        self._changed(pod)

    async def _events(self) -> AsyncIterator[Json]:
        query: Mapping[str, object] = {
            "watch": "true",
            "labelSelector": self._selector,
            "resourceVersion": self._version,
            "timeoutSeconds": WATCH_S,
            "allowWatchBookmarks": "true",
        }
        async with self._calls.stream(self._watch, query, WATCH_S + GRACE_S) as reader:
            self.trouble = ""
            async for line in _json_lines(reader, self._watch):
                yield line


async def _json_lines(reader: aiohttp.StreamReader, call: Call) -> AsyncIterator[Json]:
    """Raises Unreachable for one that is too long, or no JSON."""
    held = b""
    while chunk := await reader.read(CHUNK):
        *lines, held = (held + chunk).split(b"\n")
        if len(held) > LARGEST_ANSWER:
            raise call.unreadable()
        for line in lines:
            yield as_json(call, line)
