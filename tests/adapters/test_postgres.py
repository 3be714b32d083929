"""The database as applications ask for it: a real PostgreSQL with a replica, well and ill."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres import CATCH_UP, Postgres
from bot.runbook.errors import Refused
from sandbox.postgres import Database
from tests.adapters.databases import LIMIT_S, look, parts_of, peer, silent_from

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    """A writer and its replica. Whoever makes them ill makes them well again."""
    async with Database(organizations=0) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def lonely() -> AsyncIterator[Database]:
    """A writer of the test's own, without a replica: it may do with it what it likes."""
    async with Database(organizations=0, with_replica=False) as made:
        yield made


async def run(dsn: str, query: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(query)
    finally:
        await connection.close()


async def test_a_database_that_is_well_says_how_well(database: Database) -> None:
    found = await look(database.dsn, database.replica_dsn)
    assert found.answered_in is not None and found.answered_in < timedelta(seconds=5)
    assert (found.error, found.cause, found.in_recovery) == ("", "", False)
    assert found.max_connections == 100 and 0 < found.share_of_connections < 0.9
    assert found.replica_lag is not None and found.replica_lag < CATCH_UP
    assert found.says().startswith("SELECT 1 answered in ")


async def test_without_a_database_in_the_settings_none_was_looked_at() -> None:
    with pytest.raises(Refused, match=r"none was looked at. Set postgres\.dsn"):
        await Postgres(None).connectivity()


async def test_a_reader_where_the_writer_should_be_is_in_recovery(database: Database) -> None:
    found = await look(database.replica_dsn, database.replica_dsn)
    assert found.in_recovery is True and "in recovery, takes no writes" in found.says()
    assert found.replica_error == "the primary is in recovery itself"


async def test_a_writer_where_the_replica_should_be_is_no_replica(database: Database) -> None:
    found = await look(database.dsn, database.dsn)
    assert found.replica_error == "it is no replica: it takes writes of its own"
    assert found.replica_lag is None


async def test_a_replica_that_does_not_show_what_was_written_lags(database: Database) -> None:
    await run(database.admin_dsn, "CREATE TABLE written (at timestamptz)")
    shown = await look(database.dsn, database.replica_dsn)
    await database.pause_replay()
    try:
        await run(database.admin_dsn, "INSERT INTO written VALUES (now())")
        found = await look(database.dsn, database.replica_dsn)
    finally:
        await database.resume_replay()
    assert shown.replica_lag is not None and shown.replica_lag < CATCH_UP
    assert found.replica_lag is not None and found.replica_lag > CATCH_UP
    assert found.answered_in is not None and " behind" in found.says()
    caught_up = await look(database.dsn, database.replica_dsn)
    assert caught_up.replica_lag is not None and caught_up.replica_lag < CATCH_UP


async def test_a_replica_to_which_nobody_wrote_is_not_behind(database: Database) -> None:
    await look(database.dsn, database.replica_dsn)
    await database.pause_replay()
    try:
        found = await look(database.dsn, database.replica_dsn)
    finally:
        await database.resume_replay()
    assert found.replica_lag is not None and found.replica_lag < CATCH_UP


async def test_a_replica_that_is_down_leaves_the_writer_well(database: Database) -> None:
    *_, place = parts_of(database.replica_dsn)
    found = await look(database.dsn, database.replica_dsn.replace(place, "127.0.0.1:1"))
    assert (found.error, found.in_recovery, found.replica_lag) == ("", False, None)
    assert found.replica_error == "it refused the connection: nothing listens"


async def test_a_writer_that_is_down_refuses(lonely: Database) -> None:
    await lonely.stop_writer()
    found = await look(lonely.dsn)
    assert (found.cause, found.error) == ("refused", "refused the connection: nothing listens")
    assert (found.answered_in, found.in_recovery) == (None, None)


async def test_connections_are_counted_down_to_the_last_one(lonely: Database) -> None:
    held = await lonely.exhaust_connections()
    full = await look(lonely.dsn)
    assert full.cause == "too many connections"
    assert full.error == "has no connection left for another client"
    for _ in range(2):
        await lonely._held.pop().close()
    found = await look(lonely.dsn)
    assert found.connections is not None and found.connections >= held - 2
    assert f"{found.connections} of 100 connections" in found.says()


@pytest.mark.parametrize("login", ["//complyai:not-", "//nobody:"])
async def test_a_login_that_is_not_accepted_is_told_as_that(
    database: Database, login: str
) -> None:
    found = await look(database.dsn.replace("//complyai:", login))
    assert found.cause == "authentication"
    assert found.error == "does not accept our user or password"


async def test_a_database_that_is_not_there_is_told_as_that(database: Database) -> None:
    found = await look(f"{database.dsn.rpartition('/')[0]}/elsewhere")
    assert (found.cause, found.error) == ("other", "has no database of that name")


async def test_a_slow_database_is_slow_and_not_silent(database: Database) -> None:
    database.slow_down(0.1)
    try:
        found = await look(database.dsn)
    finally:
        database.slow_down(0.0)
    assert found.answered_in is not None and found.answered_in > timedelta(seconds=0.4)
    assert (found.error, found.in_recovery) == ("", False)


async def test_a_database_too_slow_for_the_limit_is_one_that_did_not_answer(
    database: Database,
) -> None:
    database.slow_down(2 * LIMIT_S)
    try:
        found = await look(database.dsn, database.replica_dsn, LIMIT_S)
    finally:
        database.slow_down(0.0)
    assert (found.cause, found.error) == ("timed out", "did not answer within 0.8 s")


async def test_a_server_that_is_frozen_did_not_answer(database: Database) -> None:
    database.pause_writer()
    try:
        found = await look(database.dsn, timeout_s=LIMIT_S)
    finally:
        database.resume_writer()
    assert (found.answered_in, found.cause) == (None, "timed out")


@pytest.mark.parametrize("word", [b"BEGIN", b"pg_is_in_recovery", b"COMMIT"])
async def test_a_server_that_falls_silent_in_the_middle_keeps_nobody_past_the_limit(
    database: Database, word: bytes
) -> None:
    *_, place = parts_of(database.dsn)
    async with peer(silent_from(word, database.writer.port)) as dsn:
        *_, between = parts_of(dsn)
        found = await look(database.dsn.replace(place, between), timeout_s=LIMIT_S)
    assert found.answered_in is not None and found.in_recovery is None
    assert found.says().endswith("and then no more: did not answer within 0.8 s")


async def test_a_replica_that_falls_silent_leaves_the_writer_well(database: Database) -> None:
    *_, place = parts_of(database.replica_dsn)
    async with peer(silent_from(b"has_all", database.replica.port)) as dsn:
        *_, between = parts_of(dsn)
        found = await look(
            database.dsn, database.replica_dsn.replace(place, between), timeout_s=LIMIT_S
        )
    assert (found.error, found.in_recovery) == ("", False)
    assert found.replica_error == "it did not answer within 0.8 s"
