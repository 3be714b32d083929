"""
What the services write to their logs, second by second, as a function of time.

Lines are JSON, as services log. Who writes is who runs: a task with a bad version writes errors
for the share of requests it fails, and a service without tasks is silent.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.aws.clock import moment
from sandbox.aws.cloudwatch.measuring import busy
from sandbox.aws.ecs.state import Service, Task
from sandbox.aws.health import ERRORS_OF_BAD_TASKS, Health
from sandbox.aws.noise import noise

LINES_PER_S = 1.2
USUAL_ERRORS = 0.0008
PATHS = (
    ("GET", "/v1/organizations"),
    ("GET", "/v1/ads"),
    ("POST", "/v1/scores"),
    ("GET", "/v1/accounts"),
    ("POST", "/v1/rules/check"),
    ("GET", "/health"),
)
BAD_ERRORS = (
    "sqlalchemy.exc.ProgrammingError: column organizations.plan_tier does not exist",
    "KeyError: 'plan_tier'",
    "TypeError: unsupported operand type(s) for +: 'NoneType' and 'int'",
)
OVERLOAD_ERRORS = (
    "asyncio.TimeoutError: no worker became free within 30 s",
    "sqlalchemy.exc.TimeoutError: QueuePool limit of size 20 overflow 10 reached",
)
USUAL_FAULTS = (
    "httpx.ReadTimeout: graph.facebook.com did not answer within 20 s",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
)
CRASH = (
    "Traceback (most recent call last):",
    '  File "/app/main.py", line 14, in <module>',
    "    settings = Settings()",
    '  File "/app/settings.py", line 88, in __init__',
    "    self.plan_catalogue = os.environ['PLAN_CATALOGUE_URL']",
    "KeyError: 'PLAN_CATALOGUE_URL'",
)


@dataclass(frozen=True)
class Line:
    at_ms: int
    stream: str
    text: str


@dataclass(frozen=True)
class Writer:
    """A task, for as long as it answers requests."""

    stream: str
    since: float
    until: float
    is_bad: bool


def writers(service: Service) -> tuple[Writer, ...]:
    return tuple(
        Writer(stream_of(task), task.healthy_since, _end(task), task.behaviour == "errors")
        for task in service.tasks
        if task.healthy_since is not None
    )


def stream_of(task: Task) -> str:
    return f"app/app/{task.id}"


def crash_lines(task: Task, at: float) -> Iterator[Line]:
    """What a process writes that ends while it starts."""
    for number, text in enumerate(CRASH):
        yield Line(int(at * 1000) - 40 + number, stream_of(task), text)


@dataclass(frozen=True)
class Diary:
    """All that is needed to tell a service's lines."""

    service: str
    writers: Sequence[Writer]
    health: Health

    def lines(self, since: float, until: float) -> Iterator[Line]:
        """In order of time; of both seconds all of it that lies between."""
        for second in range(int(since), int(until) + 1):
            present = [one for one in self.writers if one.since <= second < one.until]
            for line in self._of_second(second, present) if present else ():
                if since * 1000 <= line.at_ms <= until * 1000:
                    yield line

    def _of_second(self, second: int, present: Sequence[Writer]) -> list[Line]:
        lines = []
        for number in range(2):
            key = f"{self.service} {number}"
            if noise(key, second) < LINES_PER_S / 2 * busy(second):
                writer = present[int(noise(f"{key} who", second) * len(present))]
                at_ms = second * 1000 + int(noise(f"{key} at", second) * 1000)
                text = self._text(f"{key} what", second, at_ms, writer)
                lines.append(Line(at_ms, writer.stream, text))
        return sorted(lines, key=lambda line: line.at_ms)

    def _text(self, key: str, second: int, at_ms: int, writer: Writer) -> str:
        method, path = PATHS[int(noise(key + " path", second) * len(PATHS))]
        request = f"{int(noise(key + ' id', second) * 16**12):012x}"
        said = {
            "time": f"{moment(at_ms / 1000):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "service": self.service,
            "request_id": request,
            "method": method,
            "path": path,
        }
        error = self._error(key, second, writer)
        if error:
            return json.dumps({**said, "level": "error", "status": 500, "message": error})
        duration = 20 + int(noise(key + " ms", second) ** 3 * 400)
        return json.dumps(
            {**said, "level": "info", "status": 200, "duration_ms": duration, "message": "served"}
        )

    def _error(self, key: str, second: int, writer: Writer) -> str:
        chance, which = noise(key + " error", second), noise(key + " which", second)
        if writer.is_bad and chance < ERRORS_OF_BAD_TASKS:
            return _pick(BAD_ERRORS, which)
        if not writer.is_bad and chance < self.health.at(second).errors:
            return _pick(OVERLOAD_ERRORS, which)
        return _pick(USUAL_FAULTS, which) if chance < USUAL_ERRORS else ""


def _pick(texts: Sequence[str], share: float) -> str:
    return texts[min(int(share * len(texts)), len(texts) - 1)]


def _end(task: Task) -> float:
    return float("inf") if task.stopping_at is None else task.stopping_at
