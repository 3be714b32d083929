"""
Broken glass as rows: who let a plan go through without its quorum, and what somebody else found
when they looked at it afterwards.

Such a plan is never `approved`, in no column: its status is `glass broken`, and whoever broke the
glass is nobody of its decisions. Its review is waited for by a row of `waits`, for as long as it
takes.
"""

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bot.engine.audit import note
from bot.engine.record import GLASS_BROKEN, Glass, OpenReview, Said
from bot.engine.turns import spec_of
from bot.runbook.outline import Outline
from bot.store.tables import broken_glass, plans, runs, waits

#: Seconds between two reminders that a review is open.
REMIND_EVERY_S = 86_400.0
#: The kind of the wait. It ends with the review, and with nothing else that happens to the run.
REVIEW = "review"


def shatter(c: sa.Connection, now: float, plan: Any, by: str, reason: str, despite: str) -> None:
    """`plan` is its row; `despite`: the freeze that stood in the way, in words."""
    c.execute(sa.update(plans).where(plans.c.id == plan.id).values(status=GLASS_BROKEN))
    c.execute(
        sa.insert(broken_glass).values(
            plan=plan.id, by=by, reason=reason, despite=despite, at=now, reminded=0, review=""
        )
    )
    c.execute(
        sa.insert(waits).values(
            id=_wait_of(plan.id), run=plan.run, step=plan.step, attempt=plan.attempt, kind=REVIEW,
            body=json.dumps({"plan": plan.id}), deadline=now + REMIND_EVERY_S,
        )
    )  # fmt: skip


def glass_of(c: sa.Connection, plan_id: str) -> Glass | None:
    row = c.execute(sa.select(broken_glass).where(broken_glass.c.plan == plan_id)).first()
    return None if row is None else _glass(row)


def is_through(c: sa.Connection, plan_id: str) -> bool:
    """Whether the plan goes through by a broken glass, and so also while changes are frozen."""
    mine = sa.and_(plans.c.id == plan_id, plans.c.status == GLASS_BROKEN)
    broken = sa.select(broken_glass.c.plan).join(plans, plans.c.id == broken_glass.c.plan)
    return c.execute(broken.where(mine)).first() is not None


def close_review(c: sa.Connection, now: float, plan_id: str, by: str, found: str) -> None:
    mine = broken_glass.c.plan == plan_id
    c.execute(
        sa.update(broken_glass).where(mine).values(reviewed_by=by, review=found, reviewed_at=now)
    )
    c.execute(sa.delete(waits).where(waits.c.id == _wait_of(plan_id)))


def open_reviews(c: sa.Connection) -> tuple[OpenReview, ...]:
    """The oldest first."""
    named = (plans.c.run, plans.c.step, plans.c.requested_by, runs.c.outline)
    query = (
        sa.select(broken_glass, *named)
        .join(plans, plans.c.id == broken_glass.c.plan)
        .join(runs, runs.c.id == plans.c.run)
        .where(broken_glass.c.reviewed_at.is_(None))
        .order_by(broken_glass.c.at, broken_glass.c.plan)
    )
    return tuple(map(_open_review, c.execute(query).all()))


def remind(
    c: sa.Connection,
    now: float,
    wait_id: str,
    tell: Callable[[sa.Connection, str, Sequence[Said]], None],
) -> None:
    """
    Once a day, counted from when the glass was broken; days that nobody was there for are not
    caught up on. The run is locked.
    """
    wait = c.execute(sa.select(waits).where(waits.c.id == wait_id)).first()
    if wait is None or wait.deadline > now:  # Reviewed, or told by another replica.
        return
    plan_id = json.loads(wait.body)["plan"]
    mine = broken_glass.c.plan == plan_id
    c.execute(sa.update(broken_glass).where(mine).values(reminded=broken_glass.c.reminded + 1))
    days = math.floor((now - wait.deadline) / REMIND_EVERY_S) + 1
    next_at = wait.deadline + days * REMIND_EVERY_S
    c.execute(sa.update(waits).where(waits.c.id == wait_id).values(deadline=next_at))
    tell(c, wait.run, [Said("review due", plan_id)])
    digest = c.execute(sa.select(plans.c.digest).where(plans.c.id == plan_id)).scalar_one()
    note(c, now, wait.run, "review due", wait.step, "", plan=plan_id, digest=digest)


def _wait_of(plan_id: str) -> str:
    return f"{REVIEW}:{plan_id}"


def _open_review(row: Any) -> OpenReview:
    outline = Outline.from_text(row.outline)
    title = spec_of(outline, row.step).title
    return OpenReview(row.plan, row.run, outline.book, title, row.requested_by, _glass(row))


def _glass(row: Any) -> Glass:
    reviewed_at = None if row.reviewed_at is None else _moment(row.reviewed_at)
    return Glass(
        by=row.by,
        reason=row.reason,
        at=_moment(row.at),
        despite=row.despite,
        reminded=row.reminded,
        reviewed_by=row.reviewed_by or "",
        review=row.review,
        reviewed_at=reviewed_at,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
