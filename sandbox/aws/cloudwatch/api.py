"""CloudWatch's operations. Metrics are worked out from a description of the world, not stored."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sandbox.aws.cloudwatch.alarms import Alarms, shape
from sandbox.aws.cloudwatch.catalogue import Catalogue
from sandbox.aws.cloudwatch.measuring import Dimensions, Metric, periods, statistic
from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import Answer, AwsError, Params

MOST_METRICS, MOST_POINTS = 500, 100_800
Where = tuple[str, str, Dimensions]


class MetricApi:
    def __init__(self, timeline: Timeline, catalogue: Catalogue) -> None:
        self._timeline, self._catalogue = timeline, catalogue
        self.operations: dict[str, Handler] = {
            "ListMetrics": self._list,
            "GetMetricData": self._data,
            "GetMetricStatistics": self._statistics,
        }

    def _metrics(self) -> dict[Where, Metric]:
        """Worked out later without the lock: the world goes on meanwhile."""
        with self._timeline.up_to_date():
            found = self._catalogue.metrics()
        return {(one.namespace, one.name, one.dimensions): one for one in found}

    def _list(self, params: Params) -> Answer:
        wanted = params.get("Dimensions", [])
        shown = [
            {
                "Namespace": one.namespace,
                "MetricName": one.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in one.dimensions],
            }
            for one in self._metrics().values()
            if params.get("Namespace", one.namespace) == one.namespace
            and params.get("MetricName", one.name) == one.name
            and all(_has(one, dimension) for dimension in wanted)
        ]
        return page("Metrics", shown, params, "NextToken", MOST_METRICS)

    def _data(self, params: Params) -> Answer:
        metrics = self._metrics()
        since, until = _at(params["StartTime"]), _at(params["EndTime"])
        if since >= until:
            raise AwsError("ValidationError", "StartTime must be earlier than EndTime.")
        is_ascending = params.get("ScanBy") == "TimestampAscending"
        results = [
            self._result(metrics, query, since, until, is_ascending)
            for query in params["MetricDataQueries"]
        ]
        if sum(len(result["Values"]) for result in results) > MOST_POINTS:
            raise AwsError("ValidationError", f"More than {MOST_POINTS} data points are wanted.")
        return {"MetricDataResults": results, "Messages": []}

    def _result(
        self,
        metrics: dict[Where, Metric],
        query: Params,
        since: float,
        until: float,
        is_ascending: bool,
    ) -> Answer:
        if "MetricStat" not in query:
            raise AwsError("ValidationError", "The sandbox does no metric math.")
        stat = query["MetricStat"]
        found = metrics.get(_where(stat["Metric"]))
        points = list(self._points(found, stat["Stat"], since, until, int(stat["Period"])))
        if not is_ascending:
            points.reverse()
        return {
            "Id": query["Id"],
            "Label": query.get("Label", stat["Metric"]["MetricName"]),
            "Timestamps": [float(at) for at, _ in points],
            "Values": [value for _, value in points],
            "StatusCode": "Complete",
        }

    def _statistics(self, params: Params) -> Answer:
        found = self._metrics().get(_where(params))
        names = [*params.get("Statistics", []), *params.get("ExtendedStatistics", [])]
        since, until = _at(params["StartTime"]), _at(params["EndTime"])
        points: dict[int, Answer] = {}
        for name in names:
            for at, value in self._points(found, name, since, until, int(params["Period"])):
                point = points.setdefault(at, {"Timestamp": float(at)})
                if name.startswith("p"):
                    point.setdefault("ExtendedStatistics", {})[name] = value
                else:
                    point[name] = value
        unit = {"Unit": found.unit} if found else {}
        return {
            "Label": params["MetricName"],
            "Datapoints": [{**point, **unit} for point in points.values()],
        }

    def _points(
        self, metric: Metric | None, name: str, since: float, until: float, period_s: int
    ) -> Iterable[tuple[int, float]]:
        if period_s < 60 or period_s % 60:
            raise AwsError("ValidationError", "The period must be a multiple of 60 seconds.")
        if metric is None:
            return
        now = self._timeline.clock.now()
        for at, minutes in periods(metric, since, until, period_s, now):
            try:
                yield at, statistic(name, minutes)
            except ValueError:
                raise AwsError("ValidationError", f"There is no statistic {name}.") from None


class AlarmApi:
    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self.operations: dict[str, Handler] = {
            "DescribeAlarms": self._describe,
            "DescribeAlarmHistory": self._history,
            "SetAlarmState": self._set_state,
        }

    def _describe(self, params: Params) -> Answer:
        names, state = params.get("AlarmNames"), params.get("StateValue")
        found = [
            shape(one)
            for one in self._alarms.by_name.values()
            if "MetricAlarm" in params.get("AlarmTypes", ["MetricAlarm"])
            and (not names or one.name in names)
            and one.name.startswith(params.get("AlarmNamePrefix", ""))
            and state in (None, one.state)
        ]
        most = params.get("MaxRecords", 50)
        return {"CompositeAlarms": [], **page("MetricAlarms", found, params, "NextToken", most)}

    def _history(self, params: Params) -> Answer:
        since, until = params.get("StartDate"), params.get("EndDate")
        items: list[Answer] = [
            {
                "AlarmName": alarm.name,
                "AlarmType": "MetricAlarm",
                "Timestamp": at,
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {old} to {new}",
            }
            for alarm in self._alarms.by_name.values()
            for at, old, new in alarm.history
            if params.get("AlarmName", alarm.name) == alarm.name
            and (since is None or at >= _at(since))
            and (until is None or at <= _at(until))
        ]
        items.sort(key=lambda item: item["Timestamp"], reverse=True)
        most = params.get("MaxRecords", 100)
        return page("AlarmHistoryItems", items, params, "NextToken", most)

    def _set_state(self, params: Params) -> Answer:
        self._alarms.set_state(params["AlarmName"], params["StateValue"], params["StateReason"])
        return {}


def _where(metric: Params) -> Where:
    dimensions = ((one["Name"], one["Value"]) for one in metric.get("Dimensions", []))
    return (metric["Namespace"], metric["MetricName"], tuple(sorted(dimensions)))


def _has(metric: Metric, wanted: Params) -> bool:
    return any(
        name == wanted["Name"] and wanted.get("Value", value) == value
        for name, value in metric.dimensions
    )


def _at(when: datetime) -> float:
    return when.replace(tzinfo=UTC).timestamp()
