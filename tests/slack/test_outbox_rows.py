"""The outbox as rows, on both kinds of store."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.store import delivering, outbox, outbox_tables
from bot.store.deliveries import Delivery, Priority, message
from bot.store.migrate import MIGRATIONS
from bot.store.store import Store
from bot.store.tables import metadata
from tests.engine.approval_sites import postgres
from tests.store.databases import DATABASES

SCRIPTS = ScriptDirectory(str(MIGRATIONS))


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres() as server:
        yield server.new_url()


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/bot.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = Store(url)
    await store.open()
    yield store
    await store.tx(_empty)
    await store.close()


def _empty(c: sa.Connection) -> None:
    for table in (outbox_tables.outbox, outbox_tables.messages, outbox_tables.outbox_lease):
        c.execute(sa.delete(table))


async def put(store: Store, *deliveries: Delivery) -> None:
    await store.tx(outbox.put, "R", deliveries, now=lambda: 1000.0)


async def open_ids(store: Store) -> list[str]:
    return [row.id for row in (await store.read(delivering.board)).rows]


async def send(store: Store, row_id: str, owner: str = "me") -> bool:
    await store.tx(delivering.lead, owner, 1030.0, None, True)
    return await store.tx(delivering.take, row_id, owner, 1000.0) is not None


async def test_an_unsent_revision_is_replaced_and_keeps_its_place(store: Store) -> None:
    await put(store, message("R/a", "1"), message("R/b", "1"))
    await put(store, message("R/a", "2"))
    assert await open_ids(store) == ["R/a#2", "R/b#1"]


async def test_what_is_being_sent_is_not_replaced(store: Store) -> None:
    await put(store, message("R/a", "1"))
    assert await send(store, "R/a#1")
    await put(store, message("R/a", "2"))
    assert await open_ids(store) == ["R/a#1", "R/a#2"]


async def test_a_replacement_is_as_urgent_as_the_more_urgent_of_the_two(store: Store) -> None:
    await put(store, message("R/a", "1", priority=Priority.FINAL))
    await put(store, message("R/a", "2", priority=Priority.EDIT))
    (row,) = (await store.read(delivering.board)).rows
    assert row.priority == Priority.FINAL


async def test_a_row_that_was_replaced_meanwhile_is_not_sent(store: Store) -> None:
    await put(store, message("R/a", "1"))
    await put(store, message("R/a", "2"))
    assert not await send(store, "R/a#1")


async def test_a_row_is_sent_by_one_only(store: Store) -> None:
    await put(store, message("R/a", "1"))
    assert await send(store, "R/a#1")
    assert not await send(store, "R/a#1")


async def test_whoever_does_not_lead_sends_nothing(store: Store) -> None:
    await put(store, message("R/a", "1"))
    held = await store.tx(delivering.lead, "other", 1030.0, None, False)
    assert await store.tx(delivering.lead, "me", 1040.0, None, False) == held
    assert await store.tx(delivering.take, "R/a#1", "me", 1010.0) is None


async def test_a_lease_that_ran_out_is_taken_unless_it_was_renewed_meanwhile(store: Store) -> None:
    seen = await store.tx(delivering.lead, "other", 1030.0, None, False)
    renewed = await store.tx(delivering.lead, "other", 1040.0, None, False)
    assert await store.tx(delivering.lead, "me", 1060.0, seen, False) == renewed
    assert (await store.tx(delivering.lead, "me", 1060.0, renewed, False)).owner == "me"


async def test_a_lease_that_was_given_back_is_free(store: Store) -> None:
    await store.tx(delivering.lead, "other", 1030.0, None, False)
    await store.tx(delivering.resign, "me")
    assert (await store.tx(delivering.lead, "me", 1031.0, None, False)).owner == "other"
    await store.tx(delivering.resign, "other")
    assert (await store.tx(delivering.lead, "me", 1032.0, None, False)).owner == "me"


async def test_only_the_last_revision_of_a_sent_message_is_kept(store: Store) -> None:
    for text in ("1", "2", "3"):
        await put(store, message("R/a", text))
        (row_id,) = await open_ids(store)
        await send(store, row_id)
        await store.tx(
            delivering.mark_sent, row_id, 1000.0, delivering.Sent("C1", "1.1", None, 1000.0)
        )
    assert await store.read(outbox.states, ["R/a", "R/never"]) == {"R/a": "sent"}
    assert await open_ids(store) == []


async def test_a_file_is_uploaded_once_whatever_is_put_again(store: Store) -> None:
    await put(store, Delivery("R/f", "file", {"content": "MQ=="}))
    await send(store, "R/f#1")
    await put(store, Delivery("R/f", "file", {"content": "Mg=="}))
    assert await open_ids(store) == ["R/f#1"]


async def test_what_is_dead_can_be_tried_again_with_something_new(store: Store) -> None:
    await put(store, message("R/a", "1"))
    await store.tx(delivering.mark_dead, "R/a#1", "no_text")
    assert await store.read(outbox.dead) == [("R/a#1", "no_text")]
    await put(store, message("R/a", "2"))
    assert await open_ids(store) == ["R/a#2"]


async def test_what_is_sent_cannot_become_unsent(store: Store) -> None:
    await put(store, message("R/a", "1"))
    await send(store, "R/a#1")
    await store.tx(delivering.mark_sent, "R/a#1", 1000.0)
    await store.tx(delivering.mark_pending, "R/a#1")
    assert await store.read(outbox.states, ["R/a"]) == {"R/a": "sent"}


async def test_the_migrations_make_the_tables_that_the_code_expects(store: Store) -> None:
    def differences(c: sa.Connection) -> list[object]:
        found = compare_metadata(MigrationContext.configure(c), metadata)
        ours = ("outbox", "messages", "rooms", "outbox_lease")
        return [one for one in found if any(name in str(one) for name in ours)]

    assert await store.read(differences) == []


async def test_what_an_older_version_left_is_delivered(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    before = next(one for one in SCRIPTS.walk_revisions() if "no_sure_at" in one.path)
    left = """
        insert into outbox (id, name, revision, run, place, kind, payload, hash, priority, state,
            attempts, created_at, sure_at, tried)
        values ('R/a#1', 'R/a', 1, 'R', 'run', 'message', '{"text": "1", "blocks": []}', '', 2,
            'unknown', 1, 1000.0, 5e9, '')
    """
    with sa.create_engine(url).begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, str(before.down_revision))
        connection.execute(sa.text(left))
    store = Store(url)
    await store.open()
    (row,) = (await store.read(delivering.board)).rows
    assert (row.id, row.state) == ("R/a#1", "unknown")
    await store.close()


async def test_two_writers_at_once_leave_one_row_to_send(store: Store) -> None:
    """One replica puts a newer revision while the other takes the older one."""
    await put(store, message("R/a", "1"))
    await store.tx(delivering.lead, "me", 1030.0, None, True)
    taken, _ = await asyncio.gather(
        store.tx(delivering.take, "R/a#1", "me", 1000.0), put(store, message("R/a", "2"))
    )
    expected = ["R/a#1", "R/a#2"] if taken else ["R/a#2"]
    assert await open_ids(store) == expected
