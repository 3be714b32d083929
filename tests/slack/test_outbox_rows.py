"""The outbox as rows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import outbox as rows
from bot.store.deliveries import Delivery, Priority, message
from bot.store.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/bot.db")
    await store.open()
    yield store
    await store.close()


async def put(store: Store, *deliveries: Delivery) -> None:
    await store.tx(rows.put, "R", deliveries, now=lambda: 1000.0)


async def open_ids(store: Store) -> list[str]:
    return [row.id for row in (await store.read(rows.board)).rows]


async def send(store: Store, row_id: str, owner: str = "me") -> bool:
    await store.tx(rows.lead, owner, 1000.0, 30.0, True)
    return await store.tx(rows.take, row_id, owner, 1000.0, 1010.0) is not None


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
    (row,) = (await store.read(rows.board)).rows
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
    assert await store.tx(rows.lead, "other", 1000.0, 30.0, False)
    assert not await store.tx(rows.lead, "me", 1010.0, 30.0, False)
    assert await store.tx(rows.take, "R/a#1", "me", 1010.0, 1020.0) is None


async def test_another_leads_once_the_lease_is_over(store: Store) -> None:
    await store.tx(rows.lead, "other", 1000.0, 30.0, False)
    assert await store.tx(rows.lead, "me", 1031.0, 30.0, False)


async def test_only_the_last_revision_of_a_sent_message_is_kept(store: Store) -> None:
    for text in ("1", "2", "3"):
        await put(store, message("R/a", text))
        ((row_id,)) = await open_ids(store)
        await send(store, row_id)
        await store.tx(rows.mark_sent, row_id, 1000.0, rows.Sent("C1", "1.1", None, 1000.0))
    assert await store.read(rows.states, ["R/a", "R/never"]) == {"R/a": "sent"}
    assert await open_ids(store) == []


async def test_a_file_is_uploaded_once_whatever_is_put_again(store: Store) -> None:
    await put(store, Delivery("R/f", "file", {"content": "MQ=="}))
    await send(store, "R/f#1")
    await put(store, Delivery("R/f", "file", {"content": "Mg=="}))
    assert await open_ids(store) == ["R/f#1"]


async def test_what_is_dead_can_be_tried_again_with_something_new(store: Store) -> None:
    await put(store, message("R/a", "1"))
    await store.tx(rows.mark_dead, "R/a#1", "no_text")
    assert await store.read(rows.dead) == [("R/a#1", "no_text")]
    await put(store, message("R/a", "2"))
    assert await open_ids(store) == ["R/a#2"]


async def test_what_is_sent_cannot_become_unsent(store: Store) -> None:
    await put(store, message("R/a", "1"))
    await send(store, "R/a#1")
    await store.tx(rows.mark_sent, "R/a#1", 1000.0)
    await store.tx(rows.mark_pending, "R/a#1")
    assert await store.read(rows.states, ["R/a"]) == {"R/a": "sent"}
