"""
Alarms that follow the world: a service that fails raises its alarm a little later, and one that
has recovered ends it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from sandbox.aws.clock import moment
from sandbox.aws.cloudwatch.measuring import Dimensions
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import ACCOUNT, REGION, Answer, AwsError

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
#: How long it must be wrong, and right again; in seconds of the world.
RAISED_AFTER, ENDED_AFTER = 6.0, 10.0
COMPARED = {
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
}


@dataclass
class Alarm:
    """`value` is what it watches; None: there is no data."""

    name: str
    description: str
    namespace: str
    metric: str
    dimensions: Dimensions
    statistic: str
    comparison: Literal["GreaterThanThreshold", "LessThanThreshold"]
    threshold: float
    value: Callable[[float], float | None]
    configured_at: float
    state: State = "OK"
    since: float = 0.0
    reason: str = "Threshold Crossed: no datapoints were beyond the threshold."
    history: list[tuple[float, State, State]] = field(default_factory=list)

    def is_beyond(self, value: float) -> bool:
        if self.comparison == "GreaterThanThreshold":
            return value > self.threshold
        return value < self.threshold


class Alarms:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.by_name: dict[str, Alarm] = {}

    def add(self, alarm: Alarm) -> None:
        self.by_name[alarm.name] = alarm
        alarm.since = alarm.configured_at

    def look(self) -> None:
        """Something has changed: each alarm that may be about to change looks again later."""
        for alarm in self.by_name.values():
            wanted = self._wanted(alarm)
            if wanted != alarm.state:
                wait = RAISED_AFTER if wanted == "ALARM" else ENDED_AFTER
                self._timeline.after(wait, partial(self._confirm, alarm, wanted))

    def set_state(self, name: str, state: State, reason: str) -> None:
        if name not in self.by_name:
            raise AwsError("ResourceNotFound", f"Unknown alarm {name}.", 404)
        self._turn(self.by_name[name], state, reason)

    def _wanted(self, alarm: Alarm) -> State:
        value = alarm.value(self._timeline.now)
        if value is None:
            return "INSUFFICIENT_DATA"
        return "ALARM" if alarm.is_beyond(value) else "OK"

    def _confirm(self, alarm: Alarm, wanted: State) -> None:
        if alarm.state == wanted or self._wanted(alarm) != wanted:
            return
        value, now = alarm.value(self._timeline.now), moment(self._timeline.now)
        if value is None:
            self._turn(alarm, wanted, "Insufficient Data: 1 datapoint was unknown.")
            return
        was = "was" if wanted == "ALARM" else "was not"
        self._turn(
            alarm,
            wanted,
            f"Threshold Crossed: 1 out of the last 1 datapoints [{value:.1f}"
            f" ({now:%d/%m/%y %H:%M:00})] {was} {COMPARED[alarm.comparison]} the threshold"
            f" ({alarm.threshold:.1f}) (minimum 1 datapoint for {alarm.state} -> {wanted}"
            " transition).",
        )

    def _turn(self, alarm: Alarm, state: State, reason: str) -> None:
        alarm.history.append((self._timeline.now, alarm.state, state))
        alarm.state, alarm.reason, alarm.since = state, reason, self._timeline.now


def shape(alarm: Alarm) -> Answer:
    return {
        "AlarmName": alarm.name,
        "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm.name}",
        "AlarmDescription": alarm.description,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured_at,
        "ActionsEnabled": True,
        "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"],
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": alarm.since,
        "StateTransitionedTimestamp": alarm.since,
        "MetricName": alarm.metric,
        "Namespace": alarm.namespace,
        "Statistic": alarm.statistic,
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions],
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.comparison,
        "TreatMissingData": "notBreaching",
    }
