"""
What is taken back by itself at a time that was approved together with the change.

A return is the undo of what was made, and no request of its own: it rests on the approval of the
plan that said when. It is one wait for each action; its time is in the plan's text, so in its
digest. It is judged and looked at like every change: who approved must still be people who may,
no freeze stands, and the target is as it was left. If not, it is told and not tried again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bot.engine.record import GLASS_BROKEN, ApprovalRecord
from bot.engine.turns import UNDO
from bot.runbook.changes import Change, Plan
from bot.runbook.errors import StepError
from bot.store.tables import changes, plans, waits

BACK = "back"  #: The kind of its wait.
#: Seconds until it is tried again, while the action itself is at work.
BACK_AGAIN_S = 15.0
NOT_BACK = "Not taken back by itself."


def check_returns(plan: Plan[Change]) -> None:
    """Raises StepError for a plan that promises what cannot be."""
    for change in plan.changes if plan.back_after else ():
        if change.undo() is None:
            raise StepError(f"Not planned: {change.command()} cannot be taken back by itself")


def back_at(text: str) -> float | None:
    """Of a plan's text: when it is taken back by itself, in seconds since the epoch."""
    found: float | None = json.loads(text).get("back_at")
    return found


def takes_back(text: str) -> str:
    """Of the text of a return: the id of the plan whose approval it rests on; or ''."""
    return str(json.loads(text).get("takes_back", ""))


def approved_before(c: sa.Connection, run_id: str, undo: str) -> Any:
    """The newest plan of the action of which something was made, and that said until when."""
    mine = sa.and_(plans.c.run == run_id, plans.c.step == undo.removesuffix(UNDO))
    query = sa.select(plans).where(mine).order_by(plans.c.asked_at.desc())
    lent = (row for row in c.execute(query).all() if back_at(row.text) is not None)
    return next(row for row in lent if something_was_made(c, row.id))


def resting_on(given: ApprovalRecord, own: ApprovalRecord) -> ApprovalRecord:
    """
    What was approved with the change, for the return that is to be made now; also of a plan whose
    rest came to nothing afterwards.
    """
    return replace(
        given,
        status=GLASS_BROKEN if given.glass else "approved",
        changes=own.changes,
        touches=own.touches,
        asked_at=own.asked_at,
        expires_at=own.expires_at,
        takes_back=given.id,
    )


def something_was_made(c: sa.Connection, plan_id: str) -> bool:
    made = sa.and_(changes.c.plan == plan_id, changes.c.state == "applied")
    return c.execute(sa.select(changes.c.number).where(made)).first() is not None


def returns_of(c: sa.Connection, run_id: str) -> Mapping[str, datetime]:
    """By action: when it is taken back by itself."""
    query = sa.select(waits.c.step, waits.c.deadline, waits.c.body).where(
        waits.c.run == run_id, waits.c.kind == BACK
    )
    rows: Sequence[Any] = c.execute(query.order_by(waits.c.deadline)).all()
    return {row.step: _moment(json.loads(row.body)["at"]) for row in rows}


def moment_back(text: str) -> datetime | None:
    """As `back_at`, as people read it."""
    at = back_at(text)
    return None if at is None else _moment(at)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
