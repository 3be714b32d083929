"""
Target locks: what one run changes, no other run changes meanwhile.

A lock is granted in the transaction that makes the work due, and handed on in the transaction
that frees it, so nobody polls and nobody is stranded. All of a plan's locks are taken together or
none is. The rows stay: the fencing token only grows.
"""

import json
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.tables import locks, work


def grant(c: sa.Connection, work_id: str, targets: Sequence[str], now: float) -> bool:
    """Whether the work holds all of its targets now."""
    insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
    for target in sorted(targets):
        new = insert(locks).values(target=target, token=0)
        c.execute(new.on_conflict_do_nothing())
        c.execute(sa.select(locks.c.target).where(locks.c.target == target).with_for_update())
    wanted = locks.c.target.in_(targets)
    taken = sa.select(locks.c.target).where(
        wanted, locks.c.holder.is_not(None), locks.c.holder != work_id
    )
    if c.execute(taken).first():
        return False
    c.execute(
        sa.update(locks).where(wanted).values(holder=work_id, token=locks.c.token + 1, since=now)
    )
    return True


def free(c: sa.Connection, work_id: str, now: float) -> list[str]:
    """Lets go of what the work holds; the ids of work that may start because of it."""
    c.execute(sa.update(locks).where(locks.c.holder == work_id).values(holder=None, since=None))
    handed = []
    blocked = sa.select(work.c.id, work.c.targets).where(work.c.status == "blocked")
    for row in c.execute(blocked.order_by(work.c.born_at, work.c.id)).all():
        if grant(c, row.id, json.loads(row.targets), now):
            c.execute(sa.update(work).where(work.c.id == row.id).values(status="due"))
            handed.append(row.id)
    return handed


def holds_all(c: sa.Connection, work_id: str, targets: Sequence[str]) -> bool:
    held = sa.select(sa.func.count()).select_from(locks)
    return c.execute(held.where(locks.c.holder == work_id)).scalar_one() == len(set(targets))


def blocked_by(c: sa.Connection, targets: Sequence[str], work_id: str) -> str:
    """Who holds the first target that is taken, and since when: `run/step` and a time; or ''."""
    row = c.execute(
        sa.select(locks.c.target, locks.c.holder, locks.c.since)
        .where(locks.c.target.in_(targets), locks.c.holder.is_not(None), locks.c.holder != work_id)
        .order_by(locks.c.target)
    ).first()
    if row is None:
        return ""
    run = str(row.holder).split("/", 1)[0]
    return f"{row.target} is being changed by run {run}"
