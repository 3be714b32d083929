"""
Rows of schedules that nobody's click makes: what runbooks declare, made true when the bot starts,
and the next firings, looked for anew when a clock was set back.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.engine.audit import Note, note
from bot.engine.reading import moment
from bot.engine.record import Origin
from bot.runbook import Runbook
from bot.runbook.cron import BadCron, Cron
from bot.store.tables import schedules


def declare(
    c: sa.Connection,
    now: float,
    books: Mapping[str, Runbook],
    zone: str,
    place: Origin,
    only_new: bool = False,
) -> None:
    """
    The id of such a schedule is its runbook's. A pause stays; a new cron is taken over, unless
    `only_new` is to be begun.
    """
    declared = {key: book for key, book in sorted(books.items()) if book.schedule}
    query = sa.select(schedules).where(schedules.c.by == "").order_by(schedules.c.id)
    there = {row.id: row for row in c.execute(query.with_for_update())}
    gone = () if only_new else there.keys() - declared.keys()
    notes = [Note("schedule removed", one) for one in sorted(gone)]
    c.execute(sa.delete(schedules).where(schedules.c.id.in_([one.about for one in notes])))
    for key, book in declared.items():
        values = _values(book, zone, place)
        if key not in there:
            notes += _insert(c, now, key, values)
        elif not only_new and any(
            getattr(there[key], name) != value for name, value in values.items()
        ):
            moved = {"next_at": Cron(book.schedule, zone).after(moment(now)).timestamp()}
            same = there[key].cron == values["cron"] and there[key].zone == zone
            changed = values | ({} if same else moved)
            c.execute(sa.update(schedules).where(schedules.c.id == key).values(**changed))
            notes.append(Note("schedule changed", key, body={"cron": book.schedule, "zone": zone}))
    for one in notes:
        note(c, now, None, one.what, one.about, one.by, **one.body)


def look_anew(c: sa.Connection, now: float) -> None:
    """What would come too late, by the clock as it is now. Nothing begins a second time by it."""
    rows = c.execute(sa.select(schedules).order_by(schedules.c.id).with_for_update()).all()
    for row in rows:
        try:
            due = Cron(row.cron, row.zone).after(moment(now)).timestamp()
        except BadCron:
            continue  # said when it is due
        if row.next_at > due:
            mine = sa.update(schedules).where(schedules.c.id == row.id)
            c.execute(mine.values(next_at=due))


def _values(book: Runbook, zone: str, place: Origin) -> dict[str, Any]:
    return {
        "book": book.id,
        "inputs": book.inputs().model_dump_json(),
        "cron": book.schedule,
        "zone": zone,
        "channel": place.channel_id,
        "channel_name": place.channel_name,
    }


def _insert(c: sa.Connection, now: float, key: str, values: Mapping[str, Any]) -> list[Note]:
    """Another replica may do so at the same moment."""
    insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
    made = insert(schedules).values(
        id=key, by="", team="", paused_by="", paused_why="", skipped="", created_at=now,
        next_at=Cron(values["cron"], values["zone"]).after(moment(now)).timestamp(), **values,
    )  # fmt: skip
    if c.execute(made.on_conflict_do_nothing()).rowcount != 1:
        return []
    body = {"cron": values["cron"], "zone": values["zone"]}
    return [Note("schedule added", key, body=body)]
