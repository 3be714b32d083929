"""What the outbox promises, on a real store and before a small Slack."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.runbook import Plot
from bot.runbook.showing import details_as_json
from bot.store import delivering
from bot.store.deliveries import Delivery, Priority, message
from bot.store.rooms import begin_room
from tests.slack.delivering import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path).open()
    yield world
    await world.close()


def said(name: str, text: str, **more: object) -> Delivery:
    return message(f"7F3K/{name}", text, **more)  # type: ignore[arg-type]


async def test_a_message_is_sent_once_and_then_edited_in_place(world: World) -> None:
    await world.deliver(said("card", "1 of 3"))
    await world.deliver(said("card", "2 of 3"))
    assert world.slack.texts("C-ORIGIN") == ["2 of 3"]


async def test_the_same_again_is_not_sent_again(world: World) -> None:
    await world.deliver(said("card", "1 of 3"))
    await world.deliver(said("card", "1 of 3"))
    assert [name for name, _ in world.slack.calls] == ["chat.postMessage"]


async def test_progress_keeps_only_the_newest_and_comes_every_three_seconds(world: World) -> None:
    await world.deliver(said("card", "0"))
    await world.deliver(said("card", "1", priority=Priority.EDIT))
    await world.after(1)
    for done in ("2", "3", "4"):
        await world.deliver(said("card", done, priority=Priority.EDIT))
    assert world.slack.texts("C-ORIGIN") == ["1"]
    await world.after(3)
    assert world.slack.texts("C-ORIGIN") == ["4"]
    assert world.slack.count("chat.update") == 2


async def test_posts_are_never_merged_and_keep_their_order(world: World) -> None:
    await world.deliver(*(said(f"step/{number}", str(number)) for number in range(9)))
    await world.after(8)
    assert world.slack.texts("C-ORIGIN") == [str(number) for number in range(9)]


async def test_a_channel_gets_one_post_a_second_after_a_short_burst(world: World) -> None:
    await world.deliver(*(said(f"step/{number}", str(number)) for number in range(9)))
    assert len(world.slack.texts("C-ORIGIN")) == 3
    await world.after(2)
    assert len(world.slack.texts("C-ORIGIN")) == 5


async def test_an_approval_goes_before_what_waits_in_threads(world: World) -> None:
    await world.deliver(said("card", "card"))
    details = [said(f"step/{n}", f"detail {n}", thread="7F3K/card") for n in range(9)]
    await world.put(*details, said("approval/1", "approve?", priority=Priority.APPROVAL))
    await world.quiet()
    assert "approve?" in world.slack.texts("C-ORIGIN")[:3]


async def test_a_lost_answer_is_looked_for_and_never_repeated(world: World) -> None:
    world.slack.will("chat.postMessage", "lost after")
    await world.deliver(said("step/1", "once"))
    await world.after(20)
    assert world.slack.texts("C-ORIGIN") == ["once"]
    assert await world.states("7F3K/step/1") == ["sent"]


async def test_a_found_message_can_be_edited(world: World) -> None:
    world.slack.will("chat.postMessage", "lost after")
    await world.deliver(said("card", "1 of 3"))
    await world.deliver(said("card", "2 of 3"))
    await world.after(5)
    assert world.slack.texts("C-ORIGIN") == ["2 of 3"]


async def test_a_lost_message_is_sent_again_once_it_is_sure(world: World) -> None:
    world.slack.will("chat.postMessage", "lost before")
    await world.deliver(said("step/1", "once"))
    await world.after(2)
    assert world.slack.texts("C-ORIGIN") == []
    await world.after(3)
    assert world.slack.texts("C-ORIGIN") == ["once"]


async def test_a_lost_edit_is_made_again_as_soon_as_it_is_sure(world: World) -> None:
    await world.deliver(said("card", "1"))
    world.slack.will("chat.update", "lost before")
    await world.deliver(said("card", "2"))
    await world.after(2)
    assert world.slack.texts("C-ORIGIN") == ["1"]
    await world.after(4)
    assert world.slack.texts("C-ORIGIN") == ["2"]


async def test_a_lost_reply_is_looked_for_in_its_thread(world: World) -> None:
    await world.deliver(said("card", "card"))
    world.slack.will("chat.postMessage", "lost after")
    await world.deliver(said("step/1", "once", thread="7F3K/card"))
    await world.after(20)
    assert world.slack.texts("C-ORIGIN") == ["card", "once"]
    assert world.slack.count("conversations.replies") == 1


async def test_when_slack_cannot_be_read_either_nothing_is_repeated(world: World) -> None:
    world.slack.will("chat.postMessage", "lost after")
    world.slack.will("conversations.history", *["not sent"] * 4)
    await world.deliver(said("step/1", "once"))
    await world.after(12)
    assert world.slack.count("chat.postMessage") == 1
    await world.after(60)
    assert world.slack.texts("C-ORIGIN") == ["once"]


async def test_a_limit_stops_only_its_method(world: World) -> None:
    await world.deliver(said("card", "1"))
    world.slack.will("chat.update", "limited")
    await world.deliver(said("card", "2"), said("step/1", "post"))
    assert world.slack.texts("C-ORIGIN") == ["1", "post"]
    await world.after(6)
    assert world.slack.texts("C-ORIGIN") == ["1", "post"]
    await world.after(2)
    assert world.slack.texts("C-ORIGIN") == ["2", "post"]


async def test_what_is_there_already_counts_as_done(world: World) -> None:
    await world.deliver(said("card", "card"))
    world.slack.pinned.append(world.slack.messages["C-ORIGIN"][0]["ts"])
    await world.deliver(Delivery("7F3K/pin", "pin", {"message": "7F3K/card"}))
    assert await world.states("7F3K/pin") == ["sent"]


async def test_a_card_that_was_deleted_is_posted_anew(world: World) -> None:
    await world.deliver(said("card", "1"))
    world.slack.messages["C-ORIGIN"].clear()
    world.slack.will("chat.update", "message_not_found")
    await world.deliver(said("card", "2"))
    await world.deliver(said("card", "3"))
    await world.after(3)
    assert world.slack.texts("C-ORIGIN") == ["3"]


async def test_what_an_archived_room_refuses_is_said_where_the_run_was_started(
    world: World,
) -> None:
    await world.room("C-ROOM")
    world.slack.closed["C-ROOM"] = "is_archived"
    await world.deliver(said("result", "finished"))
    finished, moved = world.slack.texts("C-ORIGIN")
    assert finished == "finished"
    assert "Run 7F3K goes on here. <#C-ROOM> takes no messages" in moved


async def test_that_a_run_has_moved_is_said_once(world: World) -> None:
    await world.room("C-ROOM")
    world.slack.closed["C-ROOM"] = "is_archived"
    for number in range(3):
        await world.deliver(said(f"step/{number}", f"step {number}"))
        await world.after(2)
    assert sum("goes on here" in one for one in world.slack.texts("C-ORIGIN")) == 1


async def test_when_that_is_closed_too_the_fallback_hears_it(world: World) -> None:
    await world.room("C-ROOM")
    world.slack.closed |= {"C-ROOM": "is_archived", "C-ORIGIN": "channel_not_found"}
    await world.deliver(said("result", "finished"))
    assert world.slack.texts("C-ALERTS")[0] == "finished"


async def test_what_is_for_the_room_waits_until_it_is_open(world: World) -> None:
    await world.store.tx(begin_room, "9QQQ", "C-ORIGIN", True)
    await world.deliver(message("9QQQ/card", "card"), run="9QQQ")
    assert world.slack.texts("C-ORIGIN") == []
    await world.room("C-ROOM", run="9QQQ")
    assert world.slack.texts("C-ROOM") == ["card"]


async def test_a_room_that_does_not_open_does_not_silence_the_run(world: World) -> None:
    await world.store.tx(begin_room, "9QQQ", "C-ORIGIN", True)
    await world.deliver(message("9QQQ/question", "Was it opened?"), run="9QQQ")
    await world.after(31)
    assert world.slack.texts("C-ORIGIN") == ["Was it opened?"]


async def test_refused_blocks_do_not_silence_the_text(world: World) -> None:
    world.slack.will("chat.postMessage", "invalid_blocks")
    await world.deliver(message("7F3K/card", "the text", [{"type": "nonsense"}]))
    assert world.slack.texts("C-ORIGIN") == ["the text"]


async def test_what_slack_refuses_for_good_does_not_hold_up_the_rest(world: World) -> None:
    world.slack.will("chat.postMessage", "no_text")
    await world.deliver(said("step/1", ""), said("step/2", "next"))
    assert "next" in world.slack.texts("C-ORIGIN")
    assert await world.states("7F3K/step/1") == ["dead"]


async def test_a_bot_that_is_shut_out_gives_up_no_message(world: World) -> None:
    world.slack.will("chat.postMessage", "invalid_auth")
    await world.deliver(said("step/1", "later"))
    await world.after(31)
    assert world.slack.texts("C-ORIGIN") == ["later"]


async def test_a_file_whose_answer_was_lost_is_not_shared_twice(world: World) -> None:
    world.slack.will("files.completeUploadExternal", "lost after")
    await world.deliver(file("7F3K/file"))
    await world.after(10)
    assert [channel for _, channel, _ in world.slack.shared] == ["C-ORIGIN"]
    assert await world.states("7F3K/file") == ["sent"]


async def test_a_file_that_was_not_shared_is_shared_with_the_same_upload(world: World) -> None:
    world.slack.will("files.completeUploadExternal", "lost before")
    await world.deliver(file("7F3K/file"))
    await world.after(10)
    assert len(world.slack.shared) == 1
    assert len(world.slack.uploads) == 1


async def test_a_plot_is_drawn_when_it_is_sent(world: World) -> None:
    plot = details_as_json({"plot": Plot("errors", "1/s", {})})["plot"]
    payload = {"filename": "p.png", "title": "p", "alt_text": "p", "plot": plot}
    await world.deliver(Delivery("7F3K/plot", "file", payload))
    assert list(world.slack.uploads.values()) == [b"png of errors"]


async def test_a_bookmark_whose_answer_was_lost_is_not_added_twice(world: World) -> None:
    world.slack.will("bookmarks.add", "lost after")
    bookmark = {"title": "Run 7F3K", "link": "https://example.com"}
    await world.deliver(Delivery("7F3K/bookmark", "bookmark", bookmark))
    await world.after(10)
    assert len(world.slack.bookmarks) == 1


async def test_the_card_says_how_long_slack_is_behind_and_then_no_more(world: World) -> None:
    await world.deliver(said("card", "card"))
    world.slack.will("chat.postMessage", *["limited"] * 2)
    await world.deliver(said("step/1", "post"))
    await world.after(12)
    assert world.outbox.behind is not None
    assert "behind" in world.slack.texts("C-ORIGIN")[0]
    await world.after(10)
    assert world.outbox.behind is None
    assert world.slack.texts("C-ORIGIN") == ["card", "post"]


async def test_waiting_for_a_room_is_not_blamed_on_slack(world: World) -> None:
    await world.store.tx(begin_room, "9QQQ", "C-ORIGIN", True)
    await world.deliver(message("9QQQ/card", "card"), run="9QQQ")
    await world.after(20)
    assert world.outbox.behind is None
    await world.room("C-ROOM", run="9QQQ")
    assert world.slack.texts("C-ROOM") == ["card"]


async def test_what_is_due_later_waits_and_holds_up_nothing(world: World) -> None:
    later = world.clock.now() + 30
    await world.deliver(said("reminder", "later", not_before=later), said("step/1", "now"))
    assert world.slack.texts("C-ORIGIN") == ["now"]
    await world.after(31)
    assert world.slack.texts("C-ORIGIN") == ["now", "later"]


def file(name: str) -> Delivery:
    content = base64.b64encode(b"rows").decode()
    payload = {"filename": "r.csv", "title": "r", "alt_text": "r", "content": content}
    return Delivery(name, "file", payload)


async def test_a_store_without_a_free_connection_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, tx = 2, world.store.tx

    async def none_is_free(*args: Any, **kwargs: Any) -> Any:
        nonlocal busy
        if busy and args[0] is delivering.take:
            busy -= 1
            raise sa.exc.TimeoutError("QueuePool limit of size 8 overflow 0 reached")
        return await tx(*args, **kwargs)

    monkeypatch.setattr(world.store, "tx", none_is_free)
    await world.deliver(said("approval/1", "approve?", priority=Priority.APPROVAL))
    await world.after(2)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]
