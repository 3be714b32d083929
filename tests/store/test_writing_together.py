"""Transactions that wait together are committed together, and each stands or falls alone."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store import store as writing
from bot.store.store import Store

NOTES = sa.table("notes", sa.column("text"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
async def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(writing, "BUSY_TIMEOUT_S", 0)
    opened = Store(f"sqlite:///{path}")
    await opened.open()
    await opened.tx(lambda c: c.execute(sa.text("create table notes (text text unique)")))
    yield opened
    await opened.close()


def note(text: str) -> Callable[[sa.Connection], str]:
    def write(c: sa.Connection) -> str:
        c.execute(sa.insert(NOTES).values(text=text))
        return text

    return write


def on_disk(path: Path) -> list[str]:
    """As another process sees it."""
    with sqlite3.connect(path) as connection:
        return [text for (text,) in connection.execute("select text from notes order by rowid")]


async def at_once(store: Store, *texts: str) -> list[str | BaseException]:
    return await asyncio.gather(*(store.tx(note(t)) for t in texts), return_exceptions=True)


async def test_each_gets_its_own_answer_and_their_order_is_kept(store: Store, path: Path) -> None:
    texts = [f"note {n}" for n in range(50)]
    assert await at_once(store, *texts) == texts
    assert on_disk(path) == texts


async def test_when_there_is_no_time_to_wait_for_others_each_is_written_alone(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "TOGETHER_S", -1.0)
    texts = [f"note {n}" for n in range(20)]
    assert await at_once(store, *texts) == texts
    assert on_disk(path) == texts


async def test_what_was_answered_is_on_disk(store: Store, path: Path) -> None:
    async def write(text: str) -> None:
        await store.tx(note(text))
        assert text in on_disk(path)

    await asyncio.gather(*(write(f"note {n}") for n in range(20)))


async def test_one_that_fails_takes_nobody_with_it_and_leaves_nothing(
    store: Store, path: Path
) -> None:
    def half(c: sa.Connection) -> None:
        c.execute(sa.insert(NOTES).values(text="half"))
        raise LookupError("not there")

    asked = (store.tx(note("before")), store.tx(half), store.tx(note("after")))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in answers] == [str, LookupError, str]
    assert on_disk(path) == ["before", "after"]


async def test_when_the_disk_is_full_nobody_is_told_that_it_was_written(
    store: Store, path: Path
) -> None:
    def fill_up(c: sa.Connection) -> None:
        c.execute(sa.text("pragma max_page_count = 1"))
        c.execute(sa.insert(NOTES).values(text="x" * 10_000_000))

    answers = await asyncio.gather(
        store.tx(note("before")),
        store.tx(fill_up),
        store.tx(note("after")),
        return_exceptions=True,
    )
    written = [one for one in answers if isinstance(one, str)]
    assert on_disk(path) == written
    assert isinstance(answers[1], sa.exc.OperationalError)


async def test_when_the_file_is_held_by_somebody_else_everybody_is_told(
    store: Store, path: Path
) -> None:
    with sqlite3.connect(path, isolation_level=None) as somebody:
        somebody.execute("begin immediate")
        answers = await at_once(store, "one", "two", "three")
        somebody.execute("rollback")
    assert [type(one) for one in answers] == [sa.exc.OperationalError] * 3
    assert await at_once(store, "four") == ["four"]
    assert on_disk(path) == ["four"]


async def test_what_somebody_waits_for_goes_first(store: Store, path: Path) -> None:
    busy, written = asyncio.Event(), asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def slow(c: sa.Connection) -> None:
        loop.call_soon_threadsafe(busy.set)
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(written, 60), loop).result()

    holding = asyncio.create_task(store.tx(slow))
    await busy.wait()
    waiting = [asyncio.create_task(store.tx(note(text))) for text in ("one", "two")]
    urgent = asyncio.create_task(store.tx_first(note("urgent")))
    await asyncio.sleep(0)
    written.set_result(None)
    await asyncio.gather(holding, *waiting, urgent)
    assert on_disk(path) == ["urgent", "one", "two"]


async def test_one_that_is_given_up_before_its_turn_is_not_written(
    store: Store, path: Path
) -> None:
    busy, free = asyncio.Event(), asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def slow(c: sa.Connection) -> None:
        loop.call_soon_threadsafe(busy.set)
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(free, 60), loop).result()

    holding = asyncio.create_task(store.tx(slow))
    await busy.wait()
    given_up = asyncio.create_task(store.tx(note("given up")))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    free.set_result(None)
    await holding
    await store.tx(note("after"))
    assert on_disk(path) == ["after"]
