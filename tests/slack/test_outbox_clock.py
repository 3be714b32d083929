"""The clock on the wall is set, back or on, and nothing is late, lost or doubled for it."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.deliveries import Delivery, Priority, message
from bot.store.rooms import begin_room
from tests.slack.delivering import World

APPROVAL = message("7F3K/approval/1", "approve?", priority=Priority.APPROVAL)
SET_BACK, SET_ON = -7200.0, 7200.0
BOTH_WAYS = pytest.mark.parametrize("step_s", [SET_BACK, SET_ON], ids=["set back", "set on"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path).open()
    yield world
    await world.close()


def said(name: str, text: str) -> Delivery:
    return message(f"7F3K/{name}", text)


def set_clock(world: World, step_s: float) -> None:
    world.clock.time += step_s
    world.outbox.wake()


@BOTH_WAYS
async def test_a_method_that_slack_limits_waits_as_long_as_slack_said(
    world: World, step_s: float
) -> None:
    world.slack.will("chat.postMessage", "limited")
    await world.deliver(APPROVAL)
    set_clock(world, step_s)
    await world.after(6)
    assert world.slack.texts("C-ORIGIN") == []
    await world.after(2)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


@BOTH_WAYS
async def test_edits_of_one_message_come_every_three_seconds(world: World, step_s: float) -> None:
    await world.deliver(said("card", "1"))
    await world.deliver(said("card", "2"))
    set_clock(world, step_s)
    await world.deliver(said("card", "3"))
    assert world.slack.texts("C-ORIGIN") == ["2"]
    await world.after(3)
    assert world.slack.texts("C-ORIGIN") == ["3"]


@BOTH_WAYS
async def test_what_could_not_be_sent_is_tried_again_soon(world: World, step_s: float) -> None:
    world.slack.will("chat.postMessage", "not sent")
    await world.deliver(APPROVAL)
    set_clock(world, step_s)
    await world.after(4)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


async def test_what_was_put_before_the_clock_was_set_back_goes_at_once(world: World) -> None:
    world.slack.will("chat.postMessage", "limited")
    await world.deliver(APPROVAL)
    set_clock(world, SET_BACK)
    await world.after(8)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


@BOTH_WAYS
async def test_a_reminder_comes_when_the_clock_says_so(world: World, step_s: float) -> None:
    reminder = message("7F3K/reminder", "later", not_before=world.clock.now() + 60)
    await world.deliver(reminder)
    set_clock(world, step_s)
    await world.after(1)
    expected = ["later"] if step_s > 0 else []
    assert world.slack.texts("C-ORIGIN") == expected


@BOTH_WAYS
async def test_the_room_is_waited_for_as_long_as_ever(world: World, step_s: float) -> None:
    await world.store.tx(begin_room, "9QQQ", "C-ORIGIN", True)
    await world.deliver(message("9QQQ/question", "Was it opened?"), run="9QQQ")
    set_clock(world, step_s)
    await world.after(29)
    assert world.slack.texts("C-ORIGIN") == []
    await world.after(2)
    assert world.slack.texts("C-ORIGIN") == ["Was it opened?"]


@BOTH_WAYS
async def test_a_lost_answer_settles_as_long_as_ever(world: World, step_s: float) -> None:
    """Too short a wait and the message is there twice, too long and nobody can approve."""
    world.slack.will("chat.postMessage", "lost before")
    await world.deliver(APPROVAL)
    set_clock(world, step_s)
    await world.after(2)
    assert world.slack.count("chat.postMessage") == 1
    await world.after(4)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


@pytest.mark.parametrize("wrong_by_s", [SET_BACK, SET_ON])
async def test_what_was_sent_while_the_clock_was_wrong_is_found_once_it_is_right(
    world: World, wrong_by_s: float
) -> None:
    set_clock(world, wrong_by_s)
    world.slack.will("chat.postMessage", "lost after")
    world.slack.will("conversations.history", "not sent")
    await world.deliver(APPROVAL)
    set_clock(world, -wrong_by_s)
    await world.after(60)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


@BOTH_WAYS
async def test_a_kill_and_a_clock_that_is_set_neither_lose_nor_double(
    world: World, step_s: float
) -> None:
    world.slack.will("chat.postMessage", "lost after", "lost before")
    world.slack.will("conversations.history", *["not sent"] * 2)
    await world.put(APPROVAL, said("step/1", "once"))
    await world.quiet()
    await world.kill()
    set_clock(world, step_s)
    world.start()
    await world.quiet()
    await world.after(60)
    assert sorted(world.slack.texts("C-ORIGIN")) == ["approve?", "once"]


@BOTH_WAYS
async def test_a_file_that_is_shown_late_is_looked_for_as_long_as_ever(
    world: World, step_s: float
) -> None:
    world.slack.will("files.completeUploadExternal", "lost after")
    world.slack.shows_shares = False
    content = base64.b64encode(b"rows").decode()
    payload = {"filename": "r.csv", "title": "r", "content": content}
    await world.deliver(Delivery("7F3K/file", "file", payload))
    set_clock(world, step_s)
    await world.after(100)
    world.slack.shows_shares = True
    await world.after(6)
    assert len(world.slack.shared) == 1
    assert await world.states("7F3K/file") == ["sent"]


@BOTH_WAYS
async def test_slack_is_behind_by_the_time_that_passed(world: World, step_s: float) -> None:
    world.slack.will("chat.postMessage", *["limited"] * 3)
    await world.deliver(APPROVAL)
    set_clock(world, step_s)
    await world.after(12)
    assert world.outbox.behind is not None
    assert 10 < world.outbox.behind.total_seconds() <= 12
