"""
CloudWatch Logs' operations on the log groups `/ecs/<service>`.

A page is a bounded piece of the log, so pages can be empty and go on, as AWS's do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from zlib import crc32

from sandbox.aws.ecs.state import Service, Task, TaskDefinition
from sandbox.aws.health import Health
from sandbox.aws.logs.patterns import compiled
from sandbox.aws.logs.writing import Diary, Line, crash_lines, stream_of, writers
from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import ACCOUNT, REGION, Answer, AwsError, Params

RETENTION_DAYS = 14
PAGE_S = timedelta(hours=1).total_seconds()
MOST_EVENTS, MOST_CRASH_LINES = 10_000, 2_000


@dataclass
class Group:
    """
    `extra`: lines beside those that follow from the world, in order of time; `streams`: those of
    tasks that ran a command, as they wrote them.
    """

    service: Service
    health: Health
    created_at: float
    extra: list[Line] = field(default_factory=list)
    streams: dict[str, list[Line]] = field(default_factory=dict)

    def add(self, lines: list[Line]) -> None:
        self.extra = sorted([*self.extra, *lines], key=lambda line: line.at_ms)[-MOST_CRASH_LINES:]

    def known(self) -> set[str]:
        """The streams of the service's tasks; one of a command is there once it has a line."""
        return {stream_of(task) for task in self.service.tasks} | {
            one.stream for one in self.extra
        }

    def lines(self, since: float, until: float) -> list[Line]:
        diary = Diary(self.service.name, writers(self.service), self.health)
        written = (self.extra, *map(list, list(self.streams.values())))
        extra = [
            one for lines in written for one in lines if since * 1000 <= one.at_ms <= until * 1000
        ]
        return sorted([*diary.lines(since, until), *extra], key=lambda line: line.at_ms)


class LogApi:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.groups: dict[str, Group] = {}
        self.operations: dict[str, Handler] = {
            "DescribeLogGroups": self._describe_groups,
            "DescribeLogStreams": self._describe_streams,
            "FilterLogEvents": self._filter,
            "GetLogEvents": self._get,
        }

    def note_crash(self, service: Service, task: Task) -> None:
        group = self.groups.get(f"/ecs/{service.name}")
        if group:
            group.add(list(crash_lines(task, self._timeline.now)))

    def write(self, definition: TaskDefinition, stream: str, text: str) -> None:
        """As the log driver does; a task whose group is not there writes in vain."""
        options = definition.container["logConfiguration"]["options"]
        group = self.groups.get(options["awslogs-group"])
        if group:
            at_ms = int(self._timeline.clock.now() * 1000)
            group.streams.setdefault(stream, []).append(Line(at_ms, stream, text))

    def _group(self, params: Params) -> Group:
        name = params.get("logGroupName") or params.get("logGroupIdentifier", "").split(":")[-1]
        with self._timeline.up_to_date():
            group = self.groups.get(name)
        if group is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return group

    def _describe_groups(self, params: Params) -> Answer:
        prefix, part = params.get("logGroupNamePrefix", ""), params.get("logGroupNamePattern", "")
        shown = [
            {
                "logGroupName": name,
                "creationTime": int(group.created_at * 1000),
                "retentionInDays": RETENTION_DAYS,
                "arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*",
            }
            for name, group in sorted(self.groups.items())
            if name.startswith(prefix) and part in name
        ]
        return page("logGroups", shown, params, "nextToken", params.get("limit", 50))

    def _describe_streams(self, params: Params) -> Answer:
        group, prefix = self._group(params), params.get("logStreamNamePrefix", "")
        shown = [
            {
                "logStreamName": stream_of(task),
                "creationTime": int(task.created_at * 1000),
                "firstEventTimestamp": int((task.started_at or task.created_at) * 1000),
            }
            for task in list(group.service.tasks)
            if stream_of(task).startswith(prefix)
        ]
        if params.get("descending"):
            shown.reverse()
        return page("logStreams", shown, params, "nextToken", params.get("limit", 50))

    def _filter(self, params: Params) -> Answer:
        group, matches = self._group(params), compiled(params.get("filterPattern", ""))
        is_wanted = _wanted_streams(params)
        now = self._timeline.clock.now()
        until = min(params.get("endTime", now * 1000) / 1000, now)
        since, skipped = _token(params, self._oldest(params, now))
        end = min(until, since + PAGE_S)
        lines = [
            line
            for line in group.lines(since, end)
            if is_wanted(line.stream) and matches(line.text)
        ]
        most = min(int(params.get("limit", MOST_EVENTS)), MOST_EVENTS)
        shown = lines[skipped : skipped + most]
        answer = {"events": [_event(line) for line in shown], "searchedLogStreams": []}
        if skipped + most < len(lines):
            return {**answer, "nextToken": f"{since:.3f}/{skipped + most}"}
        if end < until:
            return {**answer, "nextToken": f"{end + 0.001:.3f}/0"}
        return answer

    def _get(self, params: Params) -> Answer:
        """
        The newest lines of a stream; its tokens lead nowhere else, as at a stream's end. Those of
        a task that ran a command can be followed from the first on.
        """
        group, now = self._group(params), self._timeline.clock.now()
        if params["logStreamName"] in group.streams:
            return _followed(group.streams[params["logStreamName"]], params)
        if params["logStreamName"] not in group.known():
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        until = min(params.get("endTime", now * 1000) / 1000, now)
        since = max(self._oldest(params, now), until - PAGE_S)
        lines = [
            line for line in group.lines(since, until) if line.stream == params["logStreamName"]
        ]
        shown = [_brief(one) for one in lines[-int(params.get("limit", MOST_EVENTS)) :]]
        return {"events": shown, "nextForwardToken": "f/0", "nextBackwardToken": "b/0"}

    def _oldest(self, params: Params, now: float) -> float:
        kept = now - timedelta(days=RETENTION_DAYS).total_seconds()
        return max(int(params.get("startTime", 0)) / 1000, kept)


def _followed(lines: list[Line], params: Params) -> Answer:
    """A token says how many lines were given; at the end it is given back as it came."""
    most = min(int(params.get("limit", MOST_EVENTS)), MOST_EVENTS)
    token = params.get("nextToken", "")
    newest = len(lines) - most if not params.get("startFromHead") else 0
    start = int(token.partition("/")[2] or 0) if token else max(newest, 0)
    shown = lines[start : start + most]
    return {
        "events": [_brief(one) for one in shown],
        "nextForwardToken": f"f/{start + len(shown)}",
        "nextBackwardToken": f"b/{start}",
    }


def _brief(line: Line) -> Answer:
    return {
        "timestamp": line.at_ms,
        "message": line.text,
        "ingestionTime": line.at_ms + 200,
    }


def _token(params: Params, start: float) -> tuple[float, int]:
    """Where the page begins, and how many of its lines have been given."""
    token = params.get("nextToken")
    if not token:
        return start, 0
    since, _, skipped = token.partition("/")
    try:
        return float(since), int(skipped)
    except ValueError:
        said = "The specified nextToken is invalid."
        raise AwsError("InvalidParameterException", said) from None


def _wanted_streams(params: Params) -> Callable[[str], bool]:
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix", "")
    return lambda stream: (not names or stream in names) and stream.startswith(prefix)


def _event(line: Line) -> Answer:
    return {
        "logStreamName": line.stream,
        "timestamp": line.at_ms,
        "message": line.text,
        "ingestionTime": line.at_ms + 200,
        "eventId": f"{line.at_ms:020d}{crc32(line.text.encode()):012d}",
    }
