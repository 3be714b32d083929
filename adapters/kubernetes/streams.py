"""One container's log, read from a place on, and only what is new there."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.kubernetes.calls import KubeCalls
from adapters.kubernetes.errors import Call
from adapters.kubernetes.lines import Place, Splitter, moment

log = logging.getLogger(__name__)

CHUNK = 8 * 1024  #: In bytes: so much is looked at before others have their turn.
#: Seconds without a byte after which a log is asked for anew: nobody tells of a dead connection.
IDLE_S = 60.0


@dataclass(frozen=True)
class LogLine:
    at: datetime
    pod: str
    container: str
    text: str  #: As it was written: other people's text. At most 16 kB of it.


async def new_lines(
    calls: KubeCalls,
    namespace: str,
    pod: str,
    container: str,
    place: Place,
    containing: bytes,
    asked: Mapping[str, object],
    began: Callable[[], None] = lambda: None,
) -> AsyncGenerator[LogLine, None]:
    """
    Moves the place on with every line, wanted or not. Raises what a call of Kubernetes raises,
    also after it has given lines. `asked`: `follow` or `previous`. `began` is called when there
    is a log.
    """
    call = Call("get", "pods", pod, "log", namespace=namespace)
    query = {"container": container, "timestamps": "true", "sinceTime": place.since, **asked}
    place.begin_again()
    splitter = Splitter(containing)
    async with calls.stream(call, query, IDLE_S) as reader:
        began()
        while chunk := await reader.read(CHUNK):
            for stamp, text in splitter.feed(chunk):
                if line := _line(pod, container, place, stamp, text):
                    yield line
            await asyncio.sleep(0)
        for stamp, text in splitter.end():
            if line := _line(pod, container, place, stamp, text):
                yield line


def _line(
    pod: str, container: str, place: Place, stamp: bytes, text: bytes | None
) -> LogLine | None:
    try:
        at = place.take(stamp)
    except ValueError:  # The kubelet's own errors stand in the log without a time.
        log.info("%s: the kubelet says something that is no line of the log", pod)
        return None
    if at is None or text is None:
        return None
    return LogLine(moment(at), pod, container, text.decode("utf-8", "replace"))
