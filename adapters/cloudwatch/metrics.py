"""
Reads metrics as lines of points.

A load balancer counts 5xx answers only when there are some: no data may be no errors, or no
answers at all. Only the count of requests tells the two apart, so it is always read as well.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.aws_calls import AwsCalls
from bot.runbook.errors import Unreachable

BALANCER = "AWS/ApplicationELB"
REQUESTS, SERVER_ERRORS, LATENCY = (
    "RequestCount",
    "HTTPCode_Target_5XX_Count",
    "TargetResponseTime",
)
#: How the target groups of a service are called: as it is, or with one of these after it.
SUFFIXES = ("", "-tg", "-blue", "-green")
MOST_METRICS, MOST_RESULTS = 500, 500
#: What CloudWatch says of a line that it gives as an empty one because it could not read it.
UNREAD = ("InternalError", "Forbidden")

Dimensions = tuple[tuple[str, str], ...]
Line = dict[datetime, float]


@dataclass(frozen=True)
class Query:
    """One line to read. Several `places` (a service behind two balancers) are added up."""

    name: str
    namespace: str
    metric: str
    places: tuple[Dimensions, ...]
    statistic: str  #: Sum, Average or a percentile such as p95.
    period: timedelta


async def lines(
    calls: AwsCalls, queries: Sequence[Query], since: datetime, until: datetime
) -> Mapping[str, Line]:
    """By the queries' names, every name present, points in order of time."""
    asked = {
        f"m{number}": (query, place)
        for number, (query, place) in enumerate((q, place) for q in queries for place in q.places)
    }
    found: dict[str, Line] = {query.name: defaultdict(float) for query in queries}
    if not asked:
        return found
    results = await calls.read_pages(
        "cloudwatch",
        "get_metric_data",
        "MetricDataResults",
        MOST_RESULTS,
        MetricDataQueries=[_query(key, *one) for key, one in asked.items()],
        StartTime=since,
        EndTime=until,
        ScanBy="TimestampAscending",
    )
    if not results.is_complete:
        raise Unreachable("CloudWatch gave more lines than are read, so some would be missing")
    for result in results.items:
        query, _ = asked[result["Id"]]
        if result.get("StatusCode") in UNREAD:
            raise Unreachable(
                f"CloudWatch did not read {query.metric} ({result['StatusCode']}). No data is not"
                " no errors, so nothing can be said. Try again"
            )
        line = found[query.name]
        for at, value in zip(result["Timestamps"], result["Values"], strict=True):
            minute = at.astimezone(UTC)
            if query.statistic == "Sum":
                line[minute] += value
            else:
                line[minute] = max(line[minute], value)
    return {name: dict(sorted(line.items())) for name, line in found.items()}


async def places(calls: AwsCalls, services: Sequence[str]) -> Mapping[str, tuple[Dimensions, ...]]:
    """
    Where the load balancer counts each service's requests, by the names of the target groups. A
    service that has been asked nothing for two weeks is in no place.
    """
    listed = await calls.read_pages(
        "cloudwatch",
        "list_metrics",
        "Metrics",
        MOST_METRICS,
        Namespace=BALANCER,
        MetricName=REQUESTS,
    )
    found: dict[str, set[Dimensions]] = {service: set() for service in services}
    for metric in listed.items:
        dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
        if set(dimensions) == {"TargetGroup", "LoadBalancer"}:
            owner = _owner(dimensions["TargetGroup"], services)
            if owner:
                found[owner].add(tuple(sorted(dimensions.items())))
    return {service: tuple(sorted(one)) for service, one in found.items()}


def _owner(target_group: str, services: Sequence[str]) -> str | None:
    """`targetgroup/complyai-core/0123456789abcdef` is complyai-core's."""
    name = target_group.removeprefix("targetgroup/").split("/")[0]
    return next((one for one in services if name in {one + end for end in SUFFIXES}), None)


def _query(key: str, query: Query, place: Dimensions) -> dict[str, Any]:
    return {
        "Id": key,
        "MetricStat": {
            "Metric": {
                "Namespace": query.namespace,
                "MetricName": query.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in place],
            },
            "Period": int(query.period.total_seconds()),
            "Stat": query.statistic,
        },
    }
