"""
How fast a backfill may go: it slows down by itself while the database is busier than it was at the
beginning, and speeds up again when that is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

#: Sessions more than at the beginning: so many at work, or so many waiting for locks.
MORE_AT_WORK, MORE_WAITING = 8, 2
LAG_BYTES, LAG_S = 64_000_000, 10.0
#: A batch that takes so many times as long for each row as the first ones took.
SLOWER = 3.0
FIRST_BATCHES = 10
#: Seconds between two batches: the first step down, and the longest.
STEP_S, LONGEST_S = 0.1, 10.0
MB = 1e6


@dataclass(frozen=True)
class Load:
    """Of everybody else, just now. None: our role does not see it, or there is no replica."""

    at_work: int | None = 0
    waiting: int | None = 0  #: For locks.
    lag_bytes: float | None = None  #: Of the replica that is furthest behind.
    lag_s: float | None = None


@dataclass
class Pace:
    """`pause_s`: between two batches when all is calm, in seconds."""

    pause_s: float
    first: Load
    now_s: float = field(init=False)  #: The pause as it is now.
    because: str = ""  #: Why it is slow; empty: it is not.
    stumbled: str = ""  #: Why the last batch was not made.
    _firsts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now_s = self.pause_s

    def took(self, seconds: float, rows: int) -> float | None:
        """Of a batch that was made. How many times as long as the first ones, if that is known."""
        self.stumbled = ""
        each = seconds / max(rows, 1)
        if len(self._firsts) < FIRST_BATCHES:
            self._firsts.append(each)
            return None
        return each / max(median(self._firsts), 1e-9)

    def judge(self, load: Load, times: Sequence[float] = ()) -> None:
        """`times`: of the batches since the last look, how many times as long each took."""
        self.because = self.stumbled or self._busy(load) or self._dragging(times)
        if self.because:
            self.slow_down()
        else:
            half = self.now_s / 2
            self.now_s = self.pause_s if half < max(self.pause_s, STEP_S / 2) else half

    def stumble(self, why: str) -> None:
        """A batch was not made; until one is, that is why it is slow."""
        self.stumbled = self.because = why
        self.slow_down()

    def slow_down(self) -> None:
        longest = max(LONGEST_S, self.pause_s)
        self.now_s = min(max(self.now_s * 2, STEP_S), longest)

    def _busy(self, load: Load) -> str:
        at_work, before = load.at_work or 0, self.first.at_work or 0
        if at_work > max(2 * before, before + MORE_AT_WORK):
            return f"{at_work} sessions are at work, {before} when this began"
        waiting = load.waiting or 0
        if waiting > (self.first.waiting or 0) + MORE_WAITING:
            return f"{waiting} sessions wait for locks"
        if (load.lag_bytes or 0) > (self.first.lag_bytes or 0) + LAG_BYTES:
            return f"a replica is {(load.lag_bytes or 0) / MB:.0f} MB behind"
        if (load.lag_s or 0) > (self.first.lag_s or 0) + LAG_S:
            return f"a replica is {load.lag_s:.0f} s behind"
        return ""

    def _dragging(self, times: Sequence[float]) -> str:
        if times and (slow := median(times)) > SLOWER:
            return f"a row takes {slow:.0f} times as long as at the beginning"
        return ""
