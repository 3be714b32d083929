"""On several replicas: of a freeze and an intent, whichever is committed first is seen."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.access.acts import Frozen
from bot.access.member import Member
from bot.engine.freezes import end, switch, throw
from bot.store.store import Store
from tests.engine.approval_sites import postgres

pytestmark = pytest.mark.slow

LENA = Member("U0LENA", "lena", frozenset({"operator"}))
WAITING = sa.text(
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname ="
    " current_database()"
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as server:
        yield server.new_url()


@pytest.fixture
async def replicas(url: str) -> AsyncIterator[AsyncEngine]:
    store = Store(url)
    await store.open()
    await store.tx(end)
    await store.close()
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"))
    yield engine
    await engine.dispose()


async def somebody_waits(engine: AsyncEngine) -> None:
    async with asyncio.timeout(60), engine.connect() as looking:
        while not (await looking.execute(WAITING)).scalar_one():
            await looking.rollback()


async def freeze(connection: AsyncConnection) -> None:
    await connection.run_sync(lambda c: switch(c, "alone"))
    await connection.run_sync(lambda c: throw(c, 1000.0, LENA, "odd"))


async def frozen(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await freeze(connection)


async def intended(engine: AsyncEngine) -> Frozen | None:
    async with engine.begin() as connection:
        return await connection.run_sync(lambda c: switch(c, "shared"))


async def test_an_intent_that_is_being_written_when_changes_are_stopped_is_committed_first(
    replicas: AsyncEngine,
) -> None:
    async with replicas.begin() as intent:
        assert await intent.run_sync(lambda c: switch(c, "shared")) is None
        freezing = asyncio.create_task(frozen(replicas))
        await somebody_waits(replicas)
        assert not freezing.done(), "nobody is told that changes are stopped before it is so"
    await freezing
    assert await intended(replicas)


async def test_an_intent_waits_for_a_freeze_that_is_being_written_and_sees_it(
    replicas: AsyncEngine,
) -> None:
    async with replicas.begin() as freezing:
        await freeze(freezing)
        intent = asyncio.create_task(intended(replicas))
        await somebody_waits(replicas)
        assert not intent.done()
    assert await intent


async def test_two_intents_do_not_wait_for_each_other(replicas: AsyncEngine) -> None:
    async with replicas.begin() as first:
        assert await first.run_sync(lambda c: switch(c, "shared")) is None
        assert await intended(replicas) is None
