"""Who does a piece of work: the claim on its row, which is the only thing that decides."""

import json
from dataclasses import dataclass

import sqlalchemy as sa

from bot.engine.leases import lives, living, next_end_s
from bot.store.tables import work


@dataclass(frozen=True)
class Claimed:
    """A row of work that is ours."""

    id: str
    run: str
    step: str
    phase: str
    attempt: int
    plan: str | None
    targets: tuple[str, ...]
    fence: int


def claim(c: sa.Connection, work_id: str, owner: str) -> Claimed | None:
    """Work that is due, or whose owner is gone. Every claim raises the fence."""
    row = c.execute(sa.select(work).where(work.c.id == work_id).with_for_update()).first()
    if row is None or row.status not in ("due", "taken"):
        return None
    if row.status == "taken" and row.owner != owner and lives(c, row.owner):
        return None
    fence = row.fence + 1
    taken = sa.update(work).where(work.c.id == work_id)
    c.execute(taken.values(status="taken", owner=owner, fence=fence))
    targets = tuple(json.loads(row.targets))
    return Claimed(row.id, row.run, row.step, row.phase, row.attempt, row.plan, targets, fence)


def leave(c: sa.Connection, claimed: Claimed) -> None:
    """Nothing of it was done: it is free again, for whoever can do it."""
    owned = sa.and_(work.c.id == claimed.id, work.c.fence == claimed.fence)
    mine = sa.and_(owned, work.c.status == "taken")
    c.execute(sa.update(work).where(mine).values(status="due", owner=None))


def orphans(c: sa.Connection, owner: str) -> list[str]:
    """What is due, or taken by nobody else who lives. Starting what runs here does nothing."""
    others = [one for one in living(c) if one != owner]
    is_lost = sa.and_(work.c.status == "taken", work.c.owner.not_in(others))
    query = sa.select(work.c.id).where(sa.or_(work.c.status == "due", is_lost))
    return [row.id for row in c.execute(query.order_by(work.c.born_at))]


def swept(c: sa.Connection, owner: str) -> tuple[list[str], float]:
    """Those, and the seconds until there may be more of them because another replica is dead."""
    return orphans(c, owner), next_end_s(c, owner)
