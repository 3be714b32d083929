"""
The audit log: who did what, written in the transaction that makes it true.

`note` is the last thing that a transaction does. It locks the head of the chain until the commit,
so that replicas add their entries one after another; whoever locks something else afterwards may
wait for one who waits for the head, and one of the two would be thrown out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from bot.engine.intents import Actor, Refusal
from bot.runbook.values import storable
from bot.secrets.redaction import REDACTOR
from bot.store.auditing import entries_after
from bot.store.chain import Entry, Head, canonical, follow
from bot.store.clean import Clean
from bot.store.tables import audit, audit_head

#: Characters of an id that came from outside; ours are shorter.
LONGEST_ID = 200


@dataclass(frozen=True)
class Note:
    """What is to be noted once all the rest is written."""

    what: str
    about: str
    by: str = ""
    body: Mapping[str, object] = field(default_factory=dict)


def note(
    c: sa.Connection, now: float, run: str | None, what: str, about: str, by: str, **body: object
) -> None:
    """
    The next entry. `about` is an id (a step's, a plan's, a question's), `by` the immutable id of a
    person, empty for the bot itself. Secrets are taken out before the hash is made of it.
    """
    query = sa.select(audit_head.c.seq, audit_head.c.hash).with_for_update()
    head = Head(*c.execute(query).one())
    run = None if run is None else _storable(run)
    clean = canonical(json.loads(REDACTOR.text(canonical(body))))
    entry = follow(head, now, run, what, _storable(about), _storable(by), clean)
    c.execute(sa.insert(audit), _as_hashed(entry))
    c.execute(sa.update(audit_head), {"seq": entry.seq, "hash": entry.hash})


def note_refusal(
    c: sa.Connection,
    now: float,
    run: str | None,
    what: str,
    about: str,
    by: Actor,
    refusal: Refusal,
    **body: object,
) -> None:
    """What was asked for, and why not. What was typed is not kept: it may be anything."""
    told = {"why": refusal.why, **({"fields": sorted(refusal.fields)} if refusal.fields else {})}
    note(c, now, run, f"refused {what}", about, by.user_id, team=by.team_id, **told, **body)


def read_by(c: sa.Connection, now: float, run: str, by: Actor) -> list[Entry]:
    """A run's entries. Who looks is the newest of them the next time."""
    entries: list[Entry] = []
    while more := entries_after(c, entries[-1].seq if entries else 0, run):
        entries += more
    if entries:
        note(c, now, run, "audit read", "", by.user_id, team=by.team_id)
    return entries


def _as_hashed(entry: Entry) -> dict[str, object]:
    """Not judged once more on its way into the row: it must stay as its hash has it."""
    given = entry._asdict()
    return {name: Clean(one) if isinstance(one, str) else one for name, one in given.items()}


def _storable(text: str) -> str:
    """An id as it came may be anything."""
    return storable(REDACTOR.text(text)[:LONGEST_ID])
