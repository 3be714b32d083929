"""What is read of the audit log, in pieces: a log of years is never in memory as a whole."""

from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound

from bot.store.chain import Entry, Head
from bot.store.store import Store
from bot.store.tables import audit, audit_anchors, audit_head
from bot.store.verifying import Anchor, Fault, Verdict, Walk

#: Entries that are read at once: a few milliseconds of somebody else's time.
AT_ONCE = 1000
COLUMNS = tuple(audit.c[name] for name in Entry._fields)


def head_of(c: sa.Connection) -> Head:
    """Without waiting for whoever is adding an entry. Raises NoResultFound."""
    return Head(*c.execute(sa.select(audit_head.c.seq, audit_head.c.hash)).one())


def anchors_of(c: sa.Connection) -> list[Anchor]:
    """As the store itself remembers them."""
    rows = c.execute(sa.select(audit_anchors).order_by(audit_anchors.c.day))
    return [Anchor(row.seq, row.hash, f"on {row.day}") for row in rows]


def entries_after(
    c: sa.Connection, after: int, run: str | None = None, since: float | None = None
) -> list[Entry]:
    """The next of them, in their order; none: that was all. `since`: seconds since the epoch."""
    query = sa.select(*COLUMNS).where(audit.c.seq > after)
    if run is not None:
        query = query.where(audit.c.run == run)
    if since is not None:
        query = query.where(audit.c.at >= since)
    rows = c.execute(query.order_by(audit.c.seq).limit(AT_ONCE))
    return [Entry(*row) for row in rows]


def every_entry(c: sa.Connection) -> Iterator[Entry]:
    """As they are at one moment, when the connection is in a transaction."""
    query = sa.select(*COLUMNS).order_by(audit.c.seq).execution_options(yield_per=AT_ONCE)
    for row in c.execute(query):
        yield Entry(*row)


async def verdict_until(store: Store, seq: int) -> Verdict:
    """Of the log up to this entry, in pieces between which others are served."""
    anchors = await store.read(anchors_of)
    walk, after = Walk([one for one in anchors if one.seq <= seq]), 0
    while after < seq:
        after = await store.read(_walk_on, walk, after, seq)
    return walk.end()


def _walk_on(c: sa.Connection, walk: Walk, after: int, until: int) -> int:
    entries = [one for one in entries_after(c, after) if one.seq <= until]
    walk.see(entries)
    return entries[-1].seq if entries else until


def verdict_of(c: sa.Connection, anchors: list[Anchor]) -> Verdict:
    """Of the whole log, by its own head and anchors and by those that are given."""
    walk = Walk([*anchors_of(c), *anchors])
    walk.see(every_entry(c))
    try:
        return walk.end(head_of(c))
    except NoResultFound:
        verdict = walk.end()
        gone = Fault(0, "The log's own head is missing: it was removed.")
        return replace(verdict, faults=[gone, *verdict.faults])
