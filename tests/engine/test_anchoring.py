"""Once a day the audit log's newest hash is told to others, and never twice."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine.anchoring import AGAIN_S, Anchoring, Told
from bot.engine.audit import note
from bot.runbook.errors import Unreachable
from bot.store import outbox
from bot.store.auditing import anchors_of, entries_after, head_of, verdict_of
from bot.store.deliveries import message
from bot.store.outbox_tables import outbox as outbox_rows
from bot.store.store import Store
from tests.slack.delivering import StillClock
from tests.store.databases import DATABASES, Place, place

DAY_S = 86_400.0


class SmallVault:
    """Keeps what is put, and may be away."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, datetime]] = {}
        self.is_away = False
        self.asked = 0

    async def keep(self, name: str, content: bytes, until: datetime) -> str:
        self.asked += 1
        if self.is_away:
            raise Unreachable("the vault does not answer")
        assert self.kept.setdefault(name, (content, until)) == (content, until)
        return f"vault/{name}"


class Bot:
    def __init__(self, store: Store, clock: StillClock, vault: SmallVault | None = None) -> None:
        self.store, self.clock, self.woken = store, clock, 0
        retain = timedelta(days=30)
        self.anchoring = Anchoring(
            store, outbox.put, say, vault, retain, clock=clock, on_commit=self.wake
        )

    def wake(self) -> None:
        self.woken += 1

    async def notes(self, count: int = 1) -> None:
        def write(c: sa.Connection) -> None:
            for _ in range(count):
                note(c, self.clock.now(), "7F3K", "picked", "paint", "U1")

        await self.store.tx(write)

    async def noted(self, what: str) -> list[dict[str, Any]]:
        entries = await self.store.read(entries_after, 0)
        return [json.loads(one.body) for one in entries if one.what == what]

    async def said(self) -> list[str]:
        query = sa.select(outbox_rows.c.payload).order_by(outbox_rows.c.seq)
        rows = await self.store.read(lambda c: c.execute(query).all())
        return [json.loads(row.payload)["text"] for row in rows]


def say(told: Told) -> list[Any]:
    return [message(f"audit/{told.day}", f"{told.day} {told.seq}:{told.hash}", place="C1")]


async def bot_at(there: Place, clock: StillClock, vault: SmallVault | None = None) -> Bot:
    return Bot(await there.open(), clock, vault)


async def test_the_head_of_the_day_is_told_and_noted(tmp_path: Path) -> None:
    async with place("sqlite", tmp_path) as there:
        bot = await bot_at(there, StillClock())
        await bot.notes(3)
        head = await bot.store.read(head_of)
        await bot.anchoring.look()
        assert await bot.said() == [f"2023-11-14 3:{head.hash}"]
        assert await bot.noted("anchored") == [{"seq": 3, "hash": head.hash}]
        assert bot.woken == 1
        (anchor,) = await bot.store.read(anchors_of)
        assert (anchor.seq, anchor.hash) == head
        assert (await bot.store.read(verdict_of, [])).is_whole


async def test_a_log_without_an_entry_has_nothing_to_be_told(tmp_path: Path) -> None:
    async with place("sqlite", tmp_path) as there:
        bot = await bot_at(there, StillClock())
        await bot.anchoring.look()
        assert await bot.said() == []
        await bot.notes()
        await bot.anchoring.look()
        assert len(await bot.said()) == 1


@pytest.mark.parametrize("database", DATABASES)
async def test_neither_a_restart_nor_a_replica_tells_a_day_twice(
    database: str, tmp_path: Path
) -> None:
    async with place(database, tmp_path) as there:
        clock = StillClock()
        bot = await bot_at(there, clock)
        await bot.notes(3)
        second = bot.store if database == "sqlite" else await there.open()
        replicas = [Bot(store, clock) for store in (bot.store, second) for _ in range(4)]
        await asyncio.gather(*(one.anchoring.look() for one in replicas))
        await bot.notes(2)
        await asyncio.gather(*(one.anchoring.look() for one in replicas))
        assert len(await bot.said()) == 1
        assert len(await bot.noted("anchored")) == 1
        assert sum(one.woken for one in replicas) == 1
        assert (await bot.store.read(verdict_of, [])).is_whole


async def test_the_next_day_is_told_when_the_clock_gets_there(tmp_path: Path) -> None:
    async with place("sqlite", tmp_path) as there:
        clock = StillClock()
        clock.time = datetime.fromisoformat("2026-01-31T23:58:00+00:00").timestamp()
        bot = await bot_at(there, clock)
        await bot.notes()
        bot.anchoring.start()
        await clock.at_rest()
        clock.move(119.0)
        await clock.at_rest()
        assert [one[:10] for one in await bot.said()] == ["2026-01-31"]
        clock.move(1.0)
        await clock.at_rest()
        assert [one[:10] for one in await bot.said()] == ["2026-01-31", "2026-02-01"]
        await bot.anchoring.stop()


async def test_what_the_vault_did_not_take_is_brought_there_again_until_it_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place("sqlite", tmp_path) as there:
        clock, vault = StillClock(), SmallVault()
        bot = await bot_at(there, clock, vault)
        await bot.notes()
        vault.is_away = True
        assert await bot.anchoring.look() == AGAIN_S
        assert "is not kept: the vault does not answer" in caplog.text
        clock.move(DAY_S)
        await bot.anchoring.look()
        assert vault.kept == {} and await bot.noted("anchor kept") == []
        vault.is_away = False
        reborn = Bot(bot.store, clock, vault)
        await reborn.anchoring.look()
        assert sorted(vault.kept) == ["2023-11-14.json", "2023-11-15.json"]
        asked = vault.asked
        await reborn.anchoring.look()
        assert vault.asked == asked
        assert len(await bot.noted("anchor kept")) == 2
        assert (await bot.store.read(verdict_of, [])).is_whole


async def test_what_is_kept_says_the_entry_the_hash_and_the_time_and_is_locked_long_enough(
    tmp_path: Path,
) -> None:
    async with place("sqlite", tmp_path) as there:
        clock, vault = StillClock(), SmallVault()
        bot = await bot_at(there, clock, vault)
        await bot.notes(2)
        head = await bot.store.read(head_of)
        await bot.anchoring.look()
        ((content, until),) = vault.kept.values()
        assert json.loads(content) == {
            "seq": 2,
            "hash": head.hash,
            "time": "2023-11-14 22:13:20.000000 UTC",
        }
        assert until.timestamp() == clock.time + 30 * DAY_S
        (kept,) = await bot.noted("anchor kept")
        assert kept["where"] == "vault/2023-11-14.json"


async def test_a_store_that_is_away_for_a_while_stops_nothing_and_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with place("sqlite", tmp_path) as there:
        clock = StillClock()
        bot = await bot_at(there, clock)
        await bot.notes()
        read = bot.store.read

        async def away(*_: object) -> None:
            raise OSError("disk full")

        monkeypatch.setattr(bot.store, "read", away)
        bot.anchoring.start()
        await clock.at_rest()
        monkeypatch.setattr(bot.store, "read", read)
        clock.move(AGAIN_S)
        await clock.at_rest()
        assert len(await bot.said()) == 1
        await bot.anchoring.stop()
    assert "so the anchor waits: disk full" in caplog.text and "Traceback" not in caplog.text
