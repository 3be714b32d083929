"""A store that cannot be used is told so in a sentence, at the start, and is left as it is."""

import os
import random
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store.store import Store, StoreAway
from bot.store.tables import starts
from bot.store.unusable import StoreUnusable, unusable
from sandbox.postgres import Database
from tests.store.empty import empty_store


async def refusal(url: str) -> str:
    with pytest.raises(StoreUnusable) as refused:
        await Store(url).open()
    return str(refused.value)


async def test_a_file_that_is_no_store_is_named_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "bot.db"
    file.write_bytes(random.Random(1).randbytes(20_000))
    before = file.read_bytes()
    assert "is damaged, or no SQLite file at all" in await refusal(f"sqlite:///{file}")
    assert file.read_bytes() == before


async def test_a_page_that_is_damaged_is_found_at_the_start(tmp_path: Path) -> None:
    url = empty_store(tmp_path)
    store = Store(url)
    await store.open()
    filled = [{"key": f"k{n}", "book": "x" * 500, "inputs": "{}", "dry": 0, "by": "U1",
               "team": "T1", "channel_name": "", "at": 0.0} for n in range(500)]  # fmt: skip
    await store.tx(lambda c: c.execute(sa.insert(starts), filled))
    await store.close()
    file = tmp_path / "bot.db"
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size - 3 * 4096)
        opened.write(os.urandom(4096))
    assert "is damaged" in await refusal(url)


async def test_a_folder_in_the_place_of_the_file_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "bot.db").mkdir()
    assert "cannot be written" in await refusal(f"sqlite:///{tmp_path}/bot.db")


async def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    said = await refusal("postgresql://bot:hunter22@127.0.0.1:9/runbook_bot")
    assert "bot:***@127.0.0.1:9" in said and "hunter22" not in said


def test_what_sqlite_says_of_a_disk_is_said_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with sqlite3.connect(file) as made:
        made.execute("create table t (x)")
    reader = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as readonly:
        reader.execute("insert into t values (1)")
    assert "must not be mounted read-only" in str(unusable(str(file), readonly.value))
    reader.close()
    small = sqlite3.connect(file)
    small.execute("pragma max_page_count=2")
    with pytest.raises(sqlite3.OperationalError) as full:
        small.execute("insert into t values (randomblob(100000))")
    assert "Make room" in str(unusable(str(file), full.value))
    small.close()


async def test_a_full_disk_refuses_what_is_new_and_loses_nothing(tmp_path: Path) -> None:
    store = Store(empty_store(tmp_path))
    await store.open()

    def write(c: sa.Connection, key: str) -> None:
        row = {"key": key, "book": "x" * 50_000, "inputs": "{}", "dry": 0, "by": "U1"}
        c.execute(sa.insert(starts).values(**row, team="T1", channel_name="", at=0.0))

    def kept(c: sa.Connection) -> list[str]:
        return list(c.execute(sa.select(starts.c.key).order_by(starts.c.key)).scalars())

    await store.tx(write, "before")
    pages = await store.read(lambda c: c.exec_driver_sql("pragma page_count").scalar_one())
    await store.tx(lambda c: c.exec_driver_sql(f"pragma max_page_count={pages}").scalar_one())
    with pytest.raises(sa.exc.OperationalError, match="disk is full"):
        await store.tx(write, "while it is full")
    assert await store.read(kept) == ["before"]
    await store.tx(lambda c: c.exec_driver_sql("pragma max_page_count=1000000").scalar_one())
    await store.tx(write, "when there is room again")
    assert await store.read(kept) == ["before", "when there is room again"]
    await store.close()


@pytest.mark.slow
async def test_a_database_that_goes_away_is_told_from_a_mistake() -> None:
    async with Database(organizations=0, with_replica=False) as database:
        store = Store(database.admin_dsn)
        await store.open()
        with pytest.raises(sa.exc.DBAPIError):
            await store.read(lambda c: c.exec_driver_sql("select no_such_column"))
        await database.stop_writer()
        with pytest.raises(StoreAway):
            await store.read(lambda c: c.exec_driver_sql("select 1"))
        await database.start_writer()
        assert await store.read(lambda c: c.exec_driver_sql("select 1").scalar_one()) == 1
        await store.close()
