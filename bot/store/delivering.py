"""
What the deliverer reads and writes of the outbox. Nobody else touches a row that may already be at
Slack.

Every mark leaves a row alone that is over: what was sent cannot become unsent.
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from bot.store.deliveries import DeliveryKind, Priority
from bot.store.outbox import OPEN, RowState, newest, op_id
from bot.store.outbox_tables import messages, outbox, outbox_lease, rooms
from bot.store.rooms import Room, room_from

#: Owns the lease when its holder gave it back.
NOBODY = ""


@dataclass(frozen=True)
class Waiting:
    """A row that is not over, without its payload."""

    seq: int
    id: str  #: The op id: name#revision.
    name: str
    revision: int
    run: str
    place: str
    thread: str | None
    kind: DeliveryKind
    priority: int
    state: RowState
    not_before: float | None
    sending_at: float | None
    remote: str | None
    tried: str


@dataclass(frozen=True)
class Sent:
    """Where a message is."""

    channel: str
    ts: str
    thread_ts: str | None
    sent_at: float


@dataclass(frozen=True)
class Board:
    """Everything the deliverer needs to decide what goes next."""

    rows: Sequence[Waiting]  #: In the order to keep.
    sent: Mapping[str, Sent]
    rooms: Mapping[str, Room]

    @cached_property
    def names(self) -> Set[str]:
        return {row.name for row in self.rows}


_LIGHT = [outbox.c[name] for name in Waiting.__dataclass_fields__]
#: With the states written out: SQLite uses the index of what is open for no parameters, and reads
#: all that was ever sent instead.
_OPEN: sa.BindParameter[RowState] = sa.bindparam(
    "open", OPEN, expanding=True, literal_execute=True
)


def board(c: sa.Connection) -> Board:
    is_open = outbox.c.state.in_(_OPEN)
    light = sa.select(*_LIGHT).where(is_open).order_by(outbox.c.seq)
    rows = [Waiting(**row) for row in c.execute(light).mappings()]
    if not rows:
        return Board([], {}, {})
    names = sa.select(outbox.c.name).where(is_open)
    threads = sa.select(outbox.c.thread).where(is_open, outbox.c.thread.is_not(None))
    # Not two lists of names with an "or" between: PostgreSQL then reads all messages there are.
    found = sa.select(messages).where(messages.c.name.in_(sa.union(names, threads)))
    sent = {
        row.name: Sent(row.channel, row.ts, row.thread_ts, row.sent_at) for row in c.execute(found)
    }
    runs = sa.select(outbox.c.run).where(is_open)
    where = {
        row.run: room_from(row) for row in c.execute(sa.select(rooms).where(rooms.c.run.in_(runs)))
    }
    return Board(rows, sent, where)


@dataclass(frozen=True)
class Lease:
    owner: str
    until: (
        float  #: As its holder's clock says. It shows a renewal; nobody compares it with a time.
    )


def lead(c: sa.Connection, owner: str, until: float, over: Lease | None, alone: bool) -> Lease:
    """
    Takes the lease or renews it, unless somebody else has it; what stands there then. `over`: a
    lease that ran out. `alone`: no other process can have this store open.
    """
    row = c.execute(sa.select(outbox_lease).with_for_update()).first()
    mine = Lease(owner, until)
    if row is None:
        c.execute(sa.insert(outbox_lease).values(id=1, owner=owner, until=until))
        return mine
    there = Lease(row.owner, row.until)
    if there.owner not in (owner, NOBODY) and there != over and not alone:
        return there
    c.execute(sa.update(outbox_lease).values(owner=owner, until=until))
    return mine


def resign(c: sa.Connection, owner: str) -> None:
    mine = outbox_lease.c.owner == owner
    c.execute(sa.update(outbox_lease).where(mine).values(owner=NOBODY))


def take(c: sa.Connection, row_id: str, owner: str, now: float) -> Mapping[str, Any] | None:
    """The payload of a pending row that is `sending` from now on; None: not ours to send."""
    mine = sa.select(outbox_lease.c.id).where(outbox_lease.c.owner == owner)
    if c.execute(mine).first() is None:
        return None
    taken = (
        sa.update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state == "pending")
        .values(
            state="sending",
            sending_at=sa.func.coalesce(outbox.c.sending_at, now),
            attempts=outbox.c.attempts + 1,
        )
        .returning(outbox.c.payload)
    )
    row = c.execute(taken).first()
    return None if row is None else json.loads(row.payload)


def mark_orphans(c: sa.Connection, row_ids: Iterable[str]) -> None:
    """Whoever was sending these is gone: they may have arrived."""
    gone = outbox.c.id.in_(list(row_ids)) & (outbox.c.state == "sending")
    c.execute(sa.update(outbox).where(gone).values(state="unknown"))


def mark_sent(
    c: sa.Connection,
    row_id: str,
    now: float,
    at: Sent | None = None,
    note: str | None = None,
) -> bool:
    """
    `at`: where the message is. Older revisions of its name are forgotten; whether one of them was
    given up.
    """
    row = c.execute(sa.select(outbox).where(outbox.c.id == row_id)).first()
    if row is None or row.state not in OPEN:
        return False
    payload = "{}" if row.kind == "file" else row.payload
    error = note or row.error
    _set_open(c, row_id, state="sent", sent_at=now, payload=payload, error=error)
    older = (outbox.c.name == row.name) & (outbox.c.revision < row.revision)
    states = c.execute(sa.delete(outbox).where(older).returning(outbox.c.state)).scalars().all()
    if at:
        c.execute(sa.delete(messages).where(messages.c.name == row.name))
        c.execute(
            sa.insert(messages).values(
                name=row.name,
                run=row.run,
                channel=at.channel,
                ts=at.ts,
                thread_ts=at.thread_ts,
                revision=row.revision,
                hash=row.hash,
                sent_at=at.sent_at,
            )
        )
    return "dead" in states


def mark_pending(c: sa.Connection, row_id: str) -> None:
    """It is known not to have arrived."""
    _set_open(c, row_id, state="pending")


def mark_unknown(c: sa.Connection, row_id: str) -> None:
    """The answer was lost."""
    _set_open(c, row_id, state="unknown")


def mark_dead(c: sa.Connection, row_id: str, why: str) -> None:
    _set_open(c, row_id, state="dead", error=why)


def mark_uploaded(c: sa.Connection, row_id: str, remote: str | None) -> None:
    """A file is at Slack under this id, and nobody sees it yet. None: it is there no more."""
    _set_open(c, row_id, remote=remote)


def mark_elsewhere(
    c: sa.Connection, row: Waiting, channel: str, keeps_thread: bool, tried: str, why: str
) -> None:
    """It can no longer be shown where it was: it is to be posted anew there."""
    c.execute(sa.delete(messages).where(messages.c.name == row.name))
    thread = row.thread if keeps_thread else None
    _set_open(c, row.id, state="pending", place=channel, thread=thread, tried=tried, error=why)


def _set_open(c: sa.Connection, row_id: str, **values: Any) -> None:
    mine = (outbox.c.id == row_id) & outbox.c.state.in_(OPEN)
    c.execute(sa.update(outbox).where(mine).values(**values))


def payload_of(c: sa.Connection, row_id: str) -> Mapping[str, Any]:
    stored = c.execute(sa.select(outbox.c.payload).where(outbox.c.id == row_id)).scalar()
    return dict(json.loads(stored or "{}"))


def restate_cards(c: sa.Connection, runs: Iterable[str], now: float) -> None:
    """Deliver the cards of these runs again as they are: what is shown beside them changed."""
    for run in runs:
        row = newest(c, f"{run}/card")
        if row is not None and row.state == "sent":
            again = row._asdict() | {
                "id": op_id(row.name, row.revision + 1),
                "revision": row.revision + 1,
                "state": "pending",
                "priority": int(Priority.POST),
                "attempts": 0,
                "created_at": now,
                "sending_at": None,
                "sent_at": None,
            }
            del again["seq"]
            c.execute(sa.insert(outbox).values(**again))
