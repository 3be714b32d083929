"""What the pods of a deployment have written since a moment, read once."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from adapters.kubernetes.calls import KubeCalls
from adapters.kubernetes.errors import Call, NotYet
from adapters.kubernetes.facts import Deployment, Line, Lines
from adapters.kubernetes.followed import restarts_of
from adapters.kubernetes.lines import Place
from adapters.kubernetes.shapes import PodShape, shaped
from adapters.kubernetes.streams import LogLine, new_lines
from adapters.plain import plain
from bot.runbook.errors import StepError

AT_ONCE = 8
LONGEST_SHOWN = 300
MOST_S = 20.0  #: For all logs together.


@dataclass
class _Found:
    newest: list[LogLine] = field(default_factory=list)  #: Of each log, as many as are kept.
    count: int = 0
    unread: dict[str, str] = field(default_factory=dict)


async def read_lines(
    calls: KubeCalls, deployment: Deployment, since: datetime, containing: str, newest: int
) -> Lines:
    """Raises what a call of Kubernetes raises when it is not even known which pods there are."""
    call = Call("list", "pods", namespace=deployment.namespace)
    pages = await calls.read_pages(call, {"labelSelector": deployment.selector})
    found, turns = _Found(), asyncio.Semaphore(AT_ONCE)
    until = asyncio.get_running_loop().time() + MOST_S
    if not pages.is_complete:
        found.unread["pods"] = "There are more pods than are read"

    async def read(pod: PodShape, container: str) -> None:
        of_log: deque[LogLine] = deque(maxlen=newest)
        try:
            async with turns, asyncio.timeout_at(until):
                await _read(calls, deployment, pod, container, since, containing, found, of_log)
        except TimeoutError:
            found.unread[pod.metadata.name] = f"Its log was not read to the end in {MOST_S:g} s"
        found.newest += of_log

    pods = [shaped(PodShape, one, call) for one in pages.items]
    reading = [read(pod, container.name) for pod in pods for container in pod.spec.containers]
    await asyncio.gather(*reading)
    kept = sorted(found.newest, key=lambda line: line.at)[-newest:]
    return Lines(
        deployment=deployment.name,
        containing=containing,
        lines=tuple(_line(one) for one in kept),
        count=found.count,
        unread=found.unread,
        since=since,
        until=pages.at,
    )


async def _read(
    calls: KubeCalls,
    deployment: Deployment,
    pod: PodShape,
    container: str,
    since: datetime,
    containing: str,
    found: _Found,
    of_log: deque[LogLine],
) -> None:
    name, place = pod.metadata.name, Place(since)
    wanted = containing.encode("utf-8", "replace")
    lives: list[dict[str, object]] = [{}]
    if restarts_of(pod, container):
        lives.insert(0, {"previous": "true"})
    for asked in lives:
        lines = new_lines(calls, deployment.namespace, name, container, place, wanted, asked)
        try:
            async with contextlib.aclosing(lines):
                async for line in lines:
                    found.count += 1
                    of_log.append(line)
        except NotYet as error:
            if not asked:
                found.unread[name] = str(error)
        except StepError as error:
            found.unread[name] = str(error)


def _line(found: LogLine) -> Line:
    return Line(at=found.at, pod=found.pod, text=plain(found.text, LONGEST_SHOWN))
