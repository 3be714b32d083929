"""Tables are vacuumed and indexes made beside the work; lost answers and dead bots included."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import given as examples
from hypothesis import settings, strategies

from adapters.postgres import (
    CreateIndex,
    DropIndex,
    DropInvalidIndex,
    Indexes,
    Postgres,
    Remedy,
    Vacuum,
    maintaining,
    working,
)
from adapters.postgres.identifiers import KEYWORDS, LONGEST_BYTES, index_name, quoted
from bot.runbook import Progress
from bot.runbook.errors import Refused, Unreachable
from sandbox.postgres import Database
from sandbox.postgres.harm import INDEX, Bloated, InvalidIndex, OldSnapshot
from tests.adapters.harmed import (
    NOW,
    RUN,
    client,
    made,
    postgres_of,
    run,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LEAST = 1000
#: Held by somebody, it lets VACUUM and CREATE INDEX wait, and nobody else.
HOLD = "BEGIN; LOCK TABLE sync_runs IN SHARE UPDATE EXCLUSIVE MODE"
AT_WORK = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND state = 'active')"
)
IDLE = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with Database(organizations=40) as made_of_it:
        yield made_of_it


@pytest.fixture
def postgres(database: Database, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    monkeypatch.setattr(working, "LOOK_EVERY_S", 0.05)
    return postgres_of(database)


@pytest_asyncio.fixture(loop_scope="module")
async def bloated(database: Database) -> AsyncIterator[None]:
    harm = Bloated(database)
    await harm.start()
    yield
    await harm.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def no_index(database: Database) -> AsyncIterator[None]:
    yield
    await run(database.admin_dsn, f"DROP INDEX IF EXISTS {INDEX}")


async def planned(postgres: Postgres) -> Vacuum:
    (table,) = (await postgres.bloat(RUN, LEAST)).tables
    return table.vacuum("7F3K")


async def on_status(database: Database) -> CreateIndex:
    connection = await asyncpg.connect(database.dsn)
    oid = await connection.fetchval("SELECT 'sync_runs'::regclass::oid::bigint")
    await connection.close()
    return CreateIndex(
        run="7F3K",
        database="complyai",
        schema_name="public",
        table="sync_runs",
        oid=oid,
        index=INDEX,
        columns=("status",),
    )


# VACUUM.


@pytest.mark.usefixtures("bloated")
async def test_a_bloated_table_is_vacuumed_and_has_no_dead_row_then(postgres: Postgres) -> None:
    change = await planned(postgres)
    assert change.command() == "VACUUM (ANALYZE) public.sync_runs;"
    before = await postgres._see_vacuum(change)
    assert before.state == "before" and "dead rows" in before.now
    await made(postgres._vacuum(change, "key"))
    seen = await postgres._see_vacuum(change)
    assert seen.state == "applied" and seen.now.startswith("public.sync_runs has 0 dead rows")
    assert (await postgres.bloat(RUN, LEAST)).tables == ()


@pytest.mark.usefixtures("bloated")
async def test_a_vacuum_of_before_the_plan_does_not_count(postgres: Postgres) -> None:
    change = await planned(postgres)
    await made(postgres._vacuum(change, "key"))
    seen = await postgres._see_vacuum(change)
    later = change.model_copy(update={"since": change.since + timedelta(hours=1)})
    assert (seen.state, (await postgres._see_vacuum(later)).state) == ("applied", "before")


async def test_what_an_old_transaction_may_need_stays_and_it_is_named(
    database: Database, postgres: Postgres
) -> None:
    harm = OldSnapshot(database)
    await harm.start()
    try:
        change = await planned(postgres)
        await made(postgres._vacuum(change, "key"))
        assert (await postgres._see_vacuum(change)).state == "applied"
        found = await postgres.bloat(RUN, LEAST)
        assert found.above(0.5)[0].autovacuum_is_off
        (holder, *_) = found.holding_for(NOW)
        assert (holder.pid, holder.kind) == (harm.pid, "session")
        assert "nightly-export" in holder.label()
    finally:
        await harm.stop()


async def test_a_slot_that_nobody_reads_keeps_dead_rows(
    database: Database, postgres: Postgres
) -> None:
    """A standby that tells what it reads, and then is gone."""
    replica = database.replica_dsn
    await run(database.admin_dsn, "SELECT pg_create_physical_replication_slot('standby')")
    admin = database.admin_dsn.replace(str(database.writer.port), str(database.replica.port))
    await run(
        admin,
        "ALTER SYSTEM SET hot_standby_feedback = on",
        "ALTER SYSTEM SET primary_slot_name = 'standby'",
        "ALTER SYSTEM SET wal_receiver_status_interval = '1s'",
        "SELECT pg_reload_conf()",
    )
    has_xmin = "SELECT xmin IS NOT NULL FROM pg_replication_slots WHERE slot_name = 'standby'"
    try:
        async with client(replica) as reader:
            await reader.execute(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users"
            )
            await until(database.admin_dsn, has_xmin)
            await database.stop_replica()
            await until(database.admin_dsn, "SELECT NOT active FROM pg_replication_slots")
            holders = (await postgres.bloat(RUN, LEAST)).holding_for(timedelta(hours=1))
            assert [(one.kind, one.name) for one in holders] == [("replication slot", "standby")]
            await database.start_replica()
    finally:
        await run(
            admin,
            "ALTER SYSTEM RESET ALL",
            "SELECT pg_reload_conf()",
        )
        await until(database.admin_dsn, "SELECT NOT active FROM pg_replication_slots")
        await run(database.admin_dsn, "SELECT pg_drop_replication_slot('standby')")


@pytest.mark.usefixtures("bloated")
async def test_a_vacuum_that_postgresql_passed_over_is_refused_and_not_done(
    database: Database, postgres: Postgres
) -> None:
    """It warns, and says that all is well."""
    change = await planned(postgres)
    with pytest.raises(Refused, match=r"passed over public\.sync_runs: our role must own it"):
        await made(postgres_of(database, database.dsn)._vacuum(change, "key"))
    assert (await postgres._see_vacuum(change)).state == "before"


async def begun(applying: Any) -> list[Progress]:
    """Until it tells for the first time how far it is."""
    return [await anext(applying)]


@pytest.mark.usefixtures("bloated")
async def test_a_vacuum_at_work_is_applying_and_ends_with_the_bot(
    database: Database, postgres: Postgres
) -> None:
    change = await planned(postgres)
    name = f"rb/7F3K/vacuum/{change.oid}"
    async with client(database.maintenance_dsn) as holder:
        await holder.execute(HOLD)
        work = postgres._vacuum(change, "key")
        (progress,) = await begun(work)
        assert progress.done == 0
        await until(database.dsn, AT_WORK, name)
        assert (await postgres._see_vacuum(change)).state == "applying"
        await work.aclose()  # type: ignore[attr-defined]
        await until(database.dsn, IDLE, name)
        assert (await postgres._see_vacuum(change)).state == "before"
    await made(postgres._vacuum(change, "key"))
    assert (await postgres._see_vacuum(change)).state == "applied"


@pytest.mark.usefixtures("bloated")
async def test_a_vacuum_that_waits_too_long_is_refused_and_changes_nothing(
    database: Database, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintaining, "VACUUM_WAITS", timedelta(seconds=0.2))
    change = await planned(postgres)
    async with client(database.maintenance_dsn) as holder:
        await holder.execute(HOLD)
        with pytest.raises(Refused, match=r"waited too long .* \(SQLSTATE 55P03\)"):
            await made(postgres._vacuum(change, "key"))
    assert (await postgres._see_vacuum(change)).state == "before"


@pytest.mark.usefixtures("bloated")
async def test_a_vacuum_whose_answer_was_lost_is_seen(
    database: Database, postgres: Postgres
) -> None:
    change = await planned(postgres)
    database.lose_answer(change.statement().encode())
    with pytest.raises(Unreachable):
        await made(postgres._vacuum(change, "key"))
    async with asyncio.timeout(20):
        while (seen := await postgres._see_vacuum(change)).state == "applying":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert seen.state == "applied"


# Indexes.


@pytest.mark.usefixtures("no_index")
async def test_an_index_is_made_and_can_be_taken_back(
    database: Database, postgres: Postgres
) -> None:
    change = await on_status(database)
    assert (await postgres._see_create(change)).state == "before"
    await made(postgres._create(change, "key"))
    seen = await postgres._see_create(change)
    assert seen.state == "applied" and "is valid" in seen.now
    undo = change.undo()
    assert undo.command() == f"DROP INDEX CONCURRENTLY public.{INDEX};"
    assert (await postgres._see_drop(undo)).state == "before"
    await made(postgres._drop(undo, "key"))
    assert (await postgres._see_drop(undo)).state == "applied"
    assert (await postgres._see_create(change)).state == "before"


async def invalid(postgres: Postgres) -> Remedy:
    found = await postgres.indexes(RUN, 10**9, NOW, NOW)
    assert found.invalid == (f"public.{INDEX}",)
    (remedy,) = found.remedies
    return remedy


@pytest.mark.usefixtures("no_index")
async def test_what_a_killed_index_left_is_found_and_dropped_before_it_is_made_anew(
    database: Database, postgres: Postgres
) -> None:
    await InvalidIndex(database).start()
    change = (await invalid(postgres)).change("7F3K")
    assert isinstance(change, CreateIndex)
    assert change.command() == (
        f"DROP INDEX CONCURRENTLY public.{INDEX}; CREATE INDEX CONCURRENTLY {INDEX} ON"
        " public.sync_runs USING btree (status);"
    )
    assert (await postgres._see_create(change)).state == "before"
    await made(postgres._create(change, "key"))
    assert (await postgres._see_create(change)).state == "applied"
    assert await postgres.indexes(RUN, 10**9, NOW, NOW) == Indexes(looked_for=NOW)


@pytest.mark.usefixtures("no_index")
async def test_an_invalid_index_that_is_not_plain_is_dropped_only(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as holder:
        await holder.execute("BEGIN; UPDATE sync_runs SET status = status WHERE id = 1")
        with pytest.raises(asyncpg.LockNotAvailableError):
            maker = await asyncpg.connect(
                database.maintenance_dsn, server_settings={"lock_timeout": "100"}
            )
            await maker.execute(
                f"CREATE INDEX CONCURRENTLY {INDEX} ON sync_runs (lower(status)) WHERE id > 5"
            )
    await maker.close()
    change = (await invalid(postgres)).change("7F3K")
    assert isinstance(change, DropInvalidIndex)
    assert (await postgres._see_drop(change)).state == "before"
    await made(postgres._drop(change, "key"))
    assert (await postgres._see_drop(change)).state == "applied"


@pytest.mark.usefixtures("no_index")
async def test_a_valid_index_is_never_dropped_as_an_invalid_one(
    database: Database, postgres: Postgres
) -> None:
    made_of = await on_status(database)
    await made(postgres._create(made_of, "key"))
    drop = DropInvalidIndex(**made_of.undo().model_dump())
    assert (await postgres._see_drop(drop)).state == "drifted"
    with pytest.raises(Refused, match="Nothing was changed"):
        await made(postgres._drop(drop, "key"))
    with pytest.raises(Refused, match="There is one by that name already"):
        await made(postgres._create(made_of, "key"))
    assert (await postgres._see_create(made_of)).state == "applied"


@pytest.mark.usefixtures("no_index")
async def test_an_index_by_that_name_that_is_something_else_is_left_alone(
    database: Database, postgres: Postgres
) -> None:
    await run(database.admin_dsn, f"CREATE INDEX {INDEX} ON sync_runs (ads_synced)")
    change = await on_status(database)
    assert (await postgres._see_create(change)).state == "drifted"
    assert (await postgres._see_drop(change.undo())).state == "drifted"
    with pytest.raises(Refused, match="Nothing was changed"):
        await made(postgres._drop(change.undo(), "key"))


@pytest.mark.usefixtures("no_index")
async def test_an_index_that_waits_says_for_whom_and_is_made_anew_after_the_bot_died(
    database: Database, postgres: Postgres
) -> None:
    change = await on_status(database)
    async with client(database.dsn) as holder:
        await holder.execute("BEGIN; UPDATE sync_runs SET status = status WHERE id = 1")
        work = postgres._create(change, "key")
        async with asyncio.timeout(20):
            while f"pid {holder.get_server_pid()}" not in (await anext(work)).note:
                pass
        assert (await postgres._see_create(change)).state == "applying"
        assert (await postgres.indexes(RUN, 10**9, NOW, NOW)).remedies == ()
        await work.aclose()  # type: ignore[attr-defined]
        await until(database.dsn, IDLE, f"rb/7F3K/index/{change.oid}")
        seen = await postgres._see_create(change)
        assert seen.state == "before" and "invalid" in seen.now
    await made(postgres._create(change, "key"))
    assert (await postgres._see_create(change)).state == "applied"


@pytest.mark.usefixtures("no_index")
async def test_an_index_that_waited_too_long_says_what_it_left(
    database: Database, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintaining, "INDEX_WAITS", timedelta(seconds=0.2))
    change = await on_status(database)
    async with client(database.dsn) as holder:
        await holder.execute("BEGIN; UPDATE sync_runs SET status = status WHERE id = 1")
        with pytest.raises(Refused, match=r"waited too long .* chosen again, it is dropped first"):
            await made(postgres._create(change, "key"))
    await made(postgres._create(change, "key"))
    assert (await postgres._see_create(change)).state == "applied"


@pytest.mark.usefixtures("no_index")
@pytest.mark.parametrize("kind", [CreateIndex, DropIndex])
async def test_an_index_whose_answer_was_lost_is_seen(
    database: Database, postgres: Postgres, kind: type
) -> None:
    change = await on_status(database)
    if kind is DropIndex:
        await made(postgres._create(change, "key"))
    statement = (change if kind is CreateIndex else change.undo()).statement().encode()
    database.lose_answer(statement)
    with pytest.raises(Unreachable):
        if kind is CreateIndex:
            await made(postgres._create(change, "key"))
        else:
            await made(postgres._drop(change.undo(), "key"))

    async def see() -> str:
        if kind is CreateIndex:
            return (await postgres._see_create(change)).state
        return (await postgres._see_drop(change.undo())).state

    async with asyncio.timeout(20):
        while (state := await see()) == "applying":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert state == "applied"


# Names.


async def test_a_table_that_was_made_anew_is_another_one(
    database: Database, postgres: Postgres
) -> None:
    table = "CREATE TABLE twice AS SELECT generate_series(1, 3000) AS id"
    owner = "ALTER TABLE twice OWNER TO complyai_owner"
    await run(database.admin_dsn, table, owner, "DELETE FROM twice")
    try:
        found = (await postgres.bloat(RUN, LEAST)).tables
        change = next(one for one in found if one.table == "twice").vacuum("7F3K")
        await run(database.admin_dsn, "ALTER TABLE twice RENAME TO thrice")
        seen = await postgres._see_vacuum(change)
        assert (seen.state, seen.now) == ("drifted", "public.twice is called public.thrice now")
        with pytest.raises(Refused, match="called otherwise now"):
            await made(postgres._vacuum(change, "key"))
        await run(database.admin_dsn, "DROP TABLE thrice", table)
        assert (await postgres._see_vacuum(change)).now == "public.twice is gone"
    finally:
        await run(database.admin_dsn, "DROP TABLE IF EXISTS twice, thrice")


async def test_a_name_that_would_be_sql_is_a_name(database: Database, postgres: Postgres) -> None:
    evil = 'Ads"; DROP TABLE users; --'
    written = '"Ads""; DROP TABLE users; --"'
    await run(
        database.admin_dsn,
        f'CREATE TABLE {written} AS SELECT n AS "select" FROM generate_series(1, 3000) n',
        f"ALTER TABLE {written} OWNER TO complyai_owner",
        f"DELETE FROM {written}",
    )
    try:
        found = (await postgres.bloat(RUN, LEAST)).tables
        vacuum = next(one for one in found if one.table == evil).vacuum("7F3K")
        assert vacuum.command() == f"VACUUM (ANALYZE) public.{written};"
        await made(postgres._vacuum(vacuum, "key"))
        assert (await postgres._see_vacuum(vacuum)).state == "applied"
        create = CreateIndex(
            run="7F3K",
            database="complyai",
            schema_name="public",
            table=evil,
            oid=vacuum.oid,
            index=index_name(evil, ("select",), frozenset()),
            columns=("select",),
        )
        await made(postgres._create(create, "key"))
        assert (await postgres._see_create(create)).state == "applied"
        await made(postgres._drop(create.undo(), "key"))
        await run(database.admin_dsn, "SELECT FROM users LIMIT 1")
    finally:
        await run(database.admin_dsn, f"DROP TABLE {written}")


@pytest.mark.usefixtures("bloated")
async def test_nothing_is_run_but_what_the_server_itself_writes_for_what_was_approved(
    postgres: Postgres,
) -> None:
    change = (await planned(postgres)).model_copy(update={"table": "users"})
    with pytest.raises(Refused, match="What was approved is called otherwise now"):
        await made(postgres._vacuum(change, "key"))


async def test_names_are_quoted_as_the_server_does(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn)
    try:
        words = await connection.fetch(
            "SELECT word, quote_ident(word) AS q FROM pg_get_keywords()"
        )
        assert {one["word"] for one in words if one["q"] != one["word"]} == KEYWORDS
        tried: list[str] = []

        @settings(max_examples=200, database=None)
        @examples(strategies.text("aZ_09$ \"'.;\\é\n", min_size=1, max_size=8))
        def collect(name: str) -> None:
            tried.append(name)

        collect()
        said = await connection.fetch(
            "SELECT quote_ident(n) AS q FROM unnest($1::text[]) n", tried
        )
        assert [one["q"] for one in said] == [quoted(one) for one in tried]
    finally:
        await connection.close()


@pytest.mark.parametrize("table", ["a" * 63, "é" * 31])
async def test_an_index_is_called_like_nothing_else_and_not_too_long(table: str) -> None:
    first = index_name(table, ("action",), frozenset())
    second = index_name(table, ("action",), frozenset({first}))
    assert first != second and first.endswith("_idx") and second.endswith("_idx1")
    assert max(len(one.encode()) for one in (first, second)) <= LONGEST_BYTES


# What is missing.


async def test_a_large_table_that_is_read_from_end_to_end_is_found_with_its_columns(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as reader:
        looking = asyncio.create_task(
            postgres.indexes(RUN, 5000, timedelta(hours=1), timedelta(seconds=1.5))
        )
        for _ in range(6):
            await asyncio.sleep(0.25)
            await reader.fetch("SELECT count(*) FROM activity_events WHERE action = 'login'")
            await reader.execute("SELECT pg_stat_force_next_flush()")
        found = await looking
    (table,) = [one for one in found.scanned if one.table == "activity_events"]
    assert table.scans >= 2 and table.slow_queries == 0
    assert "read from end to end: public.activity_events" in found.says()
    columns = {one.columns for one in found.remedies}
    assert ("action",) in columns and ("created_at",) not in columns and ("id",) not in columns


async def test_a_table_that_a_slow_query_reads_is_named_with_the_columns_it_names(
    database: Database, postgres: Postgres
) -> None:
    async with client(database.dsn) as reader:
        sleeping = asyncio.ensure_future(
            reader.fetch("SELECT pg_sleep(600) FROM activity_events WHERE ip IS NULL LIMIT 1")
        )
        pid = reader.get_server_pid()
        await until(
            database.dsn, "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $1", pid
        )
        found = await postgres.indexes(RUN, 5000, NOW, NOW)
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await sleeping
    assert found.says() == (
        "Slow queries read public.activity_events (1): an index may be missing"
    )
    first = found.remedies[0].change("7F3K")
    assert first.command() == (
        "CREATE INDEX CONCURRENTLY activity_events_ip_idx ON public.activity_events"
        " USING btree (ip);"
    )
