"""
Reads the database as one role, and makes the changes in `adapters.postgres.changes` as another,
which may do more. Whoever is asked knows each session by its name: `rb/`, the run, and what for.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

from adapters.postgres import ending, estimating, filling, maintaining
from adapters.postgres.backfills import Backfill, RunBackfill
from adapters.postgres.bloat import Bloat, bloat
from adapters.postgres.blocking import Locks, locks
from adapters.postgres.changes import (
    CreateIndex,
    DropIndex,
    DropInvalidIndex,
    EndSession,
    Vacuum,
)
from adapters.postgres.connecting import Source
from adapters.postgres.connectivity import Connectivity, connectivity
from adapters.postgres.estimating import Estimate, Left
from adapters.postgres.indexes import Indexes, indexes
from adapters.postgres.integrity import Contents, clients, contents
from adapters.postgres.sessions import Activity, activity
from bot.runbook import Adapter, Key, Progress, Run, Seen, pair
from bot.runbook.errors import Refused
from bot.secrets.vault import Credential


class Postgres(Adapter):
    """
    `timeout_s` is for one look at the primary as a whole, and once more for the replica.
    `backfills`: the catalogue.
    """

    def __init__(
        self,
        dsn: Credential | None,
        replica_dsn: Credential | None = None,
        timeout_s: float = 5.0,
        maintenance_dsn: Credential | None = None,
        backfills: Mapping[str, Backfill] | None = None,
    ) -> None:
        self._dsn, self._replica_dsn, self._timeout_s = dsn, replica_dsn, timeout_s
        self._reading = Source(dsn, "postgres.dsn", timeout_s)
        self._writing = Source(maintenance_dsn, "postgres.maintenance_dsn", timeout_s)
        self._backfills = backfills or {}

    async def connectivity(self) -> Connectivity:
        """Raises Refused when no database is configured: that is no outage."""
        return await connectivity(self._dsn, self._replica_dsn, self._timeout_s)

    async def activity(
        self, run: Run, slower_than: timedelta, idle_longer_than: timedelta
    ) -> Activity:
        """That it does not answer is a fact in it. Raises Refused."""
        return await activity(self._reading, run.id, slower_than, idle_longer_than)

    async def locks(self, run: Run) -> Locks:
        """Raises Unreachable, Refused; so do those that follow."""
        return await locks(self._reading, run.id)

    async def bloat(self, run: Run, least_dead: int) -> Bloat:
        """Of tables with at least so many dead rows."""
        return await bloat(self._reading, run.id, least_dead)

    async def indexes(
        self, run: Run, large: int, slower_than: timedelta, looked_for: timedelta
    ) -> Indexes:
        """`large`: rows of a table. It takes as long as `looked_for` says."""
        return await indexes(self._reading, run.id, large, slower_than, looked_for)

    async def contents(
        self,
        run: Run,
        per_table: timedelta,
        in_all: timedelta,
        address: tuple[str, int] | None = None,
    ) -> Contents:
        """Of the database at another address with the same user, or of the live one."""
        return await contents(self._dsn, run.id, address, per_table, in_all)

    async def clients(self, run: Run) -> tuple[str, ...]:
        """Who is connected, by the names they give. Raises Unreachable, Refused."""
        return await clients(self._reading, run.id)

    async def backfills(self) -> tuple[str, ...]:
        """The names in the catalogue."""
        return tuple(sorted(self._backfills))

    async def check_backfills(self) -> None:
        """Raises Refused where the catalogue does not fit the database; Unreachable."""
        await estimating.check(self._writing, tuple(self._backfills.values()))

    async def estimate(self, run: Run, name: str, batch: int) -> Estimate:
        """What a backfill would do now. It reads the whole table."""
        return await estimating.estimate(self._writing, run.id, self._backfill(name), batch)

    async def left(self, run: Run, name: str) -> Left:
        """What a backfill has left undone. It reads the whole table."""
        return await estimating.left(self._writing, run.id, self._backfill(name))

    def _backfill(self, name: str) -> Backfill:
        if name not in self._backfills:
            raise Refused(f"There is no backfill {name} in the catalogue. Choose one of its menu.")
        return self._backfills[name]

    async def _see_backfill(self, change: RunBackfill) -> Seen:
        return await filling.see(self._writing, change)

    def _fill(self, change: RunBackfill, key: Key) -> AsyncIterator[Progress]:
        return filling.fill(self._writing, change)

    async def _see_end(self, change: EndSession) -> Seen:
        return await ending.see(self._writing, change)

    async def _end(self, change: EndSession, key: Key) -> None:
        await ending.end(self._writing, change)

    async def _see_vacuum(self, change: Vacuum) -> Seen:
        return await maintaining.see_vacuum(self._writing, change)

    def _vacuum(self, change: Vacuum, key: Key) -> AsyncIterator[Progress]:
        return maintaining.vacuum(self._writing, change)

    async def _see_create(self, change: CreateIndex) -> Seen:
        return await maintaining.see_create(self._writing, change)

    def _create(self, change: CreateIndex, key: Key) -> AsyncIterator[Progress]:
        return maintaining.create(self._writing, change)

    async def _see_drop(self, change: DropIndex) -> Seen:
        return await maintaining.see_drop(self._writing, change)

    def _drop(self, change: DropIndex, key: Key) -> AsyncIterator[Progress]:
        return maintaining.drop(self._writing, change)

    alters = (
        pair(EndSession, observe=_see_end, apply=_end),
        pair(Vacuum, observe=_see_vacuum, apply=_vacuum),
        pair(CreateIndex, observe=_see_create, apply=_create),
        pair(DropIndex, observe=_see_drop, apply=_drop),
        pair(DropInvalidIndex, observe=_see_drop, apply=_drop),
        pair(RunBackfill, observe=_see_backfill, apply=_fill),
    )
