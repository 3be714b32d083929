"""
Once a day the newest hash of the audit log is told to others: in a channel, and to a vault where
nothing can be deleted. Whoever writes the log anew afterwards cannot take back what was told.

The row of the day decides who tells it, so that a restart or another replica does not tell it
again. What the vault did not take is brought there again until it has it.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.engine.audit import note
from bot.engine.clock import Clock
from bot.engine.reading import moment
from bot.engine.taking import PutDeliveries
from bot.runbook.errors import StepError
from bot.store import chain
from bot.store.auditing import head_of
from bot.store.deliveries import Delivery
from bot.store.store import STORE_AWAY, Store
from bot.store.tables import audit_anchors

log = logging.getLogger(__name__)

#: Seconds: the longest nap, and until what the vault did not take is brought there again.
NAP_AT_MOST_S = 300.0
AGAIN_S = 60.0
#: Anchors that are brought to the vault in one go.
BROUGHT_AT_ONCE = 50


class Told(NamedTuple):
    """The anchor of a day."""

    day: str  #: Of UTC, such as 2026-01-31.
    seq: int
    hash: str
    at: float  #: Seconds since the epoch.

    @property
    def content(self) -> bytes:
        """The same whoever asks for it and when."""
        said = {"seq": self.seq, "hash": self.hash, "time": chain.moment(self.at)}
        return (json.dumps(said) + "\n").encode()


class Vault(Protocol):
    async def keep(self, name: str, content: bytes, until: datetime) -> str:
        """
        Where it is kept, and cannot be deleted until then. The same again does nothing, and
        nothing is ever overwritten. Raises Unreachable, Refused.
        """


#: The deliveries that tell an anchor; none when there is nobody to tell.
Say = Callable[[Told], Sequence[Delivery]]


class Anchoring:
    def __init__(
        self,
        store: Store,
        put: PutDeliveries,
        say: Say,
        vault: Vault | None = None,
        retain: timedelta = timedelta(days=365),
        *,
        clock: Clock | None = None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._put, self._say = store, put, say
        self._vault, self._retain = vault, retain
        self._clock, self._on_commit = clock or Clock(), on_commit
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._forever(), name="anchors")

    async def stop(self) -> None:
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def look(self) -> float:
        """Tells today's anchor unless it is told; for how long there is nothing more to do."""
        now = self._clock.now()
        today = moment(now).date()
        is_told = await self._store.read(_is_told, today.isoformat())
        if not is_told and await self._store.tx(self._tell, today.isoformat(), now):
            self._on_commit()
        tomorrow = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
        nap = min(NAP_AT_MOST_S, tomorrow.timestamp() - now)
        return nap if await self._bring() else min(nap, AGAIN_S)

    async def _forever(self) -> None:
        while True:
            try:
                nap = await self.look()
            except STORE_AWAY as error:
                log.warning("the store does not answer, so the anchor waits: %s", error)
                nap = AGAIN_S
            except Exception:
                log.exception("the audit log's anchor could not be told; it is tried again")
                nap = AGAIN_S
            await self._clock.sleep(nap)

    def _tell(self, c: sa.Connection, day: str, now: float) -> bool:
        """Whether it was us who did."""
        head = head_of(c)
        if not head.seq:
            return False
        told = Told(day, head.seq, head.hash, now)
        insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
        row = insert(audit_anchors).values(**told._asdict()).on_conflict_do_nothing()
        if c.execute(row).rowcount != 1:
            return False
        self._put(c, "audit", self._say(told))
        note(c, now, None, "anchored", day, "", seq=told.seq, hash=told.hash)
        return True

    async def _bring(self) -> bool:
        """Whether the vault has all of them."""
        if self._vault is None:
            return True
        waiting = await self._store.read(_not_kept)
        kept = [await self._keep(self._vault, told) for told in waiting]
        return all(kept) and len(kept) < BROUGHT_AT_ONCE

    async def _keep(self, vault: Vault, told: Told) -> bool:
        until = moment(told.at) + self._retain
        try:
            where = await vault.keep(f"{told.day}.json", told.content, until)
        except StepError as error:
            log.error("the anchor of %s is not kept: %s", told.day, error)
            return False
        await self._store.tx(_kept, told, where, until, self._clock.now())
        return True


def _is_told(c: sa.Connection, day: str) -> bool:
    mine = sa.select(audit_anchors.c.day).where(audit_anchors.c.day == day)
    return c.execute(mine).first() is not None


def _not_kept(c: sa.Connection) -> list[Told]:
    """The newest first: what was told last is not held up by what never goes."""
    columns: list[Any] = [audit_anchors.c[name] for name in Told._fields]
    query = sa.select(*columns).where(audit_anchors.c.kept.is_(None))
    newest = query.order_by(audit_anchors.c.day.desc()).limit(BROUGHT_AT_ONCE)
    return [Told(*row) for row in c.execute(newest)]


def _kept(c: sa.Connection, told: Told, where: str, until: datetime, now: float) -> None:
    mine = sa.and_(audit_anchors.c.day == told.day, audit_anchors.c.kept.is_(None))
    if c.execute(sa.update(audit_anchors).where(mine).values(kept=where)).rowcount:
        locked = chain.moment(until.timestamp())
        note(c, now, None, "anchor kept", told.day, "", where=where, until=locked)
