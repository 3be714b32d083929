"""
Where a run speaks: in the channel it was started from, or in a channel of its own once that is
open. What is meant for a room that is not open yet waits for it.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.store.outbox_tables import rooms


@dataclass(frozen=True)
class Room:
    origin: str | None  #: The channel the run was started in; None for the terminal.
    opens: bool  #: The run opens a channel of its own.
    channel: str | None = None
    name: str = ""
    only_there: bool = False  #: What it says is for that channel, and for no other.


OPENS, ONLY_THERE = 1, 2


def room_from(row: sa.Row[Any]) -> Room:
    only_there = row.opens == ONLY_THERE
    return Room(row.origin, bool(row.opens), row.channel, row.name, only_there)


def begin_room(
    connection: sa.Connection,
    run_id: str,
    origin: str | None,
    opens: bool,
    only_there: bool = False,
) -> None:
    """In the transaction that starts a run. `opens`: its runbook opens a channel of its own."""
    how = ONLY_THERE if opens and only_there else OPENS if opens else 0
    if room_of(connection, run_id) is None:
        connection.execute(sa.insert(rooms).values(run=run_id, origin=origin, opens=how, name=""))


def remember_room(connection: sa.Connection, run_id: str, channel: str, name: str) -> None:
    """The run's channel is open. The last word counts; saying it twice does nothing."""
    mine = rooms.c.run == run_id
    values = {"channel": channel, "name": name}
    if room_of(connection, run_id) is None:
        connection.execute(sa.insert(rooms).values(run=run_id, opens=1, **values))
    else:
        connection.execute(sa.update(rooms).where(mine).values(**values))


def keep_to_origin(connection: sa.Connection, run_id: str) -> None:
    """
    The run's channel could not be opened: it speaks where it was started, and nothing waits; but
    for what is meant for that channel alone.
    """
    mine = sa.and_(rooms.c.run == run_id, rooms.c.channel.is_(None), rooms.c.opens == OPENS)
    connection.execute(sa.update(rooms).where(mine).values(opens=0))


def room_of(connection: sa.Connection, run_id: str) -> Room | None:
    row = connection.execute(sa.select(rooms).where(rooms.c.run == run_id)).first()
    return None if row is None else room_from(row)
