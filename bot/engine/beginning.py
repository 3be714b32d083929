"""The beginning of a run, as rows: for whoever starts it, a person or the clock."""

import json
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from bot.engine.effects import Taken
from bot.engine.intents import Actor, Started
from bot.engine.record import BY_THE_CLOCK, Origin
from bot.engine.state import Event, RunState
from bot.engine.taking import Taker
from bot.runbook import Runbook, RunbookInputs
from bot.runbook.outline import Outline
from bot.store.rooms import begin_room
from bot.store.tables import events, runs

#: Without the letters and digits that are mistaken for one another.
ID_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 4


class StartedMeanwhile(Exception):
    """The same delivery began a run in a transaction beside this one."""


@dataclass(frozen=True)
class Beginning:
    book: Runbook
    outline: Outline
    inputs: RunbookInputs
    by: Actor  #: Without an id: the bot itself, by a schedule that the runbook declares.
    origin: Origin
    key: str
    dry: bool = False
    schedule: str = ""  #: The id of the one that starts it.


def begun_before(c: sa.Connection, key: str) -> str:
    """The run that this key has begun; or ''."""
    return c.execute(sa.select(events.c.run).where(events.c.key == key)).scalar() or ""


def begin_run(
    c: sa.Connection, now: float, taker: Taker, run_id: str, start: Beginning
) -> tuple[Started, Taken]:
    """Raises StartedMeanwhile: what was written here is to be taken back."""
    c.execute(
        sa.insert(runs).values(
            id=run_id, book=start.book.id, status="new",
            outline=json.dumps(start.outline.as_json()),
            inputs=start.inputs.model_dump_json(),
            state=json.dumps(RunState(dry=start.dry).as_json()),
            started_by=start.by.user_id or BY_THE_CLOCK, schedule=start.schedule or None,
            origin_channel=start.origin.channel_id, origin_name=start.origin.channel_name,
            dry=int(start.dry), started_at=now, updated_at=now,
        )
    )  # fmt: skip
    opens = not start.dry and _opens_a_room(start.book)
    begin_room(c, run_id, start.origin.channel_id, opens, start.outline.confidential)
    started = Event("started", by=start.by.user_id, team=start.by.team_id)
    taken = taker.take(c, now, run_id, start.key, started)
    if not taken.is_new:
        raise StartedMeanwhile
    return Started(run_id), taken


def fresh_id(c: sa.Connection, table: sa.Table) -> str:
    """Short, and of no row of this table."""
    length = ID_LENGTH
    while True:
        one = "".join(secrets.choice(ID_ALPHABET) for _ in range(length))
        if not c.execute(sa.select(table.c.id).where(table.c.id == one)).first():
            return one
        length += 1


def _opens_a_room(book: Runbook) -> bool:
    steps = book.steps.values()
    return any(change.opens_room for step in steps for change in step.gives.changes)
