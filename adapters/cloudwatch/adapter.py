"""
Reads alarms and metrics. All windows end at the last whole minute, because the minute that runs
is not counted to its end yet.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import mean, median
from typing import Any

from adapters.aws_calls import AwsCalls
from adapters.cloudwatch.facts import (
    Alarm,
    Alarms,
    DatabaseLoad,
    ErrorRate,
    ErrorRates,
    NightHour,
    Point,
    Response,
)
from adapters.cloudwatch.metrics import (
    BALANCER,
    LATENCY,
    REQUESTS,
    SERVER_ERRORS,
    Dimensions,
    Line,
    Query,
    lines,
    places,
)
from adapters.cloudwatch.traffic import Traffic
from bot.runbook import Adapter
from bot.runbook.errors import Refused, Unreachable

READS: tuple[str, ...] = (
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListMetrics",
    "cloudwatch:GetMetricData",
)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RECENT, SHOWN, COMPARED = timedelta(minutes=15), timedelta(hours=3), timedelta(days=7)
STOPPED_AFTER = timedelta(minutes=5)
DATABASE_METRICS = ("CPUUtilization", "DatabaseConnections", "ReadIOPS", "WriteIOPS")
MOST_ALARMS = 2000
NOWHERE: tuple[Dimensions, ...] = ()


class NoRequests(Refused):
    """The load balancer has counted no request, so it cannot be said how a service answers."""


class CloudWatch(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def alarms(self) -> Alarms:
        """Of every alarm of the account in this region, those that are not OK."""
        metric, composite = await asyncio.gather(
            self._alarms("MetricAlarm"), self._alarms("CompositeAlarm")
        )
        every, now = [*metric, *composite], self._calls.now()
        wrong = sorted(
            (_alarm(one, now) for one in every if one["StateValue"] != "OK"),
            key=lambda alarm: alarm.since,
            reverse=True,
        )
        return Alarms(alarms=tuple(wrong), total=len(every))

    async def error_rates(
        self, services: Sequence[str], since: datetime | None = None
    ) -> ErrorRates:
        """
        5xx answers as the load balancer counts them, now and at this hour of past days; and hour
        by hour `since` that evening.
        """
        where, until = await places(self._calls, services), self._last_minute()
        compared = min(until - HOUR, since or until) - COMPARED
        recent, past = await asyncio.gather(
            lines(self._calls, _traffic(where, MINUTE), until - SHOWN, until),
            lines(self._calls, _traffic(where, HOUR), compared, until - HOUR),
        )
        rates = (
            ErrorRate(
                service=service,
                now=_now(recent[f"{service} errors"], recent[f"{service} requests"], until),
                usual=_usual(past[f"{service} errors"], past[f"{service} requests"], until),
                over_time=_counted(recent[f"{service} errors"], recent[f"{service} requests"]),
                night=_night(past[f"{service} errors"], past[f"{service} requests"], since),
            )
            for service in services
        )
        return ErrorRates(rates=tuple(rates), as_of=until)

    async def traffic(self, services: Sequence[str]) -> Traffic:
        """Requests of all of them together, now and in the hours of the past 7 days."""
        where, until = await places(self._calls, services), self._last_minute()
        at = tuple(place for service in where.values() for place in service)
        hour = until.replace(minute=0)
        recent, past = await asyncio.gather(
            lines(self._calls, [_requests(at, MINUTE)], until - RECENT, until),
            lines(self._calls, [_requests(at, HOUR)], hour - COMPARED, hour),
        )
        line = recent[REQUESTS]
        has_come = bool(_after(line, until - STOPPED_AFTER))
        return Traffic(
            services=tuple(services),
            now=sum(line.values()) / (RECENT / MINUTE) if has_come else None,
            hours=_points({at: count / (HOUR / MINUTE) for at, count in past[REQUESTS].items()}),
            as_of=until,
        )

    async def response(self, service: str, since: datetime) -> Response:
        """
        Since that moment, beside the hour before it; p95 is the median of each minute's. Raises
        NoRequests when the load balancer has counted none since then.
        """
        where, until = await places(self._calls, [service]), self._last_minute()
        latency = Query("p95", BALANCER, LATENCY, where.get(service, NOWHERE), "p95", MINUTE)
        read = await lines(self._calls, [*_traffic(where, MINUTE), latency], since - HOUR, until)
        errors, requests, p95 = (
            read[name] for name in (f"{service} errors", f"{service} requests", "p95")
        )
        now = _per_minute(_after(errors, since), _after(requests, since))
        slow = _p95(_after(p95, since))
        if now is None or slow is None:
            raise NoRequests(
                f"The load balancer has counted no request of {service} since"
                f" {since:%H:%M} UTC, so it cannot be said how it answers."
            )
        return Response(
            service=service,
            errors_per_min=now,
            errors_before=_per_minute(_before(errors, since), _before(requests, since)),
            p95=slow,
            p95_before=_p95(_before(p95, since)),
            over_time=_counted(errors, requests),
            as_of=until,
        )

    async def database_load(self, instance: str) -> DatabaseLoad:
        """Of one instance, such as Database.writer. Raises Refused when it has no data."""
        place = ((("DBInstanceIdentifier", instance),),)
        queries = [
            Query(metric, "AWS/RDS", metric, place, "Average", MINUTE)
            for metric in DATABASE_METRICS
        ]
        until = self._last_minute()
        read = await lines(self._calls, queries, until - SHOWN, until)
        missing = [metric for metric, line in read.items() if not line]
        if missing:
            raise Refused(
                f"CloudWatch has no {', '.join(missing)} of {instance} in the last 3 h. Is"
                " that the instance's name?"
            )
        cpu, connections, reads, writes = (_newest(read[metric]) for metric in DATABASE_METRICS)
        return DatabaseLoad(
            instance=instance,
            cpu_percent=cpu,
            connections=connections,
            io_per_s=reads + writes,
            over_time=_points(read["CPUUtilization"]),
            connections_over_time=_points(read["DatabaseConnections"]),
            io_over_time=_points(_sum(read["ReadIOPS"], read["WriteIOPS"])),
            as_of=max(read["CPUUtilization"]),
        )

    def _last_minute(self) -> datetime:
        return self._calls.now().replace(second=0, microsecond=0)

    async def _alarms(self, kind: str) -> list[dict[str, Any]]:
        pages = await self._calls.read_pages(
            "cloudwatch", "describe_alarms", f"{kind}s", MOST_ALARMS, AlarmTypes=[kind]
        )
        if not pages.is_complete:
            raise Unreachable(
                f"CloudWatch has more than {MOST_ALARMS} alarms, and not all of them were read:"
                " look at them in the console"
            )
        return pages.items


def _traffic(where: Mapping[str, tuple[Dimensions, ...]], period: timedelta) -> list[Query]:
    return [
        Query(f"{service} {what}", BALANCER, metric, at, "Sum", period)
        for service, at in where.items()
        for what, metric in (("errors", SERVER_ERRORS), ("requests", REQUESTS))
    ]


def _requests(at: tuple[Dimensions, ...], period: timedelta) -> Query:
    return Query(REQUESTS, BALANCER, REQUESTS, at, "Sum", period)


def _alarm(alarm: dict[str, Any], now: datetime) -> Alarm:
    since = alarm["StateUpdatedTimestamp"].astimezone(UTC)
    return Alarm(
        name=alarm["AlarmName"],
        state=alarm["StateValue"],
        since=since,
        age=max(now - since, timedelta()),
        reason=alarm.get("StateReason", ""),
    )


def _now(errors: Line, requests: Line, until: datetime) -> float | None:
    """None when the requests have stopped: what was before says nothing about now."""
    if not _after(requests, until - STOPPED_AFTER):
        return None
    return _per_minute(_after(errors, until - RECENT), _after(requests, until - RECENT))


def _per_minute(errors: Line, requests: Line) -> float | None:
    """Of the minutes with requests; None without any: no errors are then no good sign."""
    minutes = sum(1 for count in requests.values() if count)
    return sum(errors.values()) / minutes if minutes else None


def _usual(errors: Line, requests: Line, until: datetime) -> float | None:
    """The mean of the hours with requests that began at this hour of past days."""
    known = _after(requests, until - COMPARED - HOUR)
    hours = [at for at, count in known.items() if count and at.hour == until.hour]
    return mean(errors.get(at, 0.0) / 60 for at in hours) if hours else None


def _night(errors: Line, requests: Line, since: datetime | None) -> tuple[NightHour, ...]:
    """Each hour with requests beside the same hour of the 7 days before it."""
    found = []
    for at, count in sorted(requests.items()):
        if since and count and at >= since:
            days = (at - number * DAY for number in range(1, COMPARED // DAY + 1))
            before = [errors.get(day, 0.0) / 60 for day in days if requests.get(day)]
            usual = mean(before) if before else None
            found.append(NightHour(at=at, errors=errors.get(at, 0.0) / 60, usual=usual))
    return tuple(found)


def _counted(errors: Line, requests: Line) -> tuple[Point, ...]:
    """Errors of the minutes that had requests."""
    return _points({at: errors.get(at, 0.0) for at, count in requests.items() if count})


def _p95(line: Line) -> timedelta | None:
    return timedelta(seconds=median(line.values())) if line else None


def _after(line: Line, moment: datetime) -> Line:
    return {at: value for at, value in line.items() if at >= moment}


def _before(line: Line, moment: datetime) -> Line:
    return {at: value for at, value in line.items() if at < moment}


def _sum(one: Line, other: Line) -> Line:
    """Of the minutes that both have."""
    return {at: value + other[at] for at, value in one.items() if at in other}


def _newest(line: Line) -> float:
    return mean(list(line.values())[-5:])


def _points(line: Line) -> tuple[Point, ...]:
    return tuple(Point(at=at, value=value) for at, value in line.items())
