"""
How much is going on, beside the past week: whether now is a quiet time for what may disturb.

Requests are counted by the load balancer. What it has not counted is said to be unknown: a service
that nobody reaches is not quiet, it may be down.
"""

from collections import defaultdict
from datetime import datetime
from statistics import median

from adapters.cloudwatch.facts import Point
from bot.runbook import Facts, Plot


class Traffic(Facts):
    """Of some services together, in requests per minute."""

    services: tuple[str, ...]
    now: float | None  #: In the last 15 minutes; None: none are counted, so it cannot be told.
    hours: tuple[Point, ...] = ()  #: Of the past 7 days, the mean of each; none where none came.
    as_of: datetime

    @property
    def busiest(self) -> float | None:
        """The busiest hour of the week."""
        return max((hour.value for hour in self.hours), default=None)

    @property
    def share(self) -> float | None:
        """Of the busiest hour, 1.0 is as much; None: there is nothing to compare."""
        if self.now is None or not self.busiest:
            return None
        return self.now / self.busiest

    @property
    def quietest_hour(self) -> int | None:
        """Of the day, by UTC: the one with the lowest median."""
        by_hour: dict[int, list[float]] = defaultdict(list)
        for hour in self.hours:
            by_hour[hour.at.hour].append(hour.value)
        return min(by_hour, key=lambda hour: median(by_hour[hour]), default=None)

    def __str__(self) -> str:
        if self.now is None:
            return "no requests are counted now"
        if self.share is None:
            return f"{self.now:.0f} requests/min now; the past week has nothing to compare with"
        return (
            f"{self.now:.0f} requests/min now, {self.share:.0%} of the week's busiest hour;"
            f" usually quietest at {self.quietest_hour:02}:00 UTC"
        )

    def plot(self) -> Plot:
        line = tuple((hour.at, hour.value) for hour in self.hours)
        return Plot("Requests", "per minute", {"all services": line})
