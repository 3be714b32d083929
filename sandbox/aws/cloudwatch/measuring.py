"""
What can be measured, minute by minute, as a function of time: nothing is stored.

A minute is a number of samples with their mean; what a period says is made of its minutes. The
past is as long as anybody asks, and agrees with what has happened in the world.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

from sandbox.aws.clock import moment
from sandbox.aws.noise import about

Unit = Literal["Count", "Seconds", "Percent"]
Dimensions = tuple[tuple[str, str], ...]
MINUTE_S, HOUR_S = 60, 3600
#: Of long periods every fifth minute is looked at, and stands for five.
STRIDE = 5
#: How requests' durations spread: log-normal, with this sigma.
SIGMA = 0.6
#: At night there is this much of the day's traffic, and on a weekend.
NIGHT, WEEKEND, PEAK_HOUR = 0.35, 0.6, 15


@dataclass(frozen=True)
class Minute:
    """`spread`: the samples differ as durations do; otherwise they are all the same."""

    count: float
    mean: float
    spread: bool = False

    def percentile(self, percent: float) -> float:
        if not self.spread:
            return self.mean
        z = NormalDist().inv_cdf(min(max(percent / 100, 0.001), 0.999))
        return self.mean * math.exp(SIGMA * z - SIGMA * SIGMA / 2)


@dataclass(frozen=True)
class Metric:
    """`at` gives the minute that begins then; None: no data."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: Unit
    at: Callable[[int], Minute | None]


def busy(at: float) -> float:
    """How much of the peak traffic there is at that time of day and week."""
    return _busy(int(at) // MINUTE_S)


@lru_cache(maxsize=20_000)
def _busy(minute: int) -> float:
    when = moment(minute * MINUTE_S)
    hour = when.hour + when.minute / 60
    wave = (1 + math.cos((hour - PEAK_HOUR) / 24 * 2 * math.pi)) / 2
    return (NIGHT + (1 - NIGHT) * wave) * (WEEKEND if when.weekday() >= 5 else 1.0)


def periods(
    metric: Metric, since: float, until: float, period_s: int, now: float
) -> Iterator[tuple[int, list[Minute]]]:
    """Each period that has data, with its minutes; the minute that runs is not there yet."""
    end = min(until, now // MINUTE_S * MINUTE_S)
    step = MINUTE_S * STRIDE if period_s >= HOUR_S else MINUTE_S
    for start in range(int(since // period_s) * period_s, math.ceil(end), period_s):
        moments = range(start, min(start + period_s, math.ceil(end)), step)
        minutes = [minute for at in moments if (minute := metric.at(at)) is not None]
        if minutes:
            yield start, _standing_for(minutes, step // MINUTE_S)


def statistic(name: str, minutes: Sequence[Minute]) -> float:
    """Raises ValueError for a statistic there is none of."""
    count = sum(minute.count for minute in minutes)
    total = sum(minute.count * minute.mean for minute in minutes)
    match name:
        case "SampleCount":
            return count
        case "Sum":
            return total
        case "Average":
            return total / count
        case "Minimum":
            return min(minute.percentile(1) for minute in minutes)
        case "Maximum":
            return max(minute.percentile(99.5) for minute in minutes)
    if name.startswith("p"):
        percent = float(name[1:])
        return sum(minute.count * minute.percentile(percent) for minute in minutes) / count
    raise ValueError(name)


def gauge(value: float, key: str, at: int) -> Minute:
    return Minute(1, round(about(value, key, at), 4))


def _standing_for(minutes: list[Minute], many: int) -> list[Minute]:
    if many == 1:
        return minutes
    return [Minute(minute.count * many, minute.mean, minute.spread) for minute in minutes]
