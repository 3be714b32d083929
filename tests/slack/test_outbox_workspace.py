"""The outbox, the people and the adapter before a whole local workspace, over real HTTP."""

import base64
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.slack import CreateChannel, Slack
from bot.access.policy import Policy, RoleMembers
from bot.runbook.errors import Refused, Unreachable
from bot.settings import SlackSettings
from bot.slack.calls import Calls, open_calls
from bot.slack.named import known_to_slack
from bot.slack.people import People
from bot.store.deliveries import Delivery, message
from sandbox.slack.workspace import Workspace
from tests.credentials import given
from tests.slack.delivering import World

pytestmark = pytest.mark.slow


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    workspace = Workspace()
    await workspace.start()
    workspace.add_person("U0DANA", "dana")
    yield workspace
    await workspace.stop()


@pytest.fixture
async def calls(workspace: Workspace) -> AsyncIterator[Calls]:
    settings = SlackSettings(api_url=workspace.api_url, timeout_s=2.0)
    async with open_calls(settings, given(workspace.bot_token)) as calls:
        yield calls


@pytest.fixture
def origin(workspace: Workspace) -> str:
    return workspace.add_channel("ops", ["U0DANA"])


@pytest.fixture
async def world(tmp_path: Path, calls: Calls, origin: str) -> AsyncIterator[World]:
    world = await World(tmp_path, calls).open(origin)
    yield world
    await world.close()


def texts(workspace: Workspace, channel: str, thread_ts: str | None = None) -> list[str]:
    return [one["text"] for one in workspace.messages(channel, thread_ts) if "subtype" not in one]


async def test_a_card_is_edited_pinned_and_has_its_details_in_its_thread(
    workspace: Workspace, world: World, origin: str
) -> None:
    await world.deliver(
        message("7F3K/card", "1 of 3"),
        message("7F3K/step/1", "detail", thread="7F3K/card"),
        Delivery("7F3K/pin", "pin", {"message": "7F3K/card"}),
    )
    await world.deliver(message("7F3K/card", "2 of 3"))
    card = next(one for one in workspace.messages(origin) if one["text"] == "2 of 3")
    assert "detail" in texts(workspace, origin, card["ts"])
    assert card["pinned_to"] == [origin]
    assert await world.open_rows() == []


@pytest.mark.parametrize("fault", ["drop_after_storing", "drop_before_storing", "server_error"])
async def test_a_post_is_there_once_whatever_became_of_its_answer(
    workspace: Workspace, world: World, origin: str, fault: str
) -> None:
    getattr(workspace.faults, fault)("chat.postMessage")
    await world.deliver(message("7F3K/approval/1", "approve?"))
    await world.after(6)
    assert texts(workspace, origin) == ["approve?"]
    assert await world.states("7F3K/approval/1") == ["sent"]


async def test_a_reply_is_there_once_when_its_answer_was_lost(
    workspace: Workspace, world: World, origin: str
) -> None:
    await world.deliver(message("7F3K/card", "card"))
    workspace.faults.drop_after_storing("chat.postMessage")
    await world.deliver(message("7F3K/step/1", "detail", thread="7F3K/card"))
    await world.after(6)
    card = workspace.messages(origin)[-1]
    assert texts(workspace, origin, card["ts"]).count("detail") == 1


async def test_an_answer_that_comes_too_late_is_not_waited_for_twice(
    workspace: Workspace, world: World, origin: str
) -> None:
    workspace.faults.late_answer("chat.postMessage", 30.0)
    await world.deliver(message("7F3K/approval/1", "approve?"))
    await world.after(6)
    assert texts(workspace, origin) == ["approve?"]


@pytest.mark.parametrize("fault", ["drop_after_storing", "drop_before_storing"])
async def test_a_file_is_shared_once_when_the_answer_was_lost(
    workspace: Workspace, world: World, origin: str, fault: str
) -> None:
    getattr(workspace.faults, fault)("files.completeUploadExternal")
    content = base64.b64encode(b"a,b\n1,2\n").decode()
    payload = {"filename": "rows.csv", "title": "Rows", "content": content}
    await world.deliver(message("7F3K/card", "card"))
    await world.deliver(Delivery("7F3K/file", "file", payload, thread="7F3K/card"))
    await world.after(6)
    card = next(one for one in workspace.messages(origin) if one["text"] == "card")
    thread = workspace.messages(origin, card["ts"])
    assert sum(len(one.get("files", [])) for one in thread) == 1


@pytest.mark.parametrize("late", [1, 10])
async def test_a_file_is_shared_once_although_slack_shows_late_where(
    workspace: Workspace, world: World, origin: str, late: int
) -> None:
    """Slack answers first and shares later; the answer is lost here, and files.info is behind."""
    workspace.faults.drop_after_storing("files.completeUploadExternal")
    workspace.faults.late_shares(times=late)
    content = base64.b64encode(b"a,b\n1,2\n").decode()
    payload = {"filename": "rows.csv", "title": "Rows", "content": content}
    await world.deliver(message("7F3K/card", "card"))
    await world.deliver(Delivery("7F3K/file", "file", payload, thread="7F3K/card"))
    await world.deliver(message("7F3K/step/2", "below", thread="7F3K/card"))
    card = next(one for one in workspace.messages(origin) if one["text"] == "card")
    assert texts(workspace, origin, card["ts"])[-1] == "below"
    await world.after(60)
    thread = workspace.messages(origin, card["ts"])
    assert sum(len(one.get("files", [])) for one in thread) == 1
    assert await world.states("7F3K/file") == ["sent"]


async def test_a_429_waits_as_long_as_slack_says(
    workspace: Workspace, world: World, origin: str
) -> None:
    workspace.faults.rate_limit("chat.postMessage", retry_after_s=7)
    await world.deliver(message("7F3K/step/1", "later"))
    await world.after(6)
    assert texts(workspace, origin) == []
    await world.after(2)
    assert texts(workspace, origin) == ["later"]


async def test_a_burst_never_meets_a_limit(
    workspace: Workspace, world: World, origin: str
) -> None:
    """The gates are tighter than Slack; its clock goes with ours."""
    await world.put(*(message(f"7F3K/step/{n}", str(n)) for n in range(20)))
    for _ in range(20):
        await world.after(1)
        workspace.clock.advance(1)
    assert texts(workspace, origin) == [str(n) for n in range(20)]
    assert {call.status for call in workspace.calls} == {"ok"}


async def test_what_the_archived_room_refuses_is_said_at_the_origin(
    workspace: Workspace, world: World, calls: Calls, origin: str
) -> None:
    room = workspace.add_channel("incident-x")
    await world.room(room)
    await world.deliver(message("7F3K/card", "card"))
    await calls.call("conversations.archive", channel=room)
    await world.deliver(message("7F3K/card", "finished"))
    finished, moved = texts(workspace, origin)
    assert finished == "finished" and f"<#{room}>" in moved


async def test_roles_come_from_user_groups_of_the_workspace(
    workspace: Workspace, calls: Calls
) -> None:
    workspace.add_group("S0OPS", "ops", ["U0DANA"])
    workspace.add_person("U0GUEST", "guest", is_guest=True)
    people = People(calls, {"operator": RoleMembers(groups=("S0OPS",))})
    assert (await people.member("U0DANA")).roles == {"operator"}
    assert (await people.member("U0GUEST")).is_guest
    with pytest.raises(Unreachable):
        await people.member("U0NOBODY")


@pytest.mark.parametrize("fault", ["drop_after_storing", "drop_before_storing"])
@pytest.mark.parametrize(
    "method",
    [
        "conversations.create",
        "conversations.setPurpose",
        "conversations.invite",
        "conversations.setTopic",
    ],
)
async def test_one_channel_is_opened_whatever_answer_is_lost(
    workspace: Workspace, world: World, calls: Calls, method: str, fault: str
) -> None:
    slack = Slack(calls, world.outbox, world.outbox, no_timeline)
    workspace.add_channel("incident-core", with_bot=False)
    change = CreateChannel(
        name="incident-core",
        run="7F3K",
        since=datetime.now(UTC),
        topic="P1 <core> & more",
        invite=("U0DANA",),
    )
    getattr(workspace.faults, fault)(method)
    await slack._create_channel(change, "key")
    assert (await slack._see_channel(change)).state == "applied"
    await world.deliver(message("7F3K/card", "card"))
    opened = [one for one in workspace.channels() if one.name.startswith("incident-core-")]
    assert [one.name for one in opened] == ["incident-core-2"]
    assert "U0DANA" in opened[0].members
    assert texts(workspace, opened[0].id) == ["card"]


async def no_timeline(run_id: str) -> Sequence[Delivery]:
    return []


async def test_the_doctor_says_which_groups_and_people_of_the_policy_are_not_there(
    workspace: Workspace, calls: Calls
) -> None:
    workspace.add_group("S0OPS", "ops", ["U0DANA"])
    workspace.add_person("U0GONE", "ex", deleted=True)
    good = RoleMembers(groups=("S0OPS",), users=("U0DANA",))
    await known_to_slack(calls, Policy(roles={"operator": good}))
    wrong = RoleMembers(groups=("S0OPS", "S0GONE"), users=("U0GONE", "U0NOBODY"))
    with pytest.raises(Refused) as found:
        await known_to_slack(calls, Policy(roles={"operator": good, "dba": wrong}))
    assert str(found.value) == (
        "S0GONE of the role dba is no user group of this workspace; U0GONE of the role dba is"
        " deactivated; U0NOBODY of the role dba is no person of this workspace"
    )
