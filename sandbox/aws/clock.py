"""
The world's time: real time plus what a test moved it by, or time that only tests move.

Everything that rolls, fails over or expires in the sandbox's AWS reads this clock and no other.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def advance(self, seconds: float) -> None: ...


class RunningClock:
    """Goes on by itself, and can be moved on."""

    def __init__(self) -> None:
        self._moved_s = 0.0

    def now(self) -> float:
        return time.time() + self._moved_s

    def advance(self, seconds: float) -> None:
        self._moved_s += seconds


class StandingClock:
    """Moves only when it is told to."""

    def __init__(self, at: datetime) -> None:
        self._now = at.timestamp()

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
