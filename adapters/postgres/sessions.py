"""
Who is connected and what they are at, read off pg_stat_activity.

An active query is as old as its start; who idles in a transaction keeps its locks since the
transaction's. Left out: our own sessions, and what is no client's (walsenders, autovacuum).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from adapters.plain import plain
from adapters.postgres.changes import EndSession, How
from adapters.postgres.connecting import Source, session_name
from adapters.postgres.queries import shown
from adapters.postgres_calls import Cause, NoAnswer
from bot.runbook import Facts, Table
from bot.runbook.errors import Refused
from bot.runbook.showing import duration_text

#: Shown and offered at most; how many there are in all is said besides.
MOST = 90
IDLE = "idle in transaction"

#: Where tools for migrations note which ones were made; whoever has a lock there is one at work.
MIGRATION = """
    coalesce(a.application_name ~* '(alembic|flyway|liquibase|migrat)', false)
    OR a.pid IN (
        SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND c.relname IN ('alembic_version', 'django_migrations', 'schema_migrations',
                            'flyway_schema_history', 'databasechangeloglock'))
"""
#: Why a session is never ended by us; empty: it may be.
PROTECTED = f"""
    CASE WHEN a.backend_type IS DISTINCT FROM 'client backend'
         THEN coalesce(a.backend_type, 'unknown')
         WHEN a.application_name LIKE 'rb/%' THEN 'a session of this bot'
         WHEN {MIGRATION} THEN 'a migration'
         ELSE '' END
"""
COLUMNS = f"""
    SELECT a.pid, a.backend_start, a.state, a.xact_start, a.query_start, a.query, a.usename,
           a.application_name, a.backend_type, a.wait_event_type = 'Lock' AS waits,
           clock_timestamp() AS now, current_database() AS database, {PROTECTED} AS protected
    FROM pg_stat_activity a
"""
#: What is hidden from us is given as well: its state is not known, so it may be anything.
ACTIVITY = f"""{COLUMNS}
    WHERE a.pid <> pg_backend_pid() AND coalesce(a.application_name, '') NOT LIKE 'rb/%'
      AND (a.query = '<insufficient privilege>'
           OR a.backend_type = 'client backend'
              AND (a.state = 'active' AND a.query_start < clock_timestamp() - $1::interval
                   OR a.state LIKE 'idle in transaction%'
                      AND a.xact_start < clock_timestamp() - $2::interval))
    ORDER BY coalesce(CASE a.state WHEN 'active' THEN a.query_start END, a.xact_start)
"""
BY_PID = f"{COLUMNS} WHERE a.pid = ANY ($1::int[])"
HIDDEN = "<insufficient privilege>"


class Session(Facts):
    """`pid` and `backend_start` together are one session and never another."""

    pid: int
    backend_start: datetime
    state: str
    since: timedelta  #: Of the query when it is active, else of the transaction.
    transaction_start: datetime | None = None
    query_start: datetime | None = None
    query: str = ""  #: The last one, shortened, without what stands between quotes.
    user: str = ""
    application: str = ""
    database: str = ""
    waits: bool = False  #: For a lock.
    protected: str = ""  #: Why it is never ended; empty: it may be.

    @property
    def is_idle(self) -> bool:
        return self.state.startswith(IDLE)

    @property
    def who(self) -> str:
        return ", ".join(filter(None, (self.user, self.application)))

    def label(self) -> str:
        return f"pid {self.pid}, {self.state} for {duration_text(self.since)}, {self.who}"

    def end(self, run: str) -> EndSession:
        """What is active is cancelled; what idles has nothing to cancel and is terminated."""
        how: How = "cancel" if self.state == "active" else "terminate"
        return EndSession(
            run=run,
            database=self.database,
            pid=self.pid,
            backend_start=self.backend_start,
            transaction_start=self.transaction_start,
            query_start=self.query_start if how == "cancel" else None,
            how=how,
            replacing=self.state,
        )


class Activity(Facts):
    """Each list has the longest first, and at most some; the counts are of all."""

    error: str = ""  #: Why the database did not answer; then nothing else is known.
    cause: Cause = ""  #: Of the error.
    slow: tuple[Session, ...] = ()  #: Active for long, and not waiting for a lock.
    waiting: tuple[Session, ...] = ()  #: Active for long, because they wait for one.
    idle_in_transaction: tuple[Session, ...] = ()
    slow_in_all: int = 0
    waiting_in_all: int = 0
    idle_in_all: int = 0

    @property
    def endable(self) -> tuple[Session, ...]:
        return tuple(s for s in (*self.idle_in_transaction, *self.slow) if not s.protected)

    def says(self) -> str:
        parts = (
            _many(self.slow_in_all, "query runs", "queries run") + " for long",
            _many(self.idle_in_all, "session idles", "sessions idle") + " in a transaction",
            _many(self.waiting_in_all, "query waits", "queries wait") + " for a lock",
        )
        counts = (self.slow_in_all, self.idle_in_all, self.waiting_in_all)
        return ", ".join(part for part, count in zip(parts, counts, strict=True) if count)

    def table(self) -> Table:
        return table_of((*self.slow, *self.idle_in_transaction, *self.waiting))


async def activity(
    source: Source, run: str, slower_than: timedelta, idle_longer_than: timedelta
) -> Activity:
    """That it does not answer is a fact in it. Raises Refused."""
    name = session_name(run, "activity")
    try:
        rows = await source.rows(name, ACTIVITY, slower_than, idle_longer_than)
    except NoAnswer as error:
        return Activity(error=str(error), cause=error.cause)
    check_all_are_seen(rows)
    sessions = [session_of(row) for row in rows]
    idle = [one for one in sessions if one.is_idle]
    active = [one for one in sessions if not one.is_idle]
    slow, waiting = ([s for s in active if s.waits is waits] for waits in (False, True))
    return Activity(
        slow=tuple(slow[:MOST]),
        waiting=tuple(waiting[:MOST]),
        idle_in_transaction=tuple(idle[:MOST]),
        slow_in_all=len(slow),
        waiting_in_all=len(waiting),
        idle_in_all=len(idle),
    )


async def by_pid(source: Source, name: str, pids: Iterable[int]) -> dict[int, Session]:
    rows = await source.rows(name, BY_PID, list(pids))
    check_all_are_seen(rows)
    return {row["pid"]: session_of(row) for row in rows}


def check_all_are_seen(rows: Iterable[Any]) -> None:
    """Raises Refused: what is not seen may be what is wrong."""
    hidden = sum(row["query"] == HIDDEN for row in rows)
    if hidden:
        raise Refused(
            f"What {hidden} sessions are at is hidden from our role, so it cannot be said."
            " GRANT pg_monitor to it, as docs/install.md says."
        )


def session_of(row: Any) -> Session:
    state = plain(row["state"] or row["backend_type"] or "unknown", 40)
    began = row["query_start"] if state == "active" else row["xact_start"]
    return Session(
        pid=row["pid"],
        backend_start=row["backend_start"],
        state=state,
        since=max(row["now"] - (began or row["backend_start"]), timedelta()),
        transaction_start=row["xact_start"],
        query_start=row["query_start"],
        query=shown(row["query"] or ""),
        user=plain(row["usename"] or "", 63),
        application=plain(row["application_name"] or "", 63),
        database=plain(row["database"], 63),
        waits=bool(row["waits"]),
        protected=row["protected"],
    )


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def table_of(sessions: Iterable[Session]) -> Table:
    rows = tuple((s.pid, s.state, s.since, s.who, s.waits, s.protected, s.query) for s in sessions)
    return Table(("PID", "State", "For", "Who", "Waits", "Never ended", "Query"), rows)
