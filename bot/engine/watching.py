"""
A watch from one reading to the next: what was worst so far, since when it lasts, and whether
somebody looked all the while. It goes on over a restart by the wall clock.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from bot.engine.calling import report_of, time_is_up
from bot.engine.reports import Report
from bot.runbook import Found
from bot.runbook.findings import WORST_FIRST, Watched
from bot.runbook.showing import details_from_json, duration_text
from bot.runbook.step import Step
from bot.store.tables import steps

#: A pause between two readings of so many intervals, and a minute for the reading, is a gap.
GAP_TIMES, READING_S = 3, 60.0


@dataclass(frozen=True)
class WatchSoFar:
    """Of one attempt. Times in seconds since the epoch; the gap is between two readings."""

    attempt: int
    began: float
    read_at: float
    longest_gap_s: float = 0.0
    worst: Found[Any] | None = None

    @property
    def lasted_s(self) -> float:
        return self.read_at - self.began

    def with_reading(self, reading: Watched[Any], now: float) -> "WatchSoFar":
        return replace(
            self,
            read_at=now,
            longest_gap_s=max(self.longest_gap_s, now - self.read_at),
            worst=_worse(self.worst, reading),
        )

    def verdict(self, step: Step, reading: Watched[Any]) -> Found[Any]:
        """Of a watch whose time is up. Well is only what was looked at all the time."""
        assert step.timing
        final = time_is_up(step, reading, self.worst)
        too_long = GAP_TIMES * step.timing.every.total_seconds() + READING_S
        if step.timing.until == "ok" or self.longest_gap_s <= too_long or final.verdict != "ok":
            return final
        away = duration_text(timedelta(seconds=self.longest_gap_s))
        says = f"For {away} of it nobody looked: the bot was not running. Else: {final.summary}"
        return Found("unknown", says, final.facts, final.details)

    def report(self, reading: Watched[Any]) -> Report:
        """Of a reading that is not the last one, with all that the next one needs to know."""
        shown = report_of(Found("ok", reading.summary, reading.facts))
        kept = {
            "attempt": self.attempt,
            "read_at": self.read_at,
            "longest_gap_s": self.longest_gap_s,
            "worst": _stored(self.worst) if self.worst else None,
        }
        progress = None if isinstance(reading, Found) else reading.progress
        return replace(shown, details={"watch": kept}, progress=progress)


def watch_so_far(c: sa.Connection, run_id: str, step: Step, attempt: int) -> WatchSoFar:
    query = sa.select(steps.c.started_at, steps.c.details)
    row = c.execute(query.where(steps.c.run == run_id, steps.c.key == step.key)).one()
    kept = json.loads(row.details).get("watch")
    if kept is None or kept["attempt"] != attempt:
        return WatchSoFar(attempt, row.started_at, row.started_at)
    worst = _found(step, kept["worst"]) if kept["worst"] else None
    return WatchSoFar(attempt, row.started_at, kept["read_at"], kept["longest_gap_s"], worst)


def _found(step: Step, stored: Any) -> Found[Any]:
    """The verdict and its words stay, also when this version cannot read the facts any more."""
    kind: Any = step.gives.result
    facts = None
    with suppress(ValidationError):
        facts = None if stored["facts"] is None else kind.model_validate_json(stored["facts"])
    return Found(stored["verdict"], stored["says"], facts, details_from_json(stored["details"]))


def _stored(worst: Found[Any]) -> dict[str, Any]:
    report = report_of(worst)
    facts = None if report.result is None else json.dumps(report.result)
    return {
        "verdict": worst.verdict,
        "says": worst.summary,
        "facts": facts,
        "details": report.details,
    }


def _worse(worst: Found[Any] | None, reading: Watched[Any]) -> Found[Any] | None:
    if not isinstance(reading, Found):
        return worst
    if worst and WORST_FIRST.index(worst.verdict) <= WORST_FIRST.index(reading.verdict):
        return worst
    return reading
