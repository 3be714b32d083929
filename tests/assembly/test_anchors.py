"""Where the audit log's anchors go, as the settings say."""

import contextlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from assembly.anchors import anchoring
from bot.engine.audit import note
from bot.settings import AuditSettings, Settings, SlackSettings
from bot.store.outbox_tables import outbox
from bot.store.store import Store


async def told(folder: Path, settings: Settings) -> list[tuple[str, str]]:
    """The channel and the text of each message that is to be delivered."""
    store = Store(f"sqlite:///{folder}/bot.db")
    await store.open()
    await store.tx(lambda c: note(c, 1.0, "7F3K", "picked", "paint", "U1"))
    async with contextlib.AsyncExitStack() as stack:
        await anchoring(settings, store, stack, lambda: None).look()
        rows = await store.read(lambda c: c.execute(sa.select(outbox)).all())
    await store.close()
    return [(row.place, json.loads(row.payload)["text"]) for row in rows]


async def test_they_go_to_their_own_channel_if_there_is_one(tmp_path: Path) -> None:
    slack = SlackSettings(fallback_channel="C0ALERTS")
    ((place, text),) = await told(
        tmp_path, Settings(slack=slack, audit=AuditSettings(channel="C0AUDIT"))
    )
    assert place == "C0AUDIT" and "its newest entry is 1" in text


async def test_they_go_to_the_fallback_channel_otherwise(tmp_path: Path) -> None:
    slack = SlackSettings(fallback_channel="C0ALERTS")
    assert [place for place, _ in await told(tmp_path, Settings(slack=slack))] == ["C0ALERTS"]


async def test_without_either_the_log_of_the_bot_says_that_nobody_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await told(tmp_path, Settings()) == []
    assert "nobody is told the audit log's anchors" in caplog.text
