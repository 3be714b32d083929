"""Messages as Slack keeps them."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, BOB, OPS

pytestmark = pytest.mark.slow

METADATA = {"event_type": "op", "event_payload": {"id": "7F3K/card#1"}}


async def refused(call: object) -> str:
    with pytest.raises(SlackApiError) as failure:
        await call  # type: ignore[misc]
    return str(failure.value.response["error"])


async def test_a_thread_counts_its_replies_on_its_first_message(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    parent = (await client.chat_postMessage(channel=OPS, text="parent"))["ts"]
    reply = (await client.chat_postMessage(channel=OPS, text="one", thread_ts=parent))["ts"]
    await client.chat_postMessage(channel=OPS, text="two", thread_ts=reply)
    (seen,) = workspace.messages(OPS)
    assert seen["reply_count"] == 2 and seen["reply_users"] == [workspace.bot_user_id]
    found = await client.conversations_replies(channel=OPS, ts=parent)
    assert [message["text"] for message in found["messages"]] == ["parent", "one", "two"]


async def test_metadata_is_read_only_when_asked_for(client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=OPS, text="x", metadata=METADATA)
    plain = await client.conversations_history(channel=OPS)
    whole = await client.conversations_history(channel=OPS, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert whole["messages"][0]["metadata"] == METADATA


async def test_metadata_has_a_type_and_a_payload(client: AsyncWebClient) -> None:
    post = client.chat_postMessage(channel=OPS, text="x", metadata={"id": 1})
    assert await refused(post) == "invalid_metadata_format"


async def test_a_long_post_is_cut_and_a_long_edit_is_refused(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    ts = (await client.chat_postMessage(channel=OPS, text="x" * 40_001))["ts"]
    assert len(workspace.messages(OPS)[0]["text"]) == 40_000
    edit = client.chat_update(channel=OPS, ts=ts, text="x" * 4_001)
    assert await refused(edit) == "msg_too_long"


async def test_an_edit_is_marked_and_keeps_its_place(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    ts = (await client.chat_postMessage(channel=OPS, text="a", metadata=METADATA))["ts"]
    await client.chat_update(channel=OPS, ts=ts, text="b")
    (message,) = workspace.messages(OPS)
    assert (message["text"], message["ts"], message["metadata"]) == ("b", ts, METADATA)
    assert message["edited"]["user"] == workspace.bot_user_id


async def test_an_edit_leaves_blocks_it_does_not_name(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    blocks = [{"type": "divider", "block_id": "d"}]
    ts = (await client.chat_postMessage(channel=OPS, text="a", blocks=blocks))["ts"]
    await client.chat_update(channel=OPS, ts=ts, text="b")
    assert workspace.messages(OPS)[0]["blocks"] == blocks
    await client.chat_update(channel=OPS, ts=ts, text="c", blocks=[])
    assert "blocks" not in workspace.messages(OPS)[0]


async def test_the_app_edits_and_deletes_only_its_own(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    ts = await workspace.say(ALICE, OPS, "mine")
    assert await refused(client.chat_update(channel=OPS, ts=ts, text="x")) == (
        "cant_update_message"
    )
    assert await refused(client.chat_delete(channel=OPS, ts=ts)) == "cant_delete_message"
    assert await refused(client.chat_update(channel=OPS, ts="1.000001", text="x")) == (
        "message_not_found"
    )


async def test_ephemerals_are_in_no_history_and_for_one_person(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    await client.chat_postEphemeral(channel=OPS, user=ALICE, text="psst")
    assert (await client.conversations_history(channel=OPS))["messages"] == []
    assert len(workspace.ephemerals(ALICE, OPS)) == 1 and not workspace.ephemerals(BOB, OPS)
    post = client.chat_postEphemeral(channel=OPS, user="U0NOBODY", text="psst")
    assert await refused(post) == "user_not_in_channel"


async def test_a_pin_is_shown_on_its_message_once(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    ts = (await client.chat_postMessage(channel=OPS, text="x"))["ts"]
    await client.pins_add(channel=OPS, timestamp=ts)
    assert await refused(client.pins_add(channel=OPS, timestamp=ts)) == "already_pinned"
    assert workspace.messages(OPS)[0]["pinned_to"] == [OPS]
    pinned = await client.pins_list(channel=OPS)
    assert pinned["items"][0]["message"]["ts"] == ts
    await client.pins_remove(channel=OPS, timestamp=ts)
    assert await refused(client.pins_remove(channel=OPS, timestamp=ts)) == "no_pin"


async def test_a_scheduled_message_comes_when_its_time_has_come(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    post_at = int(workspace.clock.now()) + 600
    await client.chat_scheduleMessage(channel=OPS, text="later", post_at=post_at)
    await client.chat_scheduleMessage(channel=OPS, text="lost", post_at=post_at, metadata=METADATA)
    again = await client.chat_scheduleMessage(channel=OPS, text="taken back", post_at=post_at)
    scheduled = again["scheduled_message_id"]
    await client.chat_deleteScheduledMessage(channel=OPS, scheduled_message_id=scheduled)
    assert workspace.messages(OPS) == []
    workspace.clock.advance(601)
    await workspace.wait_for(lambda: workspace.messages(OPS))
    await workspace.wait_for(lambda: not workspace.team.scheduled)
    assert [message["text"] for message in workspace.messages(OPS)] == ["later"]


async def test_bookmarks_are_added_edited_and_removed(client: AsyncWebClient) -> None:
    made = await client.bookmarks_add(
        channel_id=OPS, title="Board", type="link", link="https://example.com/a"
    )
    mark = made["bookmark"]["id"]
    await client.bookmarks_edit(channel_id=OPS, bookmark_id=mark, title="New")
    listed = await client.bookmarks_list(channel_id=OPS)
    assert [each["title"] for each in listed["bookmarks"]] == ["New"]
    await client.bookmarks_remove(channel_id=OPS, bookmark_id=mark)
    bad = client.bookmarks_add(channel_id=OPS, title="x", type="link", link="nowhere")
    assert await refused(bad) == "invalid_link"


async def test_a_reaction_counts_each_person_once(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    ts = (await client.chat_postMessage(channel=OPS, text="x"))["ts"]
    await client.reactions_add(channel=OPS, timestamp=ts, name="eyes")
    again = client.reactions_add(channel=OPS, timestamp=ts, name="eyes")
    assert await refused(again) == "already_reacted"
    workspace.react(BOB, OPS, ts, "eyes")
    found = await client.reactions_get(channel=OPS, timestamp=ts)
    assert found["message"]["reactions"][0]["count"] == 2


async def test_a_file_is_uploaded_elsewhere_and_then_shared(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    parent = (await client.chat_postMessage(channel=OPS, text="parent"))["ts"]
    await client.files_upload_v2(
        channel=OPS, thread_ts=parent, filename="cpu.png", title="CPU", content=b"\x89PNG"
    )
    (file,) = workspace.files
    assert (file.content, file.title) == (b"\x89PNG", "CPU")
    reply = workspace.messages(OPS, parent)[1]
    assert reply["files"][0]["name"] == "cpu.png"
    seen = await client.files_info(file=file.id)
    assert seen["file"]["shares"]["public"][OPS][0]["thread_ts"] == parent


async def test_a_file_whose_bytes_never_came_is_not_found(client: AsyncWebClient) -> None:
    made = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    complete = client.files_completeUploadExternal(files=[{"id": made["file_id"]}], channel_id=OPS)
    assert await refused(complete) == "file_not_found"


async def test_who_is_a_guest_or_gone_or_in_a_group_can_be_read(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.add_group("S0DBA", "dba")
    workspace.add_person("U0GUEST", "guest", groups=["S0DBA"], is_guest=True)
    workspace.add_person("U0GONE", "gone", deleted=True)
    assert (await client.users_info(user="U0GUEST"))["user"]["is_restricted"]
    assert (await client.users_info(user="U0GONE"))["user"]["deleted"]
    assert (await client.usergroups_users_list(usergroup="S0DBA"))["users"] == ["U0GUEST"]
    found = await client.users_lookupByEmail(email="Alice@Example.com")
    assert found["user"]["id"] == ALICE
