"""
CloudWatch Logs: the newest error lines of a service.

What is shown is bounded, in lines and in their length, and says so when there was more. Lines are
other people's text: what looks like a credential in them is left out.
"""

from datetime import datetime, timedelta

from adapters.aws_calls import AwsCalls
from bot.runbook import Adapter, Facts, Table

READS: tuple[str, ...] = ()


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
        raise NotImplementedError


def _row(line: LogLine) -> tuple[object, ...]:
    return (f"{line.at:%H:%M:%S}", line.task, line.text)
