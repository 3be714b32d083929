"""
What harms a database that runs: sessions that hold up others, dead rows, a slow query, an index
that was begun and never finished. All of it is real, and each can be taken back.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import asyncpg

from sandbox.postgres.database import Database

WAITS_LIMIT_S, LOOK_EVERY_S = 30.0, 0.02
#: Of the 40 that wait, so many wait for the root themselves; the others for these.
IN_BETWEEN, BEHIND = 4, 36
#: How often each row is written anew: of so many copies all but one are dead. In that table nobody
#: of a pile-up waits, so that all of this can be at once.
TIMES = 2
UNREACHABLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
CROWD = 20
EXPORT, REPORT = "nightly-export", "weekly-report"

#: For every user all events are read, twice, because there is no index by action or user.
SLOW = """
    SELECT u.id, (SELECT count(*) FROM activity_events e
                  WHERE e.action = 'ad_sync_failed' AND e.user_id = u.id)
    FROM users u, generate_series(1, 2)
"""
INDEX = "sync_runs_status_idx"
#: Which the company's migrations take, so that one is made at a time (ONE_AT_A_TIME in env.py).
MIGRATION_LOCK = 2026114


class Harm:
    """What the company's own applications do. `stop` ends them and takes back what they did."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sessions: list[Any] = []
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        """A server goes on with what a client that is gone has asked for, so it is told."""
        pids = [one.get_server_pid() for one in self._sessions if not one.is_closed()]
        with suppress(*UNREACHABLE):
            await self._admin(*(f"SELECT pg_terminate_backend({pid})" for pid in pids))
        for session in self._sessions:
            session.terminate()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._sessions, self._tasks = [], []

    async def _session(self, application: str, dsn: str = "") -> Any:
        session = await asyncpg.connect(
            dsn or self._database.dsn, server_settings={"application_name": application}
        )
        self._sessions.append(session)
        return session

    def _at_work(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def _admin(self, *statements: str) -> None:
        admin = await asyncpg.connect(self._database.admin_dsn)
        try:
            for statement in statements:
                await admin.execute(statement)
        finally:
            await admin.close()

    async def _until(self, query: str, is_so: Callable[[Any], bool], *values: object) -> None:
        """Raises TimeoutError when it does not become so."""
        admin = await asyncpg.connect(self._database.admin_dsn)
        try:
            async with asyncio.timeout(WAITS_LIMIT_S):
                while not is_so(await admin.fetchval(query, *values)):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await admin.close()


class LockPileup(Harm):
    """
    One session forgot to commit; four wait for it with locks of their own, and 36 for those. With
    them are innocents: one that reads for long, one whose locks nobody wants, one that idles.
    """

    root: Any = None

    @property
    def is_over(self) -> bool:
        return self.root is None or self.root.is_closed()

    @property
    def others(self) -> list[Any]:
        return [session for session in self._sessions if session is not self.root]

    @property
    def waiting(self) -> list[asyncio.Task[Any]]:
        return self._tasks[: IN_BETWEEN + BEHIND]

    async def start(self) -> None:
        self.root = await self._session("complyai-api")
        await self.root.execute("BEGIN; UPDATE organizations SET plan = plan WHERE id = 1")
        for ad in range(1, IN_BETWEEN + 1):
            session = await self._session("complyai-core")
            await session.execute(f"BEGIN; UPDATE org_ads SET status = status WHERE id = {ad}")
            wanted = "UPDATE organizations SET plan = plan WHERE id = 1; COMMIT"
            self._at_work(session.execute(wanted))
        for number in range(BEHIND):
            session, ad = await self._session("complyai-maestro"), 1 + number % IN_BETWEEN
            self._at_work(session.execute(f"UPDATE org_ads SET status = status WHERE id = {ad}"))
        reader = await self._session(EXPORT)
        self._at_work(reader.execute("SELECT pg_sleep(3600)"))
        writer = await self._session("complyai-frontend")
        await writer.execute("BEGIN; UPDATE users SET name = name WHERE id = 1")
        await self._session("complyai-frontend")
        count = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        await self._until(count, lambda waiting: bool(waiting >= IN_BETWEEN + BEHIND))

    async def stop(self) -> None:
        await super().stop()
        self.root = None


class SlowQuery(Harm):
    """A report whose query takes many seconds, again and again, until somebody cancels it."""

    pid = 0

    @property
    def is_over(self) -> bool:
        return all(task.done() for task in self._tasks)

    async def start(self) -> None:
        session = await self._session(REPORT)
        self.pid = session.get_server_pid()
        self._at_work(self._report(session))

    async def _report(self, session: Any) -> None:
        with suppress(*UNREACHABLE):
            while True:
                await session.fetch(SLOW)
                await asyncio.sleep(0.1)


class Busy(Harm):
    """An export in many sessions, which are all at work."""

    async def start(self) -> None:
        for _ in range(CROWD):
            session = await self._session(EXPORT)
            self._at_work(session.execute("SELECT pg_sleep(3600)"))
        count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(3600)%'"
        await self._until(count, lambda there: bool(there >= CROWD))


class Read(Harm):
    """A report is in the midst of reading org_ads: whoever alters that table waits for it."""

    async def start(self) -> None:
        session = await self._session(REPORT)
        await session.execute("BEGIN; SELECT count(*) FROM org_ads")


class Migrating(Harm):
    """Somebody else's migration is under way, and has the lock that each of them takes."""

    async def start(self) -> None:
        session = await self._session("alembic")
        await session.execute(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")


class Bloated(Harm):
    """Dead rows that nobody takes away, for autovacuum is off."""

    async def start(self) -> None:
        update = "UPDATE sync_runs SET ads_synced = ads_synced"
        await self._admin(
            "ALTER TABLE sync_runs SET (autovacuum_enabled = false)",
            *[update] * TIMES,
            "SELECT pg_stat_force_next_flush()",
        )

    async def stop(self) -> None:
        await super().stop()
        await self._admin("ALTER TABLE sync_runs RESET (autovacuum_enabled)", "VACUUM sync_runs")


class OldSnapshot(Bloated):
    """As well; and an export that began before may still need to see them."""

    pid = 0

    async def start(self) -> None:
        holder = await self._session(EXPORT)
        self.pid = holder.get_server_pid()
        await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users")
        await super().start()


class InvalidIndex(Harm):
    """Somebody's CREATE INDEX CONCURRENTLY was killed halfway."""

    async def start(self) -> None:
        holder = await self._session(EXPORT)
        await holder.execute("BEGIN; UPDATE sync_runs SET status = status WHERE id = 1")
        maker = await self._session("psql", self._database.maintenance_dsn)
        pid = maker.get_server_pid()
        made = self._at_work(
            maker.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON sync_runs (status)")
        )
        waits = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
        await self._until(waits, lambda event: event == "Lock", pid)
        await self._admin(f"SELECT pg_terminate_backend({pid})")
        with suppress(*UNREACHABLE):
            await made
        await holder.execute("ROLLBACK")
        await super().stop()

    async def stop(self) -> None:
        await super().stop()
        await self._admin(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")


class Harms:
    """Each there is, for one database."""

    def __init__(self, database: Database) -> None:
        self.lock_pileup = LockPileup(database)
        self.slow_query = SlowQuery(database)
        self.busy = Busy(database)
        self.read = Read(database)
        self.migrating = Migrating(database)
        self.bloated = Bloated(database)
        self.old_snapshot = OldSnapshot(database)
        self.invalid_index = InvalidIndex(database)

    async def stop(self) -> None:
        """Sessions only: what they did to tables goes with the database."""
        for one in vars(self).values():
            await Harm.stop(one)
