"""
Starts that were acknowledged and are not begun yet, as rows: a death in between leaves them to the
next life. A row goes in the transaction that begins its run, or once its refusal was told.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.engine.intents import Actor, NotedStart, StartRun
from bot.engine.record import Origin
from bot.store.tables import starts


def keep(c: sa.Connection, intent: StartRun, now: float) -> None:
    """Keeping it twice is keeping it once."""
    insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
    made = insert(starts).values(
        key=intent.key, book=intent.book_id, inputs=json.dumps(dict(intent.inputs)),
        dry=int(intent.dry), by=intent.by.user_id, team=intent.by.team_id,
        channel=intent.origin.channel_id, channel_name=intent.origin.channel_name, at=now,
    )  # fmt: skip
    c.execute(made.on_conflict_do_nothing())


def forget(c: sa.Connection, key: str) -> None:
    c.execute(sa.delete(starts).where(starts.c.key == key))


def kept(c: sa.Connection, now: float) -> Sequence[NotedStart]:
    """Oldest first."""
    rows = c.execute(sa.select(starts).order_by(starts.c.at))
    return [NotedStart(_intent(row), timedelta(seconds=max(0.0, now - row.at))) for row in rows]


def _intent(row: Any) -> StartRun:
    by, origin = Actor(row.by, row.team), Origin(row.channel, row.channel_name)
    return StartRun(row.book, json.loads(row.inputs), by, origin, row.key, bool(row.dry))
