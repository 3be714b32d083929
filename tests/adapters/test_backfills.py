"""Backfills on a real PostgreSQL: every row once, whoever dies, waits, or comes meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.postgres import Backfill, Postgres, RunBackfill, catalogue, filling, pace
from backfills import BACKFILLS
from bot.runbook import Progress
from bot.runbook.errors import BookError, Refused, Unreachable
from sandbox.postgres import Database
from sandbox.postgres.harm import Busy
from tests.adapters.harmed import RUN, client, made, run
from tests.credentials import given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

#: Each write of a row is counted. A name of blanks has no value.
TABLE = """
    DROP TABLE IF EXISTS "Fill me";
    CREATE TABLE "Fill me" (id bigint PRIMARY KEY, name text, search text, writes int DEFAULT 0);
    ALTER TABLE "Fill me" OWNER TO complyai_owner;
    CREATE OR REPLACE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.writes := OLD.writes + 1; RETURN NEW; END $$;
    CREATE TRIGGER count_write BEFORE UPDATE ON "Fill me"
        FOR EACH ROW EXECUTE FUNCTION count_write();
    DELETE FROM runbook_bot.backfills;
"""
HUNDRED = """
    INSERT INTO "Fill me" (id, name)
    SELECT i, CASE WHEN i % 10 = 0 THEN ' ' ELSE 'Ad ' || i END FROM generate_series(1, 100) i
"""
NAMES = Backfill(
    name="names",
    title="Names",
    table="Fill me",
    column="search",
    expression="nullif(lower(btrim(name)), '')",
    right="search = lower(btrim(name))",
    take_back="by hand",
)
STRANGE = (
    NAMES.model_copy(update={"name": "no-table", "table": "nowhere"}),
    NAMES.model_copy(update={"name": "no-column", "column": "nothing"}),
    NAMES.model_copy(update={"name": "no-key", "key": "name"}),
    NAMES.model_copy(update={"name": "no-sense", "expression": "sense(name)"}),
)
#: Of the rows with a value: how many were written once, and how many otherwise.
ONCE = """
    SELECT count(*) FILTER (WHERE writes = 1 AND search = lower(btrim(name))) AS once,
           count(*) FILTER (WHERE (writes = 1) IS DISTINCT FROM coalesce(btrim(name) <> '', false))
           AS otherwise
    FROM "Fill me"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with Database(organizations=4, with_replica=False) as found:
        yield found


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """It yields after each batch, and waits shortly for locks."""
    monkeypatch.setattr(filling, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(filling, "BATCH_WAITS", "50ms")
    monkeypatch.setattr(pace, "LONGEST_S", 0.1)


def postgres_of(database: Database, *backfills: Backfill, dsn: str = "") -> Postgres:
    writing = given(dsn or database.maintenance_dsn)
    return Postgres(None, None, 5.0, writing, catalogue(*(backfills or (NAMES,))))


async def planned(postgres: Postgres, batch: int = 10) -> RunBackfill:
    return (await postgres.estimate(RUN, "names", batch)).change("7F3K", batch, 0.0)


async def hundred(database: Database, batch: int = 10) -> tuple[Postgres, RunBackfill]:
    await run(database.admin_dsn, TABLE, HUNDRED)
    postgres = postgres_of(database)
    return postgres, await planned(postgres, batch)


async def once(database: Database) -> tuple[int, int]:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return tuple(await connection.fetchrow(ONCE))
    finally:
        await connection.close()


async def parts(applying: AsyncIterator[Progress], number: int) -> list[Progress]:
    """So many signs of life; then it is closed."""
    seen: list[Progress] = []
    async with aclosing(applying) as going:  # type: ignore[type-var]
        async for one in going:
            seen.append(one)
            if len(seen) == number:
                break
    return seen


async def test_each_row_gets_its_value_once_and_those_without_one_are_left_and_counted(
    database: Database,
) -> None:
    postgres, change = await hundred(database)
    estimate = await postgres.estimate(RUN, "names", 10)
    assert (estimate.rows_in_all, estimate.rows, estimate.without_value) == (100, 90, 10)
    assert (await postgres._see_backfill(change)).now == "0 of 90 rows are filled"
    await made(postgres._fill(change, "k"))
    seen = await postgres._see_backfill(change)
    assert (seen.state, seen.now) == ("applied", "90 rows were filled; ANALYZE is done")
    left = await postgres.left(RUN, "names")
    assert (left.rows, left.without_value, left.wrong, left.filled) == (0, 10, 0, 90)
    assert await once(database) == (90, 0)


async def test_how_far_it_is_and_how_long_it_takes_is_told(database: Database) -> None:
    postgres, change = await hundred(database)
    seen = await parts(postgres._fill(change, "k"), 5)
    assert [one.done for one in seen] == [0, 9, 18, 27, 36] and seen[-1].total == 90
    assert "/s" in seen[-1].note and "left" in seen[-1].note
    assert (await postgres._see_backfill(change)).now == "36 rows are filled, up to id 40"


async def test_closed_between_two_parts_it_goes_on_after_them(database: Database) -> None:
    postgres, change = await hundred(database)
    for _ in range(20):
        await parts(postgres._fill(change, "k"), 2)
        if (await postgres._see_backfill(change)).state == "applied":
            break
    await made(postgres._fill(change, "k"))
    assert await once(database) == (90, 0)


async def test_of_two_lives_the_later_goes_on_and_the_former_writes_nothing_more(
    database: Database,
) -> None:
    postgres, change = await hundred(database)
    former = postgres._fill(change, "k")
    await anext(former)
    await anext(former)
    await parts(postgres._fill(change, "k"), 2)
    with pytest.raises(Refused, match="somebody else, as whom this was begun anew"):
        await anext(former)
    await made(postgres._fill(change, "k"))
    assert await once(database) == (90, 0)


async def test_what_comes_in_meanwhile_is_filled_in_a_last_pass(database: Database) -> None:
    postgres, change = await hundred(database)
    notes = []
    async for one in postgres._fill(change, "k"):
        notes.append(one.note)
        if len(notes) == 3:
            more = (
                "INSERT INTO \"Fill me\" (id, name) SELECT i, 'B' FROM generate_series(101, 130) i"
            )
            await run(database.admin_dsn, more)
    assert any("last pass: what came meanwhile" in note for note in notes)
    assert await once(database) == (120, 0)


async def test_rows_that_others_hold_are_waited_for_and_then_filled(database: Database) -> None:
    postgres, change = await hundred(database)
    async with client(database.admin_dsn) as other:
        await other.execute("BEGIN; UPDATE \"Fill me\" SET name = 'held' WHERE id = 15")
        going = postgres._fill(change, "k")
        async for one in going:
            if "others hold rows" in one.note:
                await other.execute("ROLLBACK")
    assert await once(database) == (90, 0)


async def test_it_is_given_up_with_what_was_done_when_others_hold_them_too_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PATIENCE_S", 0.1)
    postgres, change = await hundred(database)
    async with client(database.admin_dsn) as other:
        await other.execute("BEGIN; UPDATE \"Fill me\" SET name = 'held' WHERE id = 15")
        with pytest.raises(Refused, match="9 of 90 rows are filled and stay so"):
            await made(postgres._fill(change, "k"))


async def test_while_others_are_busy_it_is_slow_and_says_so_and_then_quick_again(
    database: Database,
) -> None:
    postgres, change = await hundred(database)
    busy, notes = Busy(database), []
    async for one in postgres._fill(change, "k"):
        notes.append(one.note)
        if len(notes) == 2:
            await busy.start()
        if "20 sessions are at work" in one.note:
            await busy.stop()
    assert any("slowed down: 20 sessions are at work, 0 when" in note for note in notes)
    assert "slowed down" not in notes[-2]


async def test_a_session_that_is_cut_loses_nothing(database: Database) -> None:
    postgres, change = await hundred(database)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ 'rb/'"
    going = postgres._fill(change, "k")
    await anext(going)
    await anext(going)
    await run(database.admin_dsn, cut)
    with pytest.raises(Unreachable):
        await made(going)
    await made(postgres._fill(change, "k"))
    assert await once(database) == (90, 0)


async def test_a_commit_whose_answer_is_lost_is_not_done_again(database: Database) -> None:
    postgres, change = await hundred(database)
    going = postgres._fill(change, "k")
    await anext(going)
    database.lose_answer(b"COMMIT")
    with pytest.raises(Unreachable):
        await made(going)
    assert (await postgres._see_backfill(change)).now == "9 rows are filled, up to id 10"
    await made(postgres._fill(change, "k"))
    assert await once(database) == (90, 0)


async def test_a_role_that_may_not_is_refused_and_nothing_is_done(database: Database) -> None:
    _, change = await hundred(database)
    only_looks = postgres_of(database, dsn=database.dsn)
    with pytest.raises(Refused):
        await made(only_looks._fill(change, "k"))
    assert await once(database) == (0, 90)


async def test_where_analyze_is_passed_over_that_is_said(database: Database) -> None:
    postgres, change = await hundred(database)
    take = 'ALTER TABLE "Fill me" OWNER TO postgres; GRANT ALL ON "Fill me" TO complyai_owner'
    take += '; REVOKE MAINTAIN ON "Fill me" FROM complyai_owner'
    connection = await asyncpg.connect(database.admin_dsn)
    is_old = int(await connection.fetchval("SHOW server_version_num")) < 170000
    await connection.close()
    await run(database.admin_dsn, take.partition("; REVOKE")[0] if is_old else take)
    await made(postgres._fill(change, "k"))
    assert (await postgres._see_backfill(change)).now.endswith(
        "PostgreSQL passed over ANALYZE: no right"
    )


async def test_a_table_that_is_another_now_is_left_alone(database: Database) -> None:
    postgres, change = await hundred(database)
    await run(database.admin_dsn, 'ALTER TABLE "Fill me" RENAME TO "Old"')
    try:
        seen = await postgres._see_backfill(change)
        assert seen.state == "drifted" and 'is called public."Old" now' in seen.now
        with pytest.raises(Refused, match="called otherwise now"):
            await made(postgres._fill(change, "k"))
    finally:
        await run(database.admin_dsn, 'DROP TABLE "Old"')


async def test_what_was_begun_otherwise_is_not_gone_on_with(database: Database) -> None:
    postgres, change = await hundred(database)
    await parts(postgres._fill(change, "k"), 2)
    other = change.model_copy(update={"expression": "upper(name)"})
    assert (await postgres._see_backfill(other)).state == "drifted"
    with pytest.raises(Refused, match="begun with another statement"):
        await made(postgres._fill(other, "k"))


async def test_where_the_catalogue_does_not_fit_the_database_it_says_so(
    database: Database,
) -> None:
    await run(database.admin_dsn, TABLE)
    postgres = postgres_of(database, NAMES, *STRANGE)
    with pytest.raises(Refused) as refused:
        await postgres.check_backfills()
    for words in (
        "no-table does not fit this database: there is no table public.nowhere",
        'public."Fill me" has no column nothing',
        "its key name must be a whole number and is text",
        "no-sense",
    ):
        assert words in str(refused.value)
    with pytest.raises(Refused, match="no-table does not fit"):
        await postgres.estimate(RUN, "no-table", 10)
    with pytest.raises(Refused, match="There is no backfill elsewhere"):
        await postgres.estimate(RUN, "elsewhere", 10)


async def test_the_companys_own_catalogue_fits_its_database(database: Database) -> None:
    await postgres_of(database, *BACKFILLS.values()).check_backfills()


async def test_a_key_without_an_index_is_seen_in_the_plan(database: Database) -> None:
    await run(
        database.admin_dsn, TABLE, HUNDRED, 'ALTER TABLE "Fill me" DROP CONSTRAINT "Fill me_pkey"'
    )
    estimate = await postgres_of(database).estimate(RUN, "names", 10)
    assert not estimate.has_index and not estimate.is_found_by_index


@pytest.mark.parametrize("sql", ["1; DROP TABLE org_ads", "name -- ", "(name", "$1", "/* */ 1"])
async def test_what_is_more_than_an_expression_is_no_backfill(sql: str) -> None:
    fields = NAMES.model_dump()
    with pytest.raises(ValidationError):
        Backfill(**fields | {"expression": sql})


async def test_two_backfills_have_two_names() -> None:
    with pytest.raises(BookError, match="two backfills are called names"):
        catalogue(NAMES, NAMES)


@settings(
    max_examples=max(3, settings().max_examples // 20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@examples(data=st.data())
async def test_whoever_dies_wherever_every_row_is_written_once(
    database: Database, data: st.DataObject
) -> None:
    ids = data.draw(st.sets(st.integers(-(10**6), 10**9), max_size=40))
    names = data.draw(st.lists(st.sampled_from(["Ad", " ", None]), min_size=40, max_size=40))
    postgres, key, late = postgres_of(database), max(ids, default=0), 0
    await run(database.admin_dsn, TABLE)
    await _insert(database, list(zip(ids, names, strict=False)))
    change = await planned(postgres, data.draw(st.integers(1, 15)))
    for awaits in data.draw(st.lists(st.integers(0, 60), max_size=4)):
        if (await postgres._see_backfill(change)).state == "applied":
            break
        life = asyncio.create_task(made(postgres._fill(change, "k")))
        for _ in range(awaits):
            await asyncio.sleep(0.0005)
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life
        key, late = key + 1, late + 1
        await _insert(database, [(key, "late")])
    if (await postgres._see_backfill(change)).state != "applied":
        await made(postgres._fill(change, "k"))
    missed = (await once(database))[1]
    assert missed == (await postgres.left(RUN, "names")).rows, "a row was written twice"
    assert missed <= late, "a row was passed over that was there"


async def _insert(database: Database, rows: list[Any]) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.executemany('INSERT INTO "Fill me" (id, name) VALUES ($1, $2)', rows)
    await connection.close()
