"""
Carries out a backfill: batch after batch, until none is left.

How far it is stands in `runbook_bot.backfills`, in the company's own database, and moves in the
transaction of the batch: a batch is there with its note or not at all. Who is at work writes its
name there; whoever comes after it, because it seems to be dead, writes theirs, and what the former
still sends is taken back by its own transaction. So no row is passed over or filled twice.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import asyncpg

from adapters.postgres.backfills import RunBackfill
from adapters.postgres.connecting import Source, session_name
from adapters.postgres.identifiers import qualified
from adapters.postgres.pace import Load, Pace
from adapters.postgres.working import as_said, written_as_approved
from adapters.postgres_calls import TROUBLE
from bot.runbook import Progress, Seen
from bot.runbook.errors import Refused

#: Between two signs of life, and two looks at the load.
LOOK_EVERY_S = 1.0
#: For so long nothing may move because others hold the rows.
PATIENCE_S = 300.0
#: The first is longer than a frozen session of ours may hold the note.
SETTINGS = {
    "lock_timeout": "20s",
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "15s",
}
BATCH_WAITS, ANALYZE_LIMIT = "2s", "30min"
SMALLEST_BATCH = 100
#: Rates are of the last so many signs of life.
RATE_OVER = 20
OTHERS = "somebody else, as whom this was begun anew, goes on with it"

WRITE = """
    SELECT format('UPDATE %1$I.%2$I SET %3$I = %5$s WHERE %4$I > $1 AND %4$I <= $2 AND (%6$s)'
                  ' AND (%5$s) IS NOT NULL',
                  n.nspname, c.relname, $2::text, $3::text, $4::text, $5::text)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
"""
#: The first keys of what is left, up to a highest one; the highest there is; and what comes last.
WRITE_OTHERS = """
    SELECT format('SELECT max(k)::bigint, count(*) FROM (SELECT %3$I AS k FROM %1$I.%2$I'
                  ' WHERE %3$I > $1 AND %3$I <= $2 ORDER BY %3$I LIMIT $3) batch',
                  n.nspname, c.relname, $2::text) AS following,
           format('SELECT max(%3$I)::bigint FROM %1$I.%2$I', n.nspname, c.relname, $2::text)
               AS highest,
           format('ANALYZE %I.%I', n.nspname, c.relname) AS analyze
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
"""
SEE = """
    SELECT n.nspname AS schema, c.relname AS table, b.statement, b.filled, b.after_key,
           b.finished_at, b.is_analyzed
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN runbook_bot.backfills b ON b.run = $2 AND b.backfill = $3
    WHERE c.oid = $1
"""
TAKE = """
    INSERT INTO runbook_bot.backfills AS b (run, backfill, relation, statement, worker, upper_key)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (run, backfill) DO UPDATE
        SET worker = excluded.worker, upper_key = greatest(b.upper_key, excluded.upper_key)
        WHERE b.statement = excluded.statement AND b.finished_at IS NULL
    RETURNING after_key, upper_key, filled, is_last
"""
MOVE = """
    UPDATE runbook_bot.backfills
    SET after_key = $4, filled = filled + $5, busy_s = busy_s + $6, moved_at = clock_timestamp()
    WHERE run = $1 AND backfill = $2 AND worker = $3
    RETURNING filled
"""
LAST_PASS = """
    UPDATE runbook_bot.backfills SET upper_key = greatest(upper_key, $4), is_last = true
    WHERE run = $1 AND backfill = $2 AND worker = $3
    RETURNING upper_key
"""
FINISH = """
    UPDATE runbook_bot.backfills SET finished_at = clock_timestamp(), is_analyzed = $4
    WHERE run = $1 AND backfill = $2 AND worker = $3
    RETURNING filled
"""
LOAD = """
    SELECT CASE WHEN bool_or(state IS NULL) THEN NULL
           ELSE count(*) FILTER (WHERE state = 'active') END AS at_work,
           CASE WHEN bool_or(state IS NULL) THEN NULL
           ELSE count(*) FILTER (WHERE wait_event_type = 'Lock') END AS waiting,
           (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::float
            FROM pg_stat_replication) AS lag_bytes,
           (SELECT max(extract(epoch FROM replay_lag))::float FROM pg_stat_replication) AS lag_s
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datname = current_database()
      AND pid <> pg_backend_pid()
"""
ANALYZED = """
    SELECT last_analyze >= $2 AS is_so FROM pg_stat_all_tables WHERE relid = $1
"""


async def see(source: Source, change: RunBackfill) -> Seen:
    of = (change.oid, change.run, change.backfill)
    rows = await source.rows(session_name(change.run, "look"), SEE, *of)
    if not rows:
        return Seen("drifted", f"{change.table_in_sql} is gone")
    seen, named = rows[0], (rows[0]["schema"], rows[0]["table"])
    if named != (change.schema_name, change.table):
        return Seen("drifted", f"{change.table_in_sql} is called {qualified(*named)} now")
    if seen["statement"] is None:
        return Seen("before", f"0 of {change.rows:,} rows are filled")
    if seen["statement"] != change.statement():
        return Seen("drifted", f"this run has begun {change.backfill} with another statement")
    if seen["finished_at"] is None:
        now = f"{seen['filled']:,} rows are filled, up to {change.key} {seen['after_key']}"
        return Seen("before", now if seen["filled"] else f"0 of {change.rows:,} rows are filled")
    then = "ANALYZE is done" if seen["is_analyzed"] else "PostgreSQL passed over ANALYZE: no right"
    return Seen("applied", f"{seen['filled']:,} rows were filled; {then}")


async def fill(source: Source, change: RunBackfill) -> AsyncIterator[Progress]:
    """May be closed at any yield, and called again. Raises Refused, Unreachable."""
    name = session_name(change.run, f"backfill/{change.oid}")
    connection = await source.connected(name, SETTINGS)
    work = _Work(connection, change)
    try:
        await work.take_over()
        async for one in work.go_on():
            yield one
    except TROUBLE as error:
        said = as_said(error)
        raise type(said)(f"{said} {work.kept}") if isinstance(said, Refused) else said from None
    finally:
        connection.terminate()


@dataclass
class _Work:
    """One life's work at a backfill. Keys and counts are as its last transaction left them."""

    connection: Any
    change: RunBackfill
    worker: str = field(default_factory=lambda: token_hex(8))
    after: int = 0
    upper: int = 0
    filled: int = 0
    is_last: bool = False
    size: int = 0
    ahead: tuple[int, int] | None = None  #: The last key of the next batch, and its rows.
    sql: Any = None  #: What is asked of the table, as the server has written it.
    following: Any = None  #: The prepared question for the next batch;
    batch: Any = None  #: and the prepared statement of one.
    pace: Pace = field(init=False)
    points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATE_OVER))
    times: list[float] = field(default_factory=list)  #: Of batches since the last look.
    moved: float = field(default_factory=time.monotonic)
    looked: float = 0.0

    @property
    def kept(self) -> str:
        return (
            f"{self.filled:,} of {self.change.rows:,} rows are filled and stay so; asked for"
            " again, it goes on after them."
        )

    async def take_over(self) -> None:
        change, execute = self.change, self.connection.execute
        of = (change.oid, change.column, change.key, change.expression, change.todo)
        await written_as_approved(self.connection, WRITE, of, change.statement())
        key = (change.run, change.backfill, change.oid, change.statement(), self.worker)
        row = await self.connection.fetchrow(TAKE, *key, change.upper)
        if row is None:
            raise Refused("It was finished, or begun with another statement. Nothing was changed.")
        self.after, self.upper, self.filled, self.is_last = tuple(row)
        await execute(f"SET lock_timeout = '{BATCH_WAITS}'")
        self.size = change.batch
        self.pace = Pace(change.pause_s, await self._load())
        self.sql = await self.connection.fetchrow(WRITE_OTHERS, change.oid, change.key)
        self.following = await self.connection.prepare(self.sql["following"])
        self.batch = await self.connection.prepare(change.statement())

    async def go_on(self) -> AsyncIterator[Progress]:
        self.looked = time.monotonic()
        yield self._progress()
        while await self._is_more():
            if await self._try_batch():
                self.moved = time.monotonic()
            elif time.monotonic() - self.moved > PATIENCE_S:
                raise Refused(f"For {PATIENCE_S / 60:.0f} min others held the rows. {self.kept}")
            ended = time.monotonic()
            while True:
                if time.monotonic() - self.looked >= LOOK_EVERY_S:
                    await self._look()
                    yield self._progress()
                if (left_s := ended + self.pace.now_s - time.monotonic()) <= 0:
                    break
                await asyncio.sleep(min(left_s, LOOK_EVERY_S))
        async for one in self._analyze():
            yield one

    async def _is_more(self) -> bool:
        """Whether there is a row to walk past; first what was there, then what came meanwhile."""
        self.ahead = await self._next()
        if self.ahead is None and not self.is_last:
            top = await self.connection.fetchval(self.sql["highest"])
            self.upper = await self._note(LAST_PASS, self.upper if top is None else top)
            self.is_last = True
            self.ahead = await self._next()
        return self.ahead is not None

    async def _next(self) -> tuple[int, int] | None:
        """The last key of the next batch, and how many rows that walks past."""
        last, rows = await self.following.fetchrow(self.after, self.upper, self.size)
        return (last, rows) if rows else None

    async def _try_batch(self) -> bool:
        """False when others hold a row, or it took too long: then the next one is slower."""
        try:
            await self._batch()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            why = "others hold rows of the batch"
        except asyncpg.QueryCanceledError:
            why = "a batch took too long"
            self.size = max(self.size // 2, min(SMALLEST_BATCH, self.change.batch))
        else:
            return True
        await self.connection.execute("ROLLBACK")
        self.pace.stumble(why)
        return False

    async def _batch(self) -> None:
        assert self.ahead
        last, walked = self.ahead
        began = time.monotonic()
        await self.connection.execute("BEGIN")
        await self.batch.fetch(self.after, last)
        rows = int(self.batch.get_statusmsg().rsplit(" ", 1)[-1])
        took = time.monotonic() - began
        filled = await self._note(MOVE, last, rows, took)
        await self.connection.execute("COMMIT")
        self.after, self.filled = last, filled
        if (times := self.pace.took(time.monotonic() - began, walked)) is not None:
            self.times.append(times)

    async def _note(self, query: str, *values: object) -> int:
        """Raises Refused when somebody else has taken it over."""
        of = (self.change.run, self.change.backfill, self.worker)
        noted = await self.connection.fetchval(query, *of, *values)
        if noted is None:
            raise Refused(f"Stopped here: {OTHERS}.")
        return int(noted)

    async def _look(self) -> None:
        self.pace.judge(await self._load(), self.times)
        self.looked, self.times = time.monotonic(), []

    async def _load(self) -> Load:
        return Load(**dict(await self.connection.fetchrow(LOAD)))

    def _progress(self, doing: str = "") -> Progress:
        self.points.append((time.monotonic(), self.filled))
        total = max(self.change.rows, self.filled)
        return Progress(self.filled, total, "rows", doing or self._how_fast(total))

    def _how_fast(self, total: int) -> str:
        (then, before), (now, filled) = self.points[0], self.points[-1]
        said = []
        if rate := (filled - before) / (now - then) if now > then else 0:
            said.append(f"{rate:,.0f}/s")
            if not self.is_last:
                said.append(f"about {_lasting((total - filled) / rate)} left")
        if self.is_last:
            said.append("last pass: what came meanwhile")
        if self.pace.because:
            said.append(f"slowed down: {self.pace.because}")
        return "".join(f"· {one} " for one in said).rstrip()

    async def _analyze(self) -> AsyncIterator[Progress]:
        """PostgreSQL only warns of what it may not do, and says that all is well."""
        yield self._progress("· ANALYZE")
        await self.connection.execute(f"SET statement_timeout = '{ANALYZE_LIMIT}'")
        began = await self.connection.fetchval("SELECT clock_timestamp()")
        analyzing = asyncio.create_task(self.connection.execute(self.sql["analyze"]))
        try:
            while not (await asyncio.wait({analyzing}, timeout=LOOK_EVERY_S))[0]:
                yield self._progress("· ANALYZE")
            analyzing.result()
        finally:
            if not analyzing.done():
                self.connection.terminate()
                await asyncio.gather(analyzing, return_exceptions=True)
        is_so = await self.connection.fetchval(ANALYZED, self.change.oid, began)
        await self._note(FINISH, bool(is_so))


def _lasting(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
