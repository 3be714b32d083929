"""The bot's own faults stop nothing but the row they are about; and how the outbox ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.runbook import Plot
from bot.runbook.showing import details_as_json
from bot.slack.calls import Answer
from bot.store import delivering
from bot.store.deliveries import Delivery, Priority, message
from bot.store.outbox_tables import outbox
from tests.slack.delivering import World

APPROVAL = message("7F3K/approval/1", "approve?", priority=Priority.APPROVAL)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path).open()
    yield world
    await world.close()


async def spoil(world: World, name: str, **values: Any) -> None:
    """As another version of the bot may have left it."""
    mine = sa.update(outbox).where(outbox.c.name == name)
    await world.store.tx(lambda c: c.execute(mine.values(**values)))


def plot() -> Delivery:
    drawn = details_as_json({"plot": Plot("errors", "1/s", {})})["plot"]
    payload = {"filename": "p.png", "title": "p", "alt_text": "p", "plot": drawn}
    return Delivery("7F3K/plot", "file", payload)


async def test_a_row_of_a_kind_that_nobody_knows_stops_no_other(world: World) -> None:
    later = message("7F3K/strange", "?", not_before=world.clock.now() + 5)
    await world.deliver(later)
    await spoil(world, "7F3K/strange", kind="poll")
    await world.after(6)
    await world.deliver(APPROVAL)
    await world.after(10)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]
    assert await world.states("7F3K/strange") == ["dead"]


async def test_a_row_that_cannot_be_read_stops_no_other_and_people_are_told(
    world: World,
) -> None:
    later = message("7F3K/step/1", "?", not_before=world.clock.now() + 5)
    await world.deliver(later)
    await spoil(world, "7F3K/step/1", payload="{no json")
    await world.put(APPROVAL)
    await world.after(60)
    texts = world.slack.texts("C-ORIGIN")
    assert "approve?" in texts
    assert "step/1: given up. The bot itself failed on it" in texts[-1]


async def test_a_plot_that_cannot_be_drawn_is_given_up_after_some_tries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = 0

    def fails(_: Plot) -> bytes:
        nonlocal drawings
        drawings += 1
        raise ValueError("no such color")

    monkeypatch.setattr(world.outbox._sender._files, "_draw", fails)
    await world.deliver(plot(), APPROVAL)
    await world.after(60)
    assert "approve?" in world.slack.texts("C-ORIGIN")
    assert await world.states("7F3K/plot") == ["dead"]
    assert drawings == 3


async def test_a_plot_that_could_not_be_drawn_once_is_drawn_the_next_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws, troubles = world.outbox._sender._files._draw, [MemoryError()]

    def fails_once(plot: Plot) -> bytes:
        if troubles:
            raise troubles.pop()
        return draws(plot)

    monkeypatch.setattr(world.outbox._sender._files, "_draw", fails_once)
    await world.deliver(plot())
    await world.after(20)
    assert await world.states("7F3K/plot") == ["sent"]


async def test_what_slack_did_is_not_done_again_when_it_cannot_be_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles, tx = [KeyError("ts")], world.store.tx

    async def fails_once(run: Any, *args: Any, **kwargs: Any) -> Any:
        if world.slack.count("chat.postMessage") and troubles:
            raise troubles.pop()
        return await tx(run, *args, **kwargs)

    monkeypatch.setattr(world.store, "tx", fails_once)
    await world.deliver(APPROVAL)
    await world.after(20)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]
    assert await world.states("7F3K/approval/1") == ["sent"]


async def test_what_was_said_last_is_delivered_before_the_end(world: World) -> None:
    await world.put(message("7F3K/card", "card"), message("7F3K/detail", "d", thread="7F3K/card"))
    await world.outbox.stop(grace_s=10.0)
    assert world.slack.texts("C-ORIGIN") == ["card", "d"]


async def test_what_was_said_while_the_outbox_looked_its_last_is_delivered_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped, and read what is open, before that was put."""
    read, looked, said = world.store.read, asyncio.Event(), asyncio.Event()

    async def is_slow(*args: Any) -> Any:
        board = await read(*args)
        looked.set()
        await said.wait()
        return board

    await world.clock.at_rest()
    monkeypatch.setattr(world.store, "read", is_slow)
    world.outbox.wake()
    await looked.wait()
    stopping = asyncio.create_task(world.outbox.stop(grace_s=10.0))
    await world.put(APPROVAL)
    said.set()
    await stopping
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


async def test_nothing_is_waited_for_that_the_grace_does_not_reach(world: World) -> None:
    world.slack.will("chat.postMessage", "limited")
    await world.deliver(APPROVAL)
    began = time.monotonic()
    await world.outbox.stop(grace_s=5.0)
    assert time.monotonic() - began < 4.0
    assert await world.states("7F3K/approval/1") == ["pending"]


async def test_a_slack_that_hangs_does_not_make_the_end_longer_than_its_grace(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def hangs(_method: str, **_: Any) -> Answer:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.slack, "call", hangs)
    await world.put(APPROVAL)
    await asked.wait()
    async with asyncio.timeout(5.0):
        await world.outbox.stop(grace_s=0.1)
    (row,) = (await world.store.read(delivering.board)).rows
    assert row.state == "sending"  # the next life looks whether it arrived
