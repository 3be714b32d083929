"""A pod's log over HTTP, as the API passes it on from the kubelet."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from sandbox.aws.clock import Clock
from sandbox.peers.kubernetes.answers import KubeError, bad_request, invalid
from sandbox.peers.kubernetes.pods import ContainerLog, Life

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
NEGATIVE = "must be greater than or equal to 0"
BOTH = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
LOOK_EVERY_S = 0.5
Line = tuple[int, bytes]


class LogQuestion:
    """What is asked for in the query. Raises KubeError."""

    def __init__(self, request: web.Request, life: Life, now: float) -> None:
        query = request.query
        self.follow = query.get("follow") in TRUE
        self.timestamps = query.get("timestamps") in TRUE
        self.previous = query.get("previous") in TRUE
        self.tail = _natural(life.name, "tailLines", query.get("tailLines"))
        self.limit = _natural(life.name, "limitBytes", query.get("limitBytes"))
        self.since_ns = self._since(
            life.name, query.get("sinceTime"), query.get("sinceSeconds"), now
        )
        container = query.get("container") or life.container
        if container != life.container:
            raise bad_request(f"container {container} is not valid for pod {life.name}")

    @staticmethod
    def _since(pod: str, at: str | None, seconds: str | None, now: float) -> int:
        """On its way to the kubelet a time is cut to the second."""
        if at and seconds:
            raise _wrong(pod, "[]", BOTH, "FieldValueForbidden")
        if seconds:
            return int((now - int(seconds)) * 1e9)
        if not at:
            return 0
        try:
            return int(datetime.fromisoformat(at).astimezone(UTC).timestamp()) * 10**9
        except ValueError:
            raise bad_request(f'parsing time "{at}" as RFC3339') from None

    def of(self, life: Life) -> ContainerLog:
        """Raises KubeError 400 when that container has no log."""
        if self.previous:
            if len(life.logs) < 2:
                raise bad_request(
                    f'previous terminated container "{life.container}" in pod "{life.name}"'
                    " not found"
                )
            return life.logs[-2]
        if not life.logs:
            reason = "trying and failing to pull image"
            why = reason if life.phase == "no image" else "ContainerCreating"
            raise bad_request(
                f'container "{life.container}" in pod "{life.name}" is waiting to start: {why}'
            )
        return life.logs[-1]

    def written(self, line: Line) -> bytes:
        return (_stamp(line[0]) if self.timestamps else b"") + line[1] + b"\n"


async def happens(changed: asyncio.Event, within_s: float) -> None:
    """Waits for it, and no longer: whoever reads may have gone, which nobody tells."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), within_s)


def _natural(pod: str, name: str, given: str | None) -> int | None:
    if given is None:
        return None
    if not given.lstrip("-").isdigit():
        raise bad_request(f"strconv.ParseInt: parsing {given!r}: invalid syntax")
    if int(given) < 0:
        raise _wrong(pod, name, f"Invalid value: {given}: {NEGATIVE}")
    return int(given)


def _wrong(pod: str, field: str, says: str, reason: str = "FieldValueInvalid") -> KubeError:
    return invalid("PodLogOptions", "", pod, field, says, reason)


def _stamp(at_ns: int) -> bytes:
    """RFC 3339 with nanoseconds, the zeros at their end left out."""
    second, rest = divmod(at_ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z ".encode()


async def send_log(
    request: web.Request, life: Life, clock: Clock, is_cut: Callable[[], bool]
) -> web.StreamResponse:
    """`is_cut` is asked after each piece that was sent: whether the connection breaks now."""
    asked = LogQuestion(request, life, clock.now())
    log = asked.of(life)
    lines = [one for one in log.since(0) if one[0] >= asked.since_ns]
    if asked.tail is not None:
        lines = lines[len(lines) - min(asked.tail, len(lines)) :]
    at = log.written
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with log.reading() as changed:
        body = b"".join(map(asked.written, lines))
        await response.write(body if asked.limit is None else body[: asked.limit])
        while asked.follow:
            if body and is_cut() and request.transport:
                request.transport.abort()
                return response
            changed.clear()
            body = b"".join(map(asked.written, log.since(at)))
            at = log.written
            if body:
                await response.write(body)
            elif log.is_over or request.transport is None:
                break
            else:
                await happens(changed, LOOK_EVERY_S)
    await response.write_eof()
    return response
