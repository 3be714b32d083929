"""What is known of a schedule, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.engine.record import Origin, RunStatus, StepStatus
from bot.runbook.cron import Cron

#: What is done to one that is there.
Way = Literal["pause", "resume", "remove"]


@dataclass(frozen=True)
class LastRun:
    """What a schedule has started last, and the worst that was found."""

    run: str
    due: datetime
    status: RunStatus
    worst: StepStatus | None


@dataclass(frozen=True)
class ScheduleRecord:
    id: str
    book: str
    inputs: Mapping[str, Any]
    cron: Cron
    origin: Origin  #: Where its runs speak.
    by: str  #: Who added it; empty: the runbook itself declares it.
    next_at: datetime
    paused_at: datetime | None = None
    paused_by: str = ""  #: Empty: the bot itself.
    paused_why: str = ""
    skipped: str = ""  #: What was not made since the last run, and why.
    last: LastRun | None = None

    @property
    def is_declared(self) -> bool:
        return not self.by
