"""A database that hangs is away, and a replica that stops holds up no other for long."""

import asyncio
import threading
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa

from bot.store import postgres
from bot.store.store import Store, StoreAway
from sandbox.postgres import Database
from sandbox.postgres.endpoint import Endpoint

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

HANGS_S = 600.0  #: Longer than any test.
OTHERS_END = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Database]:
    async with Database(organizations=0, with_replica=False) as running:
        yield running


def one(c: sa.Connection) -> int:
    return int(c.exec_driver_sql("select 1").scalar_one())


def backend(c: sa.Connection) -> int:
    return int(c.exec_driver_sql("select pg_backend_pid()").scalar_one())


def lock(c: sa.Connection) -> None:
    c.exec_driver_sql("select * from audit_head for update")


async def test_a_database_that_hangs_is_given_up_in_time_and_used_again_once_it_answers(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ANSWERS_WITHIN_S", 1.0)
    way = Endpoint()
    await way.start(server.writer.port)
    store = Store(sa.make_url(server.admin_dsn).set(port=way.port).render_as_string(False))
    await store.open()
    way.slow_s = HANGS_S
    with pytest.raises(StoreAway, match="no answer in time"):
        await store.tx(one)
    with pytest.raises(StoreAway, match="no answer in time"):
        await store.read(one)
    way.slow_s = 0.0
    with pytest.raises(StoreAway, match="no answer in time"):
        await store.read(lambda c: setattr(way, "slow_s", HANGS_S) if one(c) else None)
    way.slow_s = 0.0
    assert await store.tx(one) == await store.read(one) == 1
    await store.close()
    await way.stop()


async def test_whoever_gives_up_waiting_does_not_wait_for_a_connection_that_hangs(
    server: Database,
) -> None:
    way = Endpoint()
    await way.start(server.writer.port)
    store = Store(sa.make_url(server.admin_dsn).set(port=way.port).render_as_string(False))
    await store.open()
    way.slow_s = HANGS_S
    asking = asyncio.create_task(store.tx(one))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking}, timeout=1.0)  # SQLAlchemy's goodbye takes 2 s
    assert asking.cancelled()
    await store.close()
    await way.stop()


async def test_other_replicas_are_heard_again_after_the_way_to_them_hung(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ANSWERS_WITHIN_S", 0.3)
    monkeypatch.setattr(postgres, "HEARD_EVERY_S", 0.1)
    way = Endpoint()
    await way.start(server.writer.port)
    store = Store(sa.make_url(server.admin_dsn).set(port=way.port).render_as_string(False))
    await store.open()
    listening = asyncio.create_task(store.listen(lambda _: None))
    done, _ = await asyncio.wait({listening}, timeout=1.0)
    assert not done
    way.slow_s = HANGS_S
    with pytest.raises(OSError):
        await listening
    await store.close()
    await way.stop()


async def test_a_connection_that_ended_while_nobody_used_it_is_a_database_that_is_away(
    server: Database,
) -> None:
    store = Store(server.admin_dsn)
    await store.open()
    admin = await asyncpg.connect(server.admin_dsn)
    await admin.execute(OTHERS_END)
    await admin.close()
    with pytest.raises(OSError, match="other replicas"):
        await store.listen(lambda _: None)
    await store.close()


async def test_a_driver_that_has_lost_count_is_no_answer_and_its_connection_is_forgotten(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(server.admin_dsn)
    await store.open()
    before = await store.read(backend)

    async def confused(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("another operation (2) is in progress")

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "prepare", confused)
        with pytest.raises(StoreAway, match="in progress"):
            await store.tx(one)
    assert await store.tx(one) == 1
    assert await store.read(backend) != before
    await store.close()


async def test_a_replica_that_stops_within_a_transaction_does_not_keep_its_locks(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "IDLE_AT_MOST_S", 1)
    store = Store(server.admin_dsn)
    await store.open()
    stopped, goes_on = threading.Event(), threading.Event()

    def stop(c: sa.Connection) -> None:
        lock(c)
        stopped.set()
        goes_on.wait(60)

    async def frozen() -> None:
        other = Store(server.admin_dsn)
        await other.open()
        with pytest.raises(StoreAway):
            await other.tx(stop)
        await other.close()

    freezing = asyncio.create_task(asyncio.to_thread(asyncio.run, frozen()))
    await asyncio.to_thread(stopped.wait)
    await store.tx(lock)
    goes_on.set()
    await freezing
    await store.close()
