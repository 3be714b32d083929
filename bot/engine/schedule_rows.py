"""Reads schedules, and how the last run of each went."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from bot.engine.reading import moment
from bot.engine.record import Origin, RunStatus
from bot.engine.scheduled import LastRun, ScheduleRecord
from bot.engine.state import RunState
from bot.runbook.cron import Cron
from bot.runbook.findings import WORST_FIRST
from bot.store.tables import runs, schedules


def all_schedules(c: sa.Connection) -> list[ScheduleRecord]:
    """Those that go on first, in the order in which they come."""
    query = sa.select(schedules).order_by(
        schedules.c.paused_at.is_not(None), schedules.c.next_at, schedules.c.id
    )
    return list(_records(c, c.execute(query).all()))


def one_schedule(c: sa.Connection, schedule_id: str) -> ScheduleRecord | None:
    query = sa.select(schedules).where(schedules.c.id == schedule_id)
    return next(_records(c, c.execute(query).all()), None)


def _records(c: sa.Connection, rows: Any) -> Iterator[ScheduleRecord]:
    for row in rows:
        yield ScheduleRecord(
            row.id, row.book, json.loads(row.inputs), Cron(row.cron, row.zone),
            Origin(row.channel, row.channel_name), row.by, moment(row.next_at),
            None if row.paused_at is None else moment(row.paused_at),
            row.paused_by, row.paused_why, row.skipped, _last(c, row),
        )  # fmt: skip


def _last(c: sa.Connection, row: Any) -> LastRun | None:
    if row.last_run is None:
        return None
    stored = c.execute(sa.select(runs.c.state).where(runs.c.id == row.last_run)).scalar()
    if stored is None:
        return None
    state = RunState.from_json(json.loads(stored))
    found = {step.status for step in state.steps.values()}
    worst = next((one for one in ("unsure", "failed", *WORST_FIRST) if one in found), None)
    status: RunStatus = "running" if state.status == "new" else state.status
    return LastRun(row.last_run, moment(row.last_at), status, worst)
