"""
The words people read: a word for every status, times and durations. A mark never stands alone.
"""

from datetime import datetime, timedelta
from typing import Literal

from bot.engine.record import RunRecord, RunStatus, StepRecord, StepStatus
from bot.runbook.showing import duration_text

TaskStatus = Literal["pending", "in_progress", "complete", "error"]

WORD: dict[StepStatus, str] = {
    "waiting": "WAITING",
    "working": "RUNNING",
    "asked": "ASKED",
    "planned": "NEEDS APPROVAL",
    "applying": "APPLYING",
    "paused": "PAUSED",
    "unsure": "NOT KNOWN",
    "ok": "OK",
    "warning": "WARNING",
    "problem": "PROBLEM",
    "unknown": "UNKNOWN",
    "given": "DONE",
    "nothing": "NOTHING TO DO",
    "blocked": "BLOCKED",
    "denied": "DENIED",
    "expired": "EXPIRED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}
TASK: dict[StepStatus, TaskStatus] = {
    "waiting": "pending",
    "working": "in_progress",
    "asked": "in_progress",
    "planned": "in_progress",
    "applying": "in_progress",
    "paused": "pending",
    "unsure": "error",
    "ok": "complete",
    "warning": "complete",
    "problem": "error",
    "unknown": "error",
    "given": "complete",
    "nothing": "complete",
    "blocked": "error",
    "denied": "error",
    "expired": "error",
    "failed": "error",
    "cancelled": "error",
}
RUN_WORD: dict[RunStatus, str] = {
    "running": "RUNNING",
    "cancelling": "BEING CANCELLED",
    "finished": "FINISHED",
    "stopped": "STOPPED",
    "cancelled": "CANCELLED",
}

OPEN: frozenset[StepStatus] = frozenset(
    {"waiting", "working", "asked", "planned", "applying", "paused", "unsure"}
)
WELL: frozenset[StepStatus] = frozenset({"ok", "given", "nothing"})
#: Worst first; how findings are counted and listed.
WORST: tuple[StepStatus, ...] = (
    "unsure",
    "failed",
    "problem",
    "unknown",
    "blocked",
    "denied",
    "expired",
    "warning",
    "cancelled",
)
ENDED: frozenset[RunStatus] = frozenset({"finished", "stopped", "cancelled"})


def by_itself(at: datetime) -> str:
    """When a change is taken back without anybody asking for it."""
    return f"on {at:%a %d %b} at {clock(at)} by itself"


def clock(at: datetime) -> str:
    """`14:02 UTC`: one clock for everyone, the same as in logs and in the timeline."""
    return f"{at:%H:%M} UTC"


def exact(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"


def day_and_clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def lasted(length: timedelta) -> str:
    return duration_text(max(length, timedelta(0)))


def age(run: RunRecord) -> str:
    """In whole seconds, at least one: how long a run takes is no measurement."""
    until = run.ended_at or run.updated_at or run.started_at
    seconds = round((until - run.started_at).total_seconds())
    return lasted(timedelta(seconds=max(1, seconds)))


def took(step: StepRecord) -> str:
    if not (step.started_at and step.ended_at):
        return ""
    return lasted(step.ended_at - step.started_at)


def count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def minutes_and_seconds(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole // 60:02d}:{whole % 60:02d}"


def bar(progress: float, width: int = 18) -> str:
    full = round(min(1.0, max(0.0, progress)) * width)
    return "▇" * full + "▁" * (width - full)


def join(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
