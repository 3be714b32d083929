"""
Which of several replicas delivers: the one that holds the lease, and renews it in time.

Nobody's clock is trusted with it. A holder counts its seconds from before it renewed; the others
watch the row, and take over when it did not change for as long as a lease lasts. On SQLite there
is no other: the file serves one bot.
"""

import math
import uuid

from bot.engine.clock import Clock
from bot.store import delivering as rows
from bot.store.store import Store

#: Seconds that a lease lasts beyond one call to Slack, and after which its holder renews it.
LASTS_S, RENEW_AFTER_S = 6.0, 2.0


class Leadership:
    def __init__(self, store: Store, clock: Clock, call_limit_s: float) -> None:
        self._store, self._clock, self._call_limit_s = store, clock, call_limit_s
        self.owner = uuid.uuid4().hex
        self._lasts_s = math.inf if store.is_sqlite else LASTS_S + call_limit_s
        self._until, self._until_by_wall = -math.inf, -math.inf
        self._there: rows.Lease | None = None  #: What stood there last, and since when.
        self._there_since = 0.0

    async def holds(self) -> bool:
        """Whether this process delivers. Renews the lease when it is time."""
        if self._left_s() < self._lasts_s - RENEW_AFTER_S:
            await self._renew()
        return self._left_s() > 0

    def has_time(self) -> bool:
        """For one call: no other process begins to deliver before that is over."""
        return self._left_s() >= self._call_limit_s

    def doubt(self) -> None:
        """Something could not be taken: it is asked at once who leads."""
        self._until = -math.inf

    async def resign(self) -> None:
        """Whoever comes next need not wait."""
        if self._left_s() > 0 and not self._store.is_sqlite:
            await self._store.tx(rows.resign, self.owner)

    async def _renew(self) -> None:
        now, by_wall = self._clock.monotonic(), self._clock.now()
        over = now - self._there_since >= self._lasts_s
        there = await self._store.tx(
            rows.lead,
            self.owner,
            by_wall + LASTS_S,
            self._there if over else None,
            alone=self._store.is_sqlite,
        )
        if there.owner == self.owner:
            self._until, self._until_by_wall = now + self._lasts_s, by_wall + self._lasts_s
        else:
            self._until = -math.inf
        if there != self._there:
            self._there, self._there_since = there, now

    def _left_s(self) -> float:
        """By the clock that is further on: one of them stands still while a machine sleeps."""
        return min(self._until - self._clock.monotonic(), self._until_by_wall - self._clock.now())
