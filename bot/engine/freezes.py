"""
Freezes as rows: the stop switch, which people throw and release, and the windows of the policy,
noted when they begin and end.

The switch counts the moment it is committed. A window counts by the policy and the clock alone;
its row is for what is shown, and so that its begin and its end are told once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from bot.access.acts import Frozen
from bot.access.member import Member
from bot.store.tables import freezes

#: The name of the switch's row, which is always there.
SWITCH = ""


def switch(c: sa.Connection, held: Literal["", "shared", "alone"] = "") -> Frozen | None:
    """The switch, when it is thrown. `held`: nobody turns it until this transaction ends."""
    query = sa.select(freezes).where(freezes.c.name == SWITCH)
    row = c.execute(query.with_for_update(read=held == "shared") if held else query).one()
    return _frozen(row) if row.stands else None


def standing(c: sa.Connection) -> tuple[Frozen, ...]:
    """What is shown as frozen, the oldest first."""
    query = sa.select(freezes).where(freezes.c.stands == 1).order_by(freezes.c.since)
    return tuple(map(_frozen, c.execute(query).all()))


def throw(c: sa.Connection, now: float, by: Member, why: str) -> Frozen:
    thrown = Frozen(why, by=by.user_id, by_name=by.name, since=_moment(now))
    _write(c, now, thrown)
    return thrown


def end(c: sa.Connection, name: str = SWITCH) -> None:
    c.execute(sa.update(freezes).where(freezes.c.name == name).values(stands=0, told=0))


def windows_moved(
    c: sa.Connection, on: Sequence[Frozen]
) -> tuple[Sequence[Frozen], Sequence[Frozen]]:
    """Of the policy's windows that are `on` now: those begun, and those over, since last asked."""
    noted = {one.window: one for one in standing(c) if one.window}
    now = {one.window: one for one in on}
    begun = [one for name, one in now.items() if name not in noted or _new(one, noted[name])]
    return begun, [one for name, one in noted.items() if name not in now]


def begin(c: sa.Connection, now: float, window: Frozen) -> Frozen:
    begun = replace(window, since=_moment(now))
    _write(c, now, begun)
    return begun


def untold(c: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """What moved and is not on the cards of all runs yet."""
    query = sa.select(freezes.c.name, freezes.c.since, freezes.c.stands)
    return [dict(row) for row in c.execute(query.where(freezes.c.told == 0)).mappings()]


def mark_told(c: sa.Connection, moved: Mapping[str, Any]) -> None:
    """Unless it moved again meanwhile."""
    same = sa.and_(*(freezes.c[name] == value for name, value in moved.items()))
    c.execute(sa.update(freezes).where(same).values(told=1))


def _write(c: sa.Connection, now: float, one: Frozen) -> None:
    values = {
        "stands": 1, "told": 0, "why": one.why, "lasts": one.lasts,
        "targets": json.dumps(one.targets), "by": one.by, "by_name": one.by_name, "since": now,
    }  # fmt: skip
    mine = freezes.c.name == one.window
    if c.execute(sa.update(freezes).where(mine).values(**values)).rowcount == 0:
        c.execute(sa.insert(freezes).values(name=one.window, **values))


def _new(one: Frozen, noted: Frozen) -> bool:
    """The policy says something else of it than it did."""
    return (one.why, one.lasts, one.targets) != (noted.why, noted.lasts, noted.targets)


def _frozen(row: Any) -> Frozen:
    targets = tuple(json.loads(row.targets))
    since = _moment(row.since)
    return Frozen(row.why, row.name, row.lasts, targets, row.by, row.by_name, since)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
