"""
Which of several replicas live. Work of one that does not is taken up by another; one that was
stopped for longer than its lease begins nothing when it wakes up.

Whether somebody else lives is read by the database's clock. One's own lease counts from before it
was renewed, by the clock here that is further on: one of them stands still while a machine sleeps.
On SQLite there is nobody else: the file serves one bot.
"""

import asyncio
import contextlib
import math
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from bot.engine.clock import Clock
from bot.store.store import STORE_AWAY, Store
from bot.store.tables import replicas

#: Seconds that a replica is believed to live after it was last seen, and between two signs of it.
LASTS_S, SEEN_EVERY_S = 4.0, 1.0
VERSION_LENGTH = 12


class Lease:
    def __init__(self, store: Store, clock: Clock, version: str) -> None:
        """`version`: what tells versions of the bot apart; the owner's name begins with it."""
        self._version = version[:VERSION_LENGTH]
        self.owner = f"{self._version}.{uuid.uuid4().hex}"
        self._store, self._clock = store, clock
        self._until = self._until_by_wall = math.inf if store.is_sqlite else -math.inf

    def holds(self) -> bool:
        """Whether nobody can have taken this one for dead."""
        left = self._until - self._clock.monotonic(), self._until_by_wall - self._clock.now()
        return min(left) > 0

    async def renew(self) -> None:
        if self._store.is_sqlite:
            return
        now, by_wall = self._clock.monotonic(), self._clock.now()
        async with asyncio.timeout(LASTS_S):
            await self._store.tx(_be_seen, self.owner)
        self._until, self._until_by_wall = now + LASTS_S, by_wall + LASTS_S

    async def is_beside_another_version(self) -> bool:
        others = await self._store.read(living)
        return any(not one.startswith(f"{self._version}.") for one in others)

    async def keep(self) -> None:
        await self.renew()
        await asyncio.sleep(SEEN_EVERY_S)

    async def give_up(self) -> None:
        """Whoever takes up what is left need not wait; without a database they wait a lease."""
        if not self._store.is_sqlite:
            self._until = -math.inf
            with contextlib.suppress(*STORE_AWAY):
                async with asyncio.timeout(LASTS_S):
                    await self._store.tx(_go, self.owner)


def lives(c: sa.Connection, owner: str | None) -> bool:
    """Whether that is another replica that lives."""
    if c.dialect.name == "sqlite":
        return False
    there = sa.select(replicas.c.id).where(replicas.c.id == owner, _is_seen())
    return c.execute(there).first() is not None


def living(c: sa.Connection) -> list[str]:
    if c.dialect.name == "sqlite":
        return []
    return list(c.execute(sa.select(replicas.c.id).where(_is_seen())).scalars())


def next_end_s(c: sa.Connection, owner: str) -> float:
    """Seconds until the first of the others is dead, unless it is seen before; inf: is alone."""
    if c.dialect.name == "sqlite":
        return math.inf
    others = sa.select(sa.func.min(replicas.c.seen_at) + LASTS_S - _now())
    left = c.execute(others.where(replicas.c.id != owner, _is_seen())).scalar()
    return math.inf if left is None else float(left)


def _is_seen() -> sa.ColumnElement[bool]:
    return replicas.c.seen_at > _now() - LASTS_S


def _now() -> sa.ColumnElement[float]:
    return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)


def _be_seen(c: sa.Connection, owner: str) -> None:
    """What has not been seen for long is forgotten."""
    seen = postgresql.insert(replicas).values(id=owner, seen_at=_now())
    c.execute(seen.on_conflict_do_update(index_elements=["id"], set_={"seen_at": _now()}))
    c.execute(sa.delete(replicas).where(replicas.c.seen_at < _now() - 100 * LASTS_S))


def _go(c: sa.Connection, owner: str) -> None:
    c.execute(sa.delete(replicas).where(replicas.c.id == owner))
