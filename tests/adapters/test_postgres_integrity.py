"""What a database holds, read from a real PostgreSQL that is damaged, and from its restore."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres import Comparison, Contents, Postgres
from bot.engine.rehearsal import RUN
from sandbox.postgres import Database
from sandbox.postgres.losses import CORRUPTED, EMPTIED, Corrupted, Deleted
from sandbox.postgres.server import HOST, Server
from tests.credentials import given

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

NOTE = "INSERT INTO notifications (user_id, type, message) VALUES (1, 'test', $1)"
NOTED = "SELECT message FROM notifications WHERE type = 'test' ORDER BY message"
TABLE, ORGANIZATIONS = f"public.{EMPTIED}", f"public.{CORRUPTED}"
LIMITS = (timedelta(seconds=20), timedelta(seconds=60))


@dataclass(frozen=True)
class Night:
    """The database as it is left, and as it was in between two notes."""

    database: Database
    restored: Server
    before: Contents

    async def contents(self, restored: bool = False, **limits: timedelta) -> Contents:
        place = (HOST, self.restored.port) if restored else None
        per_table, in_all = LIMITS
        told = {"per_table": per_table, "in_all": in_all} | limits
        return await postgres(self.database).contents(RUN, **told, address=place)

    async def notes(self) -> list[Any]:
        connection = await asyncpg.connect(
            self.database.dsn.replace(str(self.database._write.port), str(self.restored.port))
        )
        try:
            return [row["message"] for row in await connection.fetch(NOTED)]
        finally:
            await connection.close()


def postgres(database: Database) -> Postgres:
    return Postgres(given(database.dsn))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night() -> AsyncIterator[Night]:
    async with Database(organizations=5) as database:
        before = await postgres(database).contents(RUN, *LIMITS)
        await database.archive()
        connection = await asyncpg.connect(database.dsn)
        await connection.execute(NOTE, "kept")
        at = datetime.now(UTC)
        await asyncio.sleep(0.01)  # A transaction of the same microsecond would be either's.
        await connection.execute(NOTE, "lost")
        await connection.close()
        corrupted = Corrupted(database)
        await corrupted.start()
        yield Night(database, await database.restore(at), before)
        await corrupted.stop()


async def test_a_moment_is_restored_to_what_was_written_until_then_and_no_further(
    night: Night,
) -> None:
    assert await night.notes() == ["kept"]
    after = (await night.contents(restored=True)).by_name
    assert after[TABLE].rows == (night.before.by_name[TABLE].rows or 0) + 1


async def test_damaged_pages_are_read_and_said_and_the_restored_ones_are_whole(
    night: Night,
) -> None:
    live, made = await night.contents(), await night.contents(restored=True)
    (bad,) = live.damaged
    assert bad.name == ORGANIZATIONS and "invalid page in block 0" in bad.error
    assert live.checksum_failures is not None
    assert not made.damaged and not made.unread and made.checksum_failures == 0
    assert made.by_name[ORGANIZATIONS].rows == 5
    table = Comparison(restored=made, live=live).table()
    (row,) = [one for one in table.rows if one[0] == ORGANIZATIONS]
    assert row[1] == 5 and "invalid page" in str(row[2])


async def test_what_there_was_no_time_for_is_not_said_to_be_whole(night: Night) -> None:
    found = await night.contents(restored=True, in_all=timedelta())
    assert len(found.unread) == len(found.tables) > 10
    assert found.unread[0].error == "no time was left to read it"


async def test_a_database_that_does_not_answer_is_a_fact_without_its_password(
    night: Night,
) -> None:
    found = await postgres(night.database).contents(RUN, *LIMITS, address=(HOST, 9))
    assert "connection" in found.error and night.database._accounts.password not in found.error


async def test_rows_that_were_deleted_are_there_again_when_it_is_taken_back(
    night: Night,
) -> None:
    count, database = f"SELECT count(*) FROM {EMPTIED}", night.database
    connection = await asyncpg.connect(database.dsn)
    before = await connection.fetchval(count)
    deleted = Deleted(database)
    await deleted.start()
    assert await connection.fetchval(count) == 0 and not deleted.is_over
    await deleted.stop()
    assert await connection.fetchval(count) == before > 0
    await connection.close()
