"""
The outbox as rows: what wants to be seen is put here in the transaction that makes it true.

Posts are never merged. A revision that was not sent yet is replaced by a newer one of its name;
what may already be at Slack is never touched by anybody but the deliverer. No secret gets in: a
delivery is redacted here, its files too, before anything is made of it.
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from bot.secrets.redaction import REDACTOR
from bot.store.clean import Clean
from bot.store.deliveries import Delivery, DeliveryKind
from bot.store.others import DELIVER, tell_others
from bot.store.outbox_tables import messages, outbox

RowState = Literal["pending", "sending", "sent", "unknown", "dead"]
OPEN: tuple[RowState, ...] = ("pending", "sending", "unknown")
#: A second one would be a second thing to see: Slack cannot edit these in place.
ONCE: tuple[DeliveryKind, ...] = ("file", "bookmark", "ephemeral")


def put(
    connection: sa.Connection,
    run_id: str,
    deliveries: Sequence[Delivery],
    *,
    now: Callable[[], float] = time.time,
) -> None:
    """Within the caller's transaction. Whoever commits it wakes the deliverer here."""
    for delivery in deliveries:
        _put_one(connection, run_id, delivery, now())
    if deliveries:
        tell_others(connection, DELIVER)


def _put_one(c: sa.Connection, run_id: str, delivery: Delivery, now: float) -> None:
    clean = _redacted(delivery.payload)
    payload = Clean(json.dumps(clean, sort_keys=True, ensure_ascii=False))
    digest = hashlib.sha256(payload.encode()).hexdigest()
    last = newest(c, delivery.name)
    if last is None and delivery.revises:
        return
    if last is None or last.state == "dead":
        revision = 1 if last is None else last.revision + 1
        return _insert(c, run_id, delivery, payload, digest, revision, now)
    priority = min(last.priority, int(delivery.priority))
    if last.state == "pending":
        _replace(c, last, payload, digest, priority)
    elif last.hash != digest and delivery.kind not in ONCE:
        _insert(c, run_id, delivery, payload, digest, last.revision + 1, now)


def _redacted(payload: Mapping[str, Any]) -> dict[str, Any]:
    file = payload.get("content")
    clean: dict[str, Any] = REDACTOR.tree({k: v for k, v in payload.items() if k != "content"})
    return clean if file is None else clean | {"content": REDACTOR.base64(file)}


def _replace(
    c: sa.Connection, last: sa.Row[Any], payload: str, digest: str, priority: int
) -> None:
    mine = sa.update(outbox).where(outbox.c.id == last.id)
    c.execute(mine.values(priority=priority))
    if last.hash != digest:
        revision = last.revision + 1
        c.execute(
            mine.values(
                id=op_id(last.name, revision),
                revision=revision,
                payload=payload,
                hash=digest,
                remote=None,  # an upload of the older content is not to be shared
            )
        )


def op_id(name: str, revision: int) -> str:
    return f"{name}#{revision}"


def newest(c: sa.Connection, name: str) -> sa.Row[Any] | None:
    """The last revision of a name, sent or not."""
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


def states(c: sa.Connection, names: Iterable[str]) -> dict[str, RowState]:
    """Of the newest revision of each name; a name nobody put is left out."""
    query = sa.select(outbox.c.name, outbox.c.state).where(outbox.c.name.in_(list(names)))
    return {row.name: row.state for row in c.execute(query.order_by(outbox.c.revision))}


def recall(c: sa.Connection, name: str) -> bool:
    """Whether nobody has seen this name: what was still waiting to be sent is withdrawn."""
    last = newest(c, name)
    if last is None or last.state == "dead":
        return True
    sent = sa.select(messages.c.name).where(messages.c.name == name)
    if last.state != "pending" or c.execute(sent).first():
        return False
    c.execute(sa.delete(outbox).where(outbox.c.id == last.id))
    return True


def dead(c: sa.Connection, since: float = 0.0, limit: int = 100) -> list[tuple[str, str]]:
    """What could not be delivered and why, newest first: for the doctor and the operator."""
    query = sa.select(outbox.c.id, outbox.c.error).where(
        outbox.c.state == "dead", outbox.c.created_at >= since
    )
    latest = query.order_by(outbox.c.seq.desc()).limit(limit)
    return [(row.id, row.error or "") for row in c.execute(latest)]


def dead_of(c: sa.Connection, run: str, kinds: Collection[DeliveryKind]) -> list[tuple[str, str]]:
    """The names that a run could not deliver, and why."""
    mine = (outbox.c.run == run) & (outbox.c.state == "dead") & outbox.c.kind.in_(kinds)
    query = sa.select(outbox.c.name, outbox.c.error).where(mine).order_by(outbox.c.seq)
    return [(row.name, row.error or "") for row in c.execute(query)]
