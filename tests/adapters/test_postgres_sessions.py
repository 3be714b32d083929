"""Who is at what, who holds up whom, and that nobody is ended but who was meant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres import EndSession, Locks, Postgres, Root, Session
from bot.runbook import Seen
from bot.runbook.errors import Refused, Unreachable
from bot.runbook.showing import cell_text
from bot.secrets.redaction import REDACTOR
from sandbox.postgres import Database
from sandbox.postgres.harm import BEHIND, IN_BETWEEN, LockPileup
from tests.adapters.databases import parts_of
from tests.adapters.harmed import NOW, RUN, client, postgres_of, run, until
from tests.credentials import given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

FORGOTTEN = "BEGIN; UPDATE users SET name = name WHERE id = 7"
WANTED = "UPDATE users SET name = name WHERE id = 7"
WAITS = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"
BUSY = "SELECT state = 'active' AND query LIKE '%pg_sleep%' FROM pg_stat_activity WHERE pid = $1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with Database(organizations=20) as made:
        yield made


@pytest.fixture
def postgres(database: Database) -> Postgres:
    return postgres_of(database)


async def found(postgres: Postgres, pid: int) -> Session:
    now = await postgres.activity(RUN, NOW, NOW)
    (one,) = (s for s in (*now.slow, *now.waiting, *now.idle_in_transaction) if s.pid == pid)
    return one


# What is seen.


async def test_the_active_are_as_old_as_their_query_and_the_idle_as_their_transaction(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as busy, client(database.dsn) as idle:
        await busy.execute("BEGIN; SELECT 1")
        await idle.execute(FORGOTTEN)
        await asyncio.sleep(0.5)
        await idle.execute("SELECT 1")
        sleeping = asyncio.ensure_future(busy.execute("SELECT pg_sleep(600)"))
        await until(database.dsn, BUSY, busy.get_server_pid())
        now = await postgres.activity(RUN, NOW, timedelta(seconds=0.4))
        active = next(s for s in now.slow if s.pid == busy.get_server_pid())
        waiting = next(s for s in now.idle_in_transaction if s.pid == idle.get_server_pid())
        assert active.since < timedelta(seconds=0.5) < waiting.since
        assert (active.state, waiting.state) == ("active", "idle in transaction")
        assert now.says() == "1 query runs for long, 1 session idles in a transaction"
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await sleeping


async def test_our_own_sessions_replication_and_autovacuum_are_left_out(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn, "rb/7F3K/vacuum/1") as ours:
        await ours.execute(FORGOTTEN)
        now = await postgres.activity(RUN, NOW, NOW)
        shown = (*now.slow, *now.waiting, *now.idle_in_transaction)
        assert ours.get_server_pid() not in [one.pid for one in shown]
        assert {one.protected for one in shown} <= {""}


async def test_a_query_is_shown_without_what_stands_between_quotes(
    database: Database, postgres: Postgres
) -> None:
    REDACTOR.learn("hunter2-token")
    async with client(database.dsn) as one:
        await one.execute(
            "BEGIN; SELECT 'ada@example.com', E'it''s \\' it', $x$secret$x$ -- hunter2-token"
        )
        query = (await found(postgres, one.get_server_pid())).query
        assert query == "BEGIN; SELECT '…', '…', '…' -- [secret]"


async def test_a_query_that_postgresql_has_cut_within_quotes_shows_nothing_of_them(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as one:
        await one.execute(f"BEGIN; SELECT '{'x' * 3000}'")
        assert (await found(postgres, one.get_server_pid())).query == "BEGIN; SELECT '…'"


async def test_what_is_hidden_from_our_role_is_not_taken_for_well(database: Database) -> None:
    await run(database.admin_dsn, "CREATE ROLE blind LOGIN PASSWORD 'blind'")
    user, password, _ = parts_of(database.dsn)
    blind = database.dsn.replace(f"//{user}:{password}", "//blind:blind")
    async with client(database.dsn) as one:
        await one.execute(FORGOTTEN)
        with pytest.raises(Refused, match="is hidden from our role"):
            await Postgres(given(blind)).activity(RUN, NOW, NOW)


async def test_a_database_that_does_not_answer_is_a_fact_when_sessions_are_asked_for(
    database: Database,
) -> None:
    *_, place = parts_of(database.dsn)
    silent = Postgres(given(database.dsn.replace(place, "127.0.0.1:1")))
    now = await silent.activity(RUN, NOW, NOW)
    assert (now.cause, now.error) == (
        "refused",
        "The database refused the connection: nothing listens",
    )
    with pytest.raises(Unreachable, match="nothing listens"):
        await silent.locks(RUN)


# Who holds up whom.


async def test_the_root_of_a_pileup_is_found_with_all_it_holds_up(
    database: Database, postgres: Postgres
) -> None:
    pileup = LockPileup(database)
    await pileup.start()
    try:
        held = await postgres.locks(RUN)
    finally:
        await pileup.stop()
    (root,) = held.roots
    assert root.session and root.session.pid not in [one.get_server_pid() for one in pileup.others]
    assert (root.in_all, held.waiting) == (IN_BETWEEN + BEHIND, IN_BETWEEN + BEHIND)
    assert 1 <= root.directly <= IN_BETWEEN
    assert held.endable == (root.session,)
    assert held.says().startswith("40 wait for a lock, the longest for ")


async def test_nobody_waits_when_nobody_waits(postgres: Postgres) -> None:
    assert await postgres.locks(RUN) == Locks()


async def test_a_prepared_transaction_is_a_root_that_no_session_can_be_ended_for(
    database: Database, postgres: Postgres
) -> None:
    await run(database.dsn, FORGOTTEN, "PREPARE TRANSACTION 'forgotten'")
    try:
        async with client(database.dsn) as one:
            waiting = asyncio.ensure_future(one.execute(WANTED))
            await until(database.dsn, WAITS, one.get_server_pid())
            held = await postgres.locks(RUN)
            bloat = await postgres.bloat(RUN, 0)
    finally:
        await run(database.dsn, "ROLLBACK PREPARED 'forgotten'")
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await waiting
    assert held.roots == (Root(session=None, directly=1, in_all=1),) and held.endable == ()
    assert "COMMIT PREPARED" in str(held.table()) and "prepared transaction" in held.says()
    assert bloat.holders[0].kind == "prepared transaction"


# Whom nobody ends.


@pytest.mark.parametrize("table", ["alembic_version", "django_migrations"])
async def test_a_migration_is_never_ended(
    database: Database, postgres: Postgres, table: str
) -> None:
    await run(database.admin_dsn, f"CREATE TABLE IF NOT EXISTS {table} (x int)")
    await run(database.admin_dsn, f"GRANT SELECT ON {table} TO complyai")
    async with client(database.dsn) as one:
        await one.execute(f"BEGIN; SELECT FROM {table}; UPDATE users SET name = name")
        session = await found(postgres, one.get_server_pid())
        assert session.protected == "a migration"
        assert session not in (await postgres.activity(RUN, NOW, NOW)).endable
        change = session.end("7F3K")
        assert (await postgres._see_end(change)).state == "drifted"
        await postgres._end(change, "key")
        assert await one.fetchval("SELECT 1") == 1


async def test_a_session_of_the_bot_is_never_offered(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn, "rb/7F3K/vacuum/1") as ours, client(database.dsn) as one:
        await ours.execute(FORGOTTEN)
        waiting = asyncio.ensure_future(one.execute(WANTED))
        await until(database.dsn, WAITS, one.get_server_pid())
        held = await postgres.locks(RUN)
        assert held.roots[0].session and held.roots[0].session.protected
        assert held.endable == ()
        assert "a session of this bot" in [cell_text(cell) for cell in held.table().rows[0]]
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await waiting


# Ending.


async def test_who_idles_in_a_transaction_is_disconnected_and_all_it_held_up_go_on(
    database: Database, postgres: Postgres
) -> None:
    pileup = LockPileup(database)
    await pileup.start()
    try:
        (blocker,) = (await postgres.locks(RUN)).endable
        change = blocker.end("7F3K")
        assert change.how == "terminate" and change.target().endswith(f"/pid/{blocker.pid}")
        assert (await postgres._see_end(change)).state == "before"
        await postgres._end(change, "key")
        assert await postgres._see_end(change) == Seen("applied", f"pid {blocker.pid} is gone")
        async with asyncio.timeout(20):
            await asyncio.gather(*pileup.waiting)
        assert pileup.is_over and not any(one.is_closed() for one in pileup.others)
        assert (await postgres.locks(RUN)).waiting == 0
    finally:
        await pileup.stop()


async def test_who_is_active_is_cancelled_and_stays_connected(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as one:
        await one.execute(FORGOTTEN)
        sleeping = asyncio.ensure_future(one.execute("SELECT pg_sleep(600)"))
        await until(database.dsn, BUSY, one.get_server_pid())
        change = (await found(postgres, one.get_server_pid())).end("7F3K")
        assert change.how == "cancel"
        assert (await postgres._see_end(change)).state == "before"
        await postgres._end(change, "key")
        with pytest.raises(asyncpg.QueryCanceledError):
            await sleeping
        assert (await postgres._see_end(change)).state == "applied"
        await one.execute("ROLLBACK")
        assert (await postgres._see_end(change)).state == "applied"


async def forgotten(postgres: Postgres, one: asyncpg.Connection) -> EndSession:
    await one.execute(FORGOTTEN)
    return (await found(postgres, one.get_server_pid())).end("7F3K")


async def test_a_session_that_ended_by_itself_counts_as_ended(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as one:
        change = await forgotten(postgres, one)
    assert (await postgres._see_end(change)).now == f"pid {change.pid} is gone"
    assert (await postgres._see_end(change)).state == "applied"
    await postgres._end(change, "key")


async def test_a_transaction_that_ended_by_itself_spares_its_session(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as one:
        change = await forgotten(postgres, one)
        await one.execute("COMMIT; BEGIN; SELECT 1")
        assert (await postgres._see_end(change)).state == "applied"
        await postgres._end(change, "key")
        assert await one.fetchval("SELECT 1") == 1


async def test_who_has_gone_on_in_the_same_transaction_has_drifted_and_is_spared(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as one:
        change = await forgotten(postgres, one)
        sleeping = asyncio.ensure_future(one.execute("SELECT pg_sleep(600)"))
        await until(database.dsn, BUSY, one.get_server_pid())
        assert (await postgres._see_end(change)).state == "drifted"
        await postgres._end(change, "key")
        await until(database.dsn, BUSY, one.get_server_pid())
        assert not sleeping.done()
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await sleeping


async def test_a_process_id_that_somebody_else_has_now_is_left_alone(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as one:
        change = await forgotten(postgres, one)
        before = change.model_copy(
            update={"backend_start": change.backend_start - timedelta(seconds=1)}
        )
        assert (await postgres._see_end(before)).state == "drifted"
        await postgres._end(before, "key")
        assert await one.fetchval("SELECT 1") == 1


async def test_an_end_whose_answer_was_lost_is_seen_and_a_second_one_ends_nobody(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as one:
        change = await forgotten(postgres, one)
        database.lose_answer(b"pg_terminate_backend", parts=2)
        with pytest.raises(Unreachable):
            await postgres._end(change, "key")
        await until(
            database.dsn,
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)",
            change.pid,
        )
        assert (await postgres._see_end(change)).state == "applied"
        await postgres._end(change, "key")


async def test_a_superusers_session_is_refused_in_a_sentence(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.admin_dsn) as one:
        change = await forgotten(postgres, one)
        with pytest.raises(Refused, match="a superuser's session only a superuser can end"):
            await postgres._end(change, "key")
        assert (await postgres._see_end(change)).state == "before"


async def test_without_a_role_for_it_nothing_is_altered(database: Database) -> None:
    async with client(database.dsn) as one:
        only_looks = Postgres(given(database.dsn))
        change = await forgotten(only_looks, one)
        for call in (only_looks._see_end(change), only_looks._end(change, "key")):
            with pytest.raises(Refused, match=r"Set postgres\.maintenance_dsn"):
                await call
        assert await one.fetchval("SELECT 1") == 1
