"""
The outbox as rows: what wants to be seen is put here in the transaction that makes it true.

Posts are never merged. A revision that was not sent yet is replaced by a newer one of its name;
what may already be at Slack is never touched by anybody but the deliverer.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from bot.store.deliveries import Delivery, DeliveryKind, Priority
from bot.store.outbox_tables import messages, outbox, outbox_lease, rooms
from bot.store.rooms import Room, room_from

RowState = Literal["pending", "sending", "sent", "unknown", "dead"]
OPEN: tuple[RowState, ...] = ("pending", "sending", "unknown")
#: A second one would be a second thing to see: Slack cannot edit these in place.
ONCE: tuple[DeliveryKind, ...] = ("file", "bookmark", "ephemeral")


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
    attempts: int
    not_before: float | None
    created_at: float
    sending_at: float | None
    sure_at: float | None
    remote: str | None
    tried: str

    @property
    def due_at(self) -> float:
        return max(self.created_at, self.not_before or 0.0)


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


_LIGHT = [outbox.c[name] for name in Waiting.__dataclass_fields__]


def put(
    connection: sa.Connection,
    run_id: str,
    deliveries: Sequence[Delivery],
    *,
    now: Callable[[], float] = time.time,
) -> None:
    """Within the caller's transaction. Whoever commits it wakes the deliverer."""
    for delivery in deliveries:
        _put_one(connection, run_id, delivery, now())


def _put_one(c: sa.Connection, run_id: str, delivery: Delivery, now: float) -> None:
    payload = json.dumps(dict(delivery.payload), sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(payload.encode()).hexdigest()
    newest = _newest(c, delivery.name)
    if newest is None or newest.state == "dead":
        revision = 1 if newest is None else newest.revision + 1
        return _insert(c, run_id, delivery, payload, digest, revision, now)
    priority = min(newest.priority, int(delivery.priority))
    if newest.state == "pending":
        changed = newest.hash != digest
        revision = newest.revision + (1 if changed else 0)
        _set(
            c,
            newest.id,
            id=op_id(delivery.name, revision),
            revision=revision,
            payload=payload,
            hash=digest,
            priority=priority,
        )
    elif newest.hash != digest and delivery.kind not in ONCE:
        _insert(c, run_id, delivery, payload, digest, newest.revision + 1, now)


def op_id(name: str, revision: int) -> str:
    return f"{name}#{revision}"


def _newest(c: sa.Connection, name: str) -> sa.Row[Any] | None:
    query = sa.select(outbox).where(outbox.c.name == name).order_by(outbox.c.revision.desc())
    # Locked: what the deliverer takes meanwhile must not be replaced under it.
    return c.execute(query.limit(1).with_for_update()).first()


def _insert(
    c: sa.Connection,
    run_id: str,
    delivery: Delivery,
    payload: str,
    digest: str,
    revision: int,
    now: float,
) -> None:
    pinned = delivery.payload["message"] if delivery.kind == "pin" else None
    c.execute(
        sa.insert(outbox).values(
            id=op_id(delivery.name, revision),
            name=delivery.name,
            revision=revision,
            run=run_id,
            place=delivery.place,
            thread=pinned or delivery.thread,
            kind=delivery.kind,
            payload=payload,
            hash=digest,
            priority=int(delivery.priority),
            state="pending",
            attempts=0,
            not_before=delivery.not_before,
            created_at=now,
            tried="",
        )
    )


def _set(c: sa.Connection, row_id: str, **values: Any) -> None:
    c.execute(sa.update(outbox).where(outbox.c.id == row_id).values(**values))


# What the deliverer reads.


def board(c: sa.Connection) -> Board:
    is_open = outbox.c.state.in_(OPEN)
    light = sa.select(*_LIGHT).where(is_open).order_by(outbox.c.seq)
    rows = [Waiting(**row) for row in c.execute(light).mappings()]
    names = sa.select(outbox.c.name).where(is_open)
    threads = sa.select(outbox.c.thread).where(is_open, outbox.c.thread.is_not(None))
    found = sa.select(messages).where(messages.c.name.in_(names) | messages.c.name.in_(threads))
    sent = {
        row.name: Sent(row.channel, row.ts, row.thread_ts, row.sent_at) for row in c.execute(found)
    }
    runs = sa.select(outbox.c.run).where(is_open)
    where = {
        row.run: room_from(row) for row in c.execute(sa.select(rooms).where(rooms.c.run.in_(runs)))
    }
    return Board(rows, sent, where)


def states(c: sa.Connection, names: Iterable[str]) -> dict[str, RowState]:
    """Of the newest revision of each name; a name nobody put is left out."""
    query = sa.select(outbox.c.name, outbox.c.state).where(outbox.c.name.in_(list(names)))
    return {row.name: row.state for row in c.execute(query.order_by(outbox.c.revision))}


def dead(c: sa.Connection, limit: int = 100) -> list[tuple[str, str]]:
    """What could not be delivered and why, newest first: for the doctor and the operator."""
    query = sa.select(outbox.c.id, outbox.c.error).where(outbox.c.state == "dead")
    newest = query.order_by(outbox.c.seq.desc()).limit(limit)
    return [(row.id, row.error or "") for row in c.execute(newest)]


# What the deliverer writes. Each says nothing when the row has moved on since it was read.


def lead(c: sa.Connection, owner: str, now: float, for_s: float, alone: bool) -> bool:
    """
    Whether this process is the one that delivers, until `now + for_s`. `alone`: no other process
    can have this store open, so a dead predecessor's lease is not waited for.
    """
    row = c.execute(sa.select(outbox_lease).with_for_update()).first()
    values = {"owner": owner, "until": now + for_s}
    if row is None:
        c.execute(sa.insert(outbox_lease).values(id=1, **values))
        return True
    if row.owner != owner and row.until > now and not alone:
        return False
    c.execute(sa.update(outbox_lease).values(**values))
    return True


def take(
    c: sa.Connection, row_id: str, owner: str, now: float, sure_at: float
) -> Mapping[str, Any] | None:
    """The payload of a pending row that is `sending` from now on; None: not ours to send."""
    mine = sa.select(outbox_lease.c.id).where(
        outbox_lease.c.owner == owner, outbox_lease.c.until > now
    )
    if c.execute(mine).first() is None:
        return None
    taken = (
        sa.update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state == "pending")
        .values(
            state="sending",
            sending_at=sa.func.coalesce(outbox.c.sending_at, now),
            sure_at=sure_at,
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
) -> None:
    """`at`: where the message is. Older revisions of its name are forgotten."""
    row = c.execute(sa.select(outbox).where(outbox.c.id == row_id)).first()
    if row is None or row.state not in OPEN:
        return
    payload = "{}" if row.kind == "file" else row.payload
    error = note or row.error
    _set(c, row_id, state="sent", sent_at=now, payload=payload, error=error)
    older = (outbox.c.name == row.name) & (outbox.c.revision < row.revision)
    c.execute(sa.delete(outbox).where(older))
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


def mark_pending(c: sa.Connection, row_id: str) -> None:
    """It is known not to have arrived."""
    _set_open(c, row_id, state="pending")


def mark_unknown(c: sa.Connection, row_id: str, sure_at: float) -> None:
    """The answer was lost. What Slack does not show at `sure_at` is not there."""
    _set_open(c, row_id, state="unknown", sure_at=sure_at)


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
        row = _newest(c, f"{run}/card")
        if row is not None and row.state == "sent":
            again = row._asdict() | {
                "id": op_id(row.name, row.revision + 1),
                "revision": row.revision + 1,
                "state": "pending",
                "priority": int(Priority.POST),
                "attempts": 0,
                "created_at": now,
                "sending_at": None,
                "sure_at": None,
                "sent_at": None,
            }
            del again["seq"]
            c.execute(sa.insert(outbox).values(**again))
