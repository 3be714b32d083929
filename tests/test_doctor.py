"""`doctor` says what is wrong, also beside a bot that runs."""

import asyncio
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import undelivered
from bot.runbook.errors import Refused, Unreachable
from bot.store import outbox
from bot.store.deliveries import message
from bot.store.delivering import mark_dead
from bot.store.store import Store

DAY_S = 86_400.0


@pytest.fixture
def url(tmp_path: Path) -> sa.URL:
    return sa.make_url(f"sqlite:///{tmp_path}/a place%20with #/bot.db")


async def give_up(store: Store, name: str, age_s: float = 0.0) -> None:
    then = time.time() - age_s
    await store.tx(outbox.put, "7F3K", [message(name, "text")], now=lambda: then)
    await store.tx(mark_dead, f"{name}#1", "Slack refused chat.postMessage: no_text")


def test_a_bot_that_was_never_started_has_lost_nothing(url: sa.URL, tmp_path: Path) -> None:
    asyncio.run(undelivered(url))
    assert list(tmp_path.iterdir()) == []


async def test_what_was_given_up_since_yesterday_is_said_while_the_bot_runs(url: sa.URL) -> None:
    store = Store(str(url))
    await store.open()
    await undelivered(url)
    await give_up(store, "7F3K/old", age_s=DAY_S + 60)
    await give_up(store, "7F3K/step/1")
    with pytest.raises(Refused, match=r"1 could not .* 7F3K/step/1#1: .* no_text"):
        await undelivered(url)
    await give_up(store, "7F3K/step/2")  # the bot goes on as before
    await store.close()
    with pytest.raises(Refused, match="7F3K/step/2#1"):
        await undelivered(url)


async def test_a_store_that_cannot_be_read_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_text("no database")
    with pytest.raises(Unreachable, match="The store cannot be read"):
        await undelivered(sa.make_url(f"sqlite:///{tmp_path}/bot.db"))
