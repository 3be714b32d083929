"""
What a person has to do by a certain time, said again before: the question's wait is due when the
next reminder is. They go by the clock on the wall, so days that no bot ran are not caught up on:
of several that were missed the last one is told.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bot.engine.audit import note
from bot.engine.record import Said
from bot.store.tables import waits


def reminders(by: float, before: Sequence[timedelta]) -> list[float]:
    """When to say it again, and that it is overdue, in seconds since the epoch."""
    return sorted({by, *(by - one.total_seconds() for one in before)})


def next_reminder(body: Mapping[str, Any], now: float) -> float | None:
    return next((at for at in body.get("remind", ()) if at > now), None)


def remind_of(
    c: sa.Connection,
    now: float,
    wait_id: str,
    tell: Callable[[sa.Connection, str, Sequence[Said]], None],
) -> None:
    """The run is locked."""
    wait = c.execute(sa.select(waits).where(waits.c.id == wait_id)).first()
    if wait is None or wait.deadline is None or wait.deadline > now:
        return  # It was ticked off, or told by another replica.
    body = json.loads(wait.body)
    body |= {"reminded": body.get("reminded", 0) + 1, "left_s": _left_s(body["by"], now)}
    mine = sa.update(waits).where(waits.c.id == wait_id)
    c.execute(mine.values(body=json.dumps(body), deadline=next_reminder(body, now)))
    tell(c, wait.run, [Said("reminder due", wait_id)])
    note(c, now, wait.run, "reminder due", wait.step, "", left_s=body["left_s"])


def _left_s(by: float, now: float) -> float:
    """In whole minutes: a reminder at 6 h says so, though it comes a moment after."""
    return max(0.0, math.ceil((by - now) / 60) * 60.0)
