"""What Slack fails on for ever holds up nobody, and is not lost without a word."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.slack.outbox.failing import GIVES_WAY_AFTER, Troubles
from bot.slack.outbox.undelivered import notice_of
from bot.store import outbox
from bot.store.deliveries import Delivery, Priority, message
from tests.slack.delivering import World
from tests.slack.small_slack import Message, Mishap
from tests.slack.test_outbox_gates import post

BLOCKS = [{"type": "section", "text": {"type": "plain_text", "text": "blocks"}}]
APPROVAL = message("7F3K/approval/1", "approve?", BLOCKS, priority=Priority.APPROVAL)
AN_HOUR = 3600
#: A poisoned message is tried this often at most, and an outage is not tried more often than this
#: in an hour.
TRIES_AT_MOST, TRIES_AN_HOUR_AT_MOST = 10, 150


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path).open()
    yield world
    await world.close()


def said(name: str, text: str, **more: object) -> Delivery:
    return message(f"7F3K/{name}", text, **more)  # type: ignore[arg-type]


def file(name: str, thread: str | None = None) -> Delivery:
    content = base64.b64encode(b"rows").decode()
    return Delivery(
        f"7F3K/{name}", "file", {"filename": "r.csv", "title": "r", "content": content}, "run",
        thread,
    )  # fmt: skip


def poison(method: str, given: Message) -> Mishap | str | None:
    is_it = method.startswith("chat.") and "poison" in given["text"]
    return "internal_error" if is_it else None


def poison_in_blocks(method: str, given: Message) -> Mishap | str | None:
    is_it = method.startswith("chat.") and "poison" in str(given["blocks"])
    return "internal_error" if is_it else None


def away(method: str, _: Message) -> Mishap | str | None:
    return "internal_error" if method.startswith("chat.") else "lost before"


def tried(world: World, text: str) -> int:
    return sum(text == given.get("text") for _, given in world.slack.calls)


def notices(world: World) -> list[str]:
    return [text for text in world.slack.texts("C-ORIGIN") if text.startswith("Run 7F3K:")]


async def test_a_poisoned_message_holds_up_no_approval_for_longer_than_a_minute(
    world: World,
) -> None:
    world.slack.rule = poison
    await world.deliver(said("step/1", "poison"), APPROVAL)
    await world.after(60)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


async def test_a_poisoned_message_is_given_up_after_some_tries_and_people_are_told(
    world: World,
) -> None:
    world.slack.rule = poison
    await world.deliver(said("step/1", "poison"), APPROVAL)
    await world.after(AN_HOUR, step_s=20.0)
    assert await world.states("7F3K/step/1") == ["dead"]
    assert tried(world, "poison") <= TRIES_AT_MOST
    (notice,) = notices(world)
    assert "step/1: given up. Slack fails on chat.postMessage (internal_error)" in notice
    ((op_id, why),) = await world.store.read(outbox.dead)
    assert op_id == "7F3K/step/1#1"
    assert "internal_error" in why


async def test_what_is_of_no_run_is_missed_where_the_bot_speaks_else(world: World) -> None:
    world.slack.will("chat.postMessage", "no_text")
    await world.deliver(message("audit/2026-01-01", "the anchor", place="C-AUDIT"), run="audit")
    await world.after(40)
    (notice,) = world.slack.texts("C-ALERTS")
    assert notice == (
        "Audit: 1 message could not be shown in Slack."
        " 2026-01-01: given up. Slack refused chat.postMessage: no_text"
    )


async def test_a_message_that_is_all_there_is_to_say_is_given_up_too(world: World) -> None:
    """What people are told of it shows that Slack takes others."""
    world.slack.rule = poison
    await world.deliver(said("approval/1", "poison", priority=Priority.APPROVAL))
    await world.after(120)
    assert "approval/1: Slack fails on it, after 7 tries. It is tried on." in notices(world)[0]
    await world.after(AN_HOUR, step_s=20.0)
    assert await world.states("7F3K/approval/1") == ["dead"]
    assert "given up" in notices(world)[0]


async def test_three_poisoned_messages_in_a_row_hold_up_nobody(world: World) -> None:
    world.slack.rule = poison
    await world.deliver(*(said(f"step/{n}", f"poison {n}") for n in range(3)), APPROVAL)
    await world.after(600)
    assert "approve?" in world.slack.texts("C-ORIGIN")
    await world.after(AN_HOUR, step_s=20.0)
    assert await world.states(*(f"7F3K/step/{n}" for n in range(3))) == ["dead"] * 3
    assert len(notices(world)) == 1


async def test_blocks_that_slack_fails_on_do_not_silence_the_text(world: World) -> None:
    world.slack.rule = poison_in_blocks
    poisoned = [{"type": "section", "text": {"type": "plain_text", "text": "poison"}}]
    await world.deliver(message("7F3K/card", "the card", poisoned), APPROVAL)
    await world.after(600)
    assert "the card" in world.slack.texts("C-ORIGIN")
    assert await world.states("7F3K/card") == ["sent"]
    assert [m["blocks"] for m in world.slack.messages["C-ORIGIN"] if m["text"] == "the card"] == [
        []
    ]


async def test_an_outage_of_an_hour_loses_nothing_and_no_button(world: World) -> None:
    await world.deliver(said("card", "card"))
    world.slack.rule = away
    steps = [said(f"step/{n}", f"step {n}") for n in range(4)]
    await world.put(*steps, APPROVAL)
    await world.after(AN_HOUR, step_s=20.0)
    assert world.slack.count("chat.postMessage") < TRIES_AN_HOUR_AT_MOST
    world.slack.rule = None
    await world.after(180)
    posted = [m for m in world.slack.messages["C-ORIGIN"] if not m["text"].startswith("Run 7F3K:")]
    assert sorted(m["text"] for m in posted) == [
        "approve?", "card", "step 0", "step 1", "step 2", "step 3",
    ]  # fmt: skip
    assert next(m for m in posted if m["text"] == "approve?")["blocks"] == BLOCKS
    assert await world.store.read(outbox.dead) == []


@pytest.mark.parametrize("length_s", [32, 95, 137])
async def test_an_outage_changes_the_order_of_one_message_by_one_place(
    world: World, length_s: int
) -> None:
    world.slack.rule = away
    await world.put(*(said(f"step/{n}", f"step {n}") for n in range(6)))
    await world.after(length_s)
    world.slack.rule = None
    await world.after(60)
    seen = [text for text in world.slack.texts("C-ORIGIN") if text.startswith("step")]
    assert sorted(seen[:2]) == ["step 0", "step 1"]
    assert seen[2:] == ["step 2", "step 3", "step 4", "step 5"]


async def test_an_outage_of_half_a_minute_changes_no_order_and_is_not_talked_about(
    world: World,
) -> None:
    world.slack.rule = away
    await world.put(*(said(f"step/{n}", f"step {n}") for n in range(6)))
    await world.after(29)
    world.slack.rule = None
    await world.after(60)
    assert world.slack.texts("C-ORIGIN") == [f"step {n}" for n in range(6)]


def test_what_was_sent_before_slack_was_back_is_not_to_blame() -> None:
    troubles, mine, other = Troubles(), post(1, "C1"), post(2, "C2")
    for _ in range(GIVES_WAY_AFTER):
        troubles.tries(mine)
        troubles.failed(mine, "no answer", is_absent=True)
    troubles.tries(mine)
    troubles.arrived(other)
    assert not troubles.failed(mine, "no answer", is_absent=True).is_to_blame
    troubles.tries(mine)
    assert troubles.failed(mine, "no answer", is_absent=True).is_to_blame


async def test_what_people_were_told_is_made_good_when_it_arrives_after_all(world: World) -> None:
    world.slack.rule = poison
    await world.deliver(said("step/1", "poison"))
    await world.after(120)
    assert "It is tried on" in notices(world)[0]
    world.slack.rule = None
    await world.after(60)
    assert "poison" in world.slack.texts("C-ORIGIN")
    assert notices(world) == [
        "Run 7F3K: what could not be shown in Slack for a while is there now."
    ]


async def test_what_nobody_was_told_yet_is_not_told_when_it_arrives(world: World) -> None:
    def posts_fail(method: str, given: Message) -> Mishap | str | None:
        return away(method, given) if "step" in str(given) or "Run 7F3K" in str(given) else None

    world.slack.rule = posts_fail
    await world.deliver(said("step/1", "step 1"))
    await world.after(150)
    assert await world.states(notice_of("7F3K")) != [None]
    world.slack.rule = lambda method, given: (
        "not sent" if "Run 7F3K" in given.get("text", "") else None
    )
    await world.after(60)
    world.slack.rule = None
    await world.after(300)
    assert world.slack.texts("C-ORIGIN") == ["step 1"]


async def test_what_was_given_up_and_is_said_anew_is_missed_no_more(world: World) -> None:
    world.slack.will("chat.postMessage", "no_text")
    await world.deliver(said("step/1", ""))
    await world.after(5)
    assert "step/1: given up" in notices(world)[0]
    await world.deliver(said("step/1", "with words"))
    await world.after(5)
    assert "is there now" in notices(world)[0]


async def test_a_card_that_slack_will_not_edit_is_posted_anew(world: World) -> None:
    await world.deliver(said("card", "1 of 3"), APPROVAL)
    world.slack.rule = lambda method, given: (
        "internal_error" if method == "chat.update" and "of 3" in given["text"] else None
    )
    await world.deliver(said("card", "2 of 3"))
    await world.after(AN_HOUR, step_s=20.0)
    assert world.slack.texts("C-ORIGIN")[:2] == ["1 of 3", "approve?"]
    assert "2 of 3" in world.slack.texts("C-ORIGIN")
    assert await world.states("7F3K/card") == ["sent"]


async def test_a_post_that_is_lost_where_nobody_can_look_is_not_repeated_for_ever(
    world: World,
) -> None:
    def blind(method: str, given: Message) -> Mishap | str | None:
        if method == "conversations.history":
            return "internal_error"
        return "lost after" if given.get("text") == "lost" else None

    world.slack.rule = blind
    await world.deliver(said("step/1", "lost"), APPROVAL)
    await world.after(AN_HOUR, step_s=20.0)
    assert "approve?" in world.slack.texts("C-ORIGIN")
    assert world.slack.texts("C-ORIGIN").count("lost") == 2
    assert world.slack.count("conversations.history") <= TRIES_AT_MOST


async def test_a_file_that_is_refused_is_given_up_at_once_and_its_thread_goes_on(
    world: World,
) -> None:
    world.slack.will("upload", "Slack refused the upload of a file (HTTP 413).")
    await world.deliver(
        said("card", "card"),
        file("step/1/table", "7F3K/card"),
        said("step/2", "what the next step found", thread="7F3K/card"),
    )
    await world.after(5)
    assert "what the next step found" in world.slack.texts("C-ORIGIN")
    assert "step/1/table: given up. Slack refused the upload" in notices(world)[0]


async def test_a_file_that_cannot_be_uploaded_holds_up_nobody_and_is_not_blamed_on_slack(
    world: World,
) -> None:
    world.slack.rule = lambda method, _: "not sent" if method == "upload" else None
    await world.deliver(
        said("card", "card"),
        file("step/1/table", "7F3K/card"),
        said("step/2", "what the next step found", thread="7F3K/card"),
    )
    await world.after(60)
    assert "what the next step found" in world.slack.texts("C-ORIGIN")
    await world.after(120)
    assert world.outbox.behind is None
    assert "card" in world.slack.texts("C-ORIGIN")
    await world.after(AN_HOUR, step_s=20.0)
    assert await world.states("7F3K/step/1/table") == ["dead"]
    assert world.slack.count("files.getUploadURLExternal") <= 20


async def test_a_file_that_slack_loses_after_every_upload_is_given_up(world: World) -> None:
    world.slack.rule = lambda method, _: (
        "file_update_failed" if method == "files.completeUploadExternal" else None
    )
    await world.deliver(said("card", "card"), file("step/1/table", "7F3K/card"))
    await world.after(AN_HOUR, step_s=20.0)
    assert await world.states("7F3K/step/1/table") == ["dead"]
    assert world.slack.count("files.getUploadURLExternal") <= 20
