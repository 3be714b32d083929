"""
What CloudWatch said: alarms, error rates and load, beside what is usual at this hour. What has no
data is said to have none; it is never taken for zero.
"""

from datetime import datetime, timedelta
from typing import Literal

from bot.runbook import Facts, Plot, Table


class Alarm(Facts):
    name: str
    state: Literal["ALARM", "INSUFFICIENT_DATA"]
    since: datetime
    age: timedelta
    reason: str


class Alarms(Facts):
    alarms: tuple[Alarm, ...]  #: Those not OK, newest first.
    total: int  #: How many alarms there are. With none, silence means nothing.

    @property
    def in_alarm(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.alarms if a.state == "ALARM")

    @property
    def without_data(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.alarms if a.state == "INSUFFICIENT_DATA")

    def table(self) -> Table:
        rows = tuple((a.name, a.state, a.age, a.reason) for a in self.alarms)
        return Table(("Alarm", "State", "For", "Why"), rows)


class Point(Facts):
    at: datetime
    value: float


class NightHour(Facts):
    """Of an hour with requests."""

    at: datetime  #: When it began.
    errors: float  #: Per minute.
    usual: float | None  #: In the same hour of the past 7 days; None: nothing to compare.


class ErrorRate(Facts):
    """Errors are 5xx answers of the service's tasks, per minute."""

    service: str
    now: float | None  #: In the last 15 minutes; None: no requests are seen, so it cannot be told.
    usual: float | None  #: In this hour of the past 7 days; None: there is nothing to compare.
    over_time: tuple[Point, ...] = ()  #: The last 3 hours, per minute.
    night: tuple[NightHour, ...] = ()  #: The whole hours since the evening, oldest first.

    def worst_hour(self, times: float) -> NightHour | None:
        """Of those with more than that many times their usual errors, and over one a minute."""
        bad = [one for one in self.night if one.errors > _least(one.usual) * times]
        return max(bad, key=lambda one: one.errors, default=None)


class ErrorRates(Facts):
    rates: tuple[ErrorRate, ...]
    as_of: datetime

    def above(self, times: float) -> tuple[str, ...]:
        """Services with more than that many times their usual errors, and over one a minute."""
        return tuple(
            r.service for r in self.rates if r.now is not None and r.now > _least(r.usual) * times
        )

    @property
    def without_data(self) -> tuple[str, ...]:
        return tuple(r.service for r in self.rates if r.now is None)

    def table(self) -> Table:
        rows = tuple((r.service, _rate(r.now), _rate(r.usual)) for r in self.rates)
        return Table(("Service", "5xx per min", "Usually"), rows)

    def plot(self) -> Plot:
        return Plot("Errors", "per minute", {r.service: _line(r.over_time) for r in self.rates})

    def plot_of_night(self, times: float) -> Plot:
        """Hour by hour, and what is usual of those that had more. By minutes without a night."""
        if not any(one.night for one in self.rates):
            return self.plot()
        lines = {}
        for one in self.rates:
            lines[one.service] = tuple((hour.at, hour.errors) for hour in one.night)
            if one.worst_hour(times):
                usual = tuple((h.at, h.usual) for h in one.night if h.usual is not None)
                lines[f"{one.service}, usually"] = usual
        return Plot("Errors, hour by hour over the night", "per minute", lines)


class DatabaseLoad(Facts):
    """Of one instance: the average of the last 5 minutes that have data."""

    instance: str
    cpu_percent: float
    connections: float
    io_per_s: float
    over_time: tuple[Point, ...] = ()  #: CPU, the last 3 hours.
    connections_over_time: tuple[Point, ...] = ()
    io_over_time: tuple[Point, ...] = ()  #: Reads and writes together, per second.
    as_of: datetime

    def plot(self) -> Plot:
        """In one picture, so that one sees what rose together: the others beside their highest."""
        lines = {"CPU": _line(self.over_time)}
        for name, points in (
            ("Connections", self.connections_over_time),
            ("Reads and writes per second", self.io_over_time),
        ):
            most = max((one.value for one in points), default=0.0)
            if most:
                shares = tuple((one.at, 100 * one.value / most) for one in points)
                lines[f"{name} (100 % is {most:,.0f})"] = shares
        return Plot(f"Load of {self.instance} in the last 3 h", "%", lines)


class Response(Facts):
    """How a service answers since a moment, beside the hour before it."""

    service: str
    errors_per_min: float
    errors_before: float | None
    p95: timedelta
    p95_before: timedelta | None
    over_time: tuple[Point, ...] = ()  #: Errors per minute, from that hour on.
    as_of: datetime

    def is_worse(self, times: float) -> bool:
        slower = self.p95_before is not None and self.p95 > self.p95_before * times
        return slower or self.errors_per_min > _least(self.errors_before) * times

    def __str__(self) -> str:
        before = "nothing" if self.p95_before is None else _ms(self.p95_before)
        return (
            f"{self.errors_per_min:.1f} errors/min (before: {_rate(self.errors_before)}),"
            f" p95 {_ms(self.p95)} (before: {before})"
        )

    def plot(self) -> Plot:
        return Plot("Errors", "per minute", {self.service: _line(self.over_time)})


def _least(usual: float | None) -> float:
    return max(1.0, usual or 0.0)


def _rate(per_min: float | None) -> str:
    return "no data" if per_min is None else f"{per_min:.1f}"


def _ms(length: timedelta) -> str:
    return f"{length.total_seconds() * 1000:.0f} ms"


def _line(points: tuple[Point, ...]) -> tuple[tuple[datetime, float], ...]:
    return tuple((p.at, p.value) for p in points)
