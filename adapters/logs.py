"""
CloudWatch Logs: the newest error lines of a service.

What is shown is bounded, in lines and in their length, and says so when there was more. Lines are
other people's text: secrets are taken out of them before they are cut.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.aws_calls import AwsCalls, Pages
from adapters.aws_errors import NotThere
from bot.runbook import Adapter, Facts, Table
from bot.runbook.errors import Refused
from bot.secrets.redaction import REDACTOR

READS: tuple[str, ...] = ("logs:FilterLogEvents",)
#: Any of these words, as services write them, in plain lines and in JSON.
ERRORS = "?ERROR ?Error ?error ?CRITICAL ?FATAL ?fatal ?Exception ?Traceback"
MOST_LINES, LONGEST_LINE = 1000, 300


class LogLine(Facts):
    at: datetime
    task: str  #: The log stream it stands in.
    text: str


class ErrorLines(Facts):
    service: str
    group: str  #: The log group, such as `/ecs/complyai-core`.
    lines: tuple[LogLine, ...]  #: Newest first.
    count: int  #: Of error lines found; more than `lines` when not all are kept.
    is_count_complete: bool  #: False: the log was too long to be read to its end.
    since: datetime

    def table(self) -> Table:
        return Table(("At (UTC)", "Task", "Line"), tuple(_row(line) for line in self.lines))


class Logs(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def errors(
        self, service: str, within: timedelta = timedelta(minutes=15), newest: int = 50
    ) -> ErrorLines:
        """Of the log group `/ecs/<service>`. Raises Refused when there is no such group."""
        until = self._calls.now()
        group = f"/ecs/{service}"
        whole = await self._read(group, until - within, until)
        # AWS gives the oldest first. Of a log too long to read, at least the last minute is.
        tail = whole.items
        if not whole.is_complete:
            last_minute = await self._read(group, until - timedelta(minutes=1), until)
            tail = last_minute.items or whole.items
        return ErrorLines(
            service=service,
            group=group,
            lines=tuple(_line(event) for event in reversed(tail[-newest:])),
            count=len(whole.items),
            is_count_complete=whole.is_complete,
            since=until - within,
        )

    async def _read(self, group: str, since: datetime, until: datetime) -> Pages:
        try:
            return await self._calls.read_pages(
                "logs",
                "filter_log_events",
                "events",
                MOST_LINES,
                logGroupName=group,
                filterPattern=ERRORS,
                startTime=_milliseconds(since),
                endTime=_milliseconds(until),
            )
        except NotThere:
            raise Refused(
                f"There is no log group {group}, so errors cannot be counted. Services are"
                " expected to log there: see their task definition."
            ) from None


def _row(line: LogLine) -> tuple[object, ...]:
    return (f"{line.at:%H:%M:%S}", line.task, line.text)


def _line(event: dict[str, Any]) -> LogLine:
    text = REDACTOR.text(event["message"].strip())
    return LogLine(
        at=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
        task=event["logStreamName"].rsplit("/", 1)[-1],
        text=text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…",
    )


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
