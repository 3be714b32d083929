"""Channels as Slack has them: names, members, archives, topics, what an app may see."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, BOB, OPS

pytestmark = pytest.mark.slow


async def refused(call: object) -> str:
    with pytest.raises(SlackApiError) as failure:
        await call  # type: ignore[misc]
    return str(failure.value.response["error"])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "invalid_name_required"),
        ("x" * 81, "invalid_name_maxlength"),
        ("Incident", "invalid_name_specials"),
        ("inc 1", "invalid_name_specials"),
        ("--", "invalid_name_punctuation"),
    ],
)
async def test_a_bad_name_is_refused(client: AsyncWebClient, name: str, error: str) -> None:
    assert await refused(client.conversations_create(name=name)) == error


async def test_an_archived_channel_keeps_its_name(client: AsyncWebClient) -> None:
    made = await client.conversations_create(name="inc-1")
    await client.conversations_archive(channel=made["channel"]["id"])
    assert await refused(client.conversations_create(name="inc-1")) == "name_taken"


async def test_nothing_is_said_or_changed_in_an_archived_channel(client: AsyncWebClient) -> None:
    channel = (await client.conversations_create(name="inc-1"))["channel"]["id"]
    ts = (await client.chat_postMessage(channel=channel, text="x"))["ts"]
    await client.conversations_archive(channel=channel)
    assert await refused(client.chat_postMessage(channel=channel, text="x")) == "is_archived"
    assert await refused(client.chat_update(channel=channel, ts=ts, text="y")) == "is_inactive"
    assert await refused(client.conversations_setTopic(channel=channel, topic="t")) == (
        "is_archived"
    )
    assert await refused(client.conversations_archive(channel=channel)) == "already_archived"


async def test_a_private_channel_without_the_app_is_not_found(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    secret = workspace.add_channel("secret", [ALICE], private=True, with_bot=False)
    assert await refused(client.conversations_info(channel=secret)) == "channel_not_found"
    assert await refused(client.chat_postMessage(channel=secret, text="x")) == (
        "channel_not_found"
    )
    assert await refused(client.conversations_create(name="secret")) == "name_taken"


async def test_a_public_channel_without_the_app_takes_no_post(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    other = workspace.add_channel("other", [ALICE], with_bot=False)
    assert await refused(client.chat_postMessage(channel=other, text="x")) == "not_in_channel"
    await client.conversations_join(channel=other)
    assert (await client.chat_postMessage(channel=other, text="x"))["ok"]


async def test_people_are_invited_once(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.add_person("U0GONE", "gone", deleted=True)
    channel = (await client.conversations_create(name="inc-1"))["channel"]["id"]
    await client.conversations_invite(channel=channel, users=[ALICE])
    again = client.conversations_invite(channel=channel, users=[ALICE])
    assert await refused(again) == "already_in_channel"
    unknown = client.conversations_invite(channel=channel, users=[BOB, "U0NOBODY"])
    assert await refused(unknown) == "user_not_found"
    assert BOB not in workspace.channel(channel).members
    gone = client.conversations_invite(channel=channel, users=["U0GONE"])
    assert await refused(gone) == "cant_invite"


async def test_force_invites_whom_it_can_and_says_the_rest(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    channel = (await client.conversations_create(name="inc-1"))["channel"]["id"]
    answer = await client.conversations_invite(
        channel=channel, users=[BOB, "U0NOBODY"], force=True
    )
    assert answer["errors"][0]["error"] == "user_not_found"
    assert BOB in workspace.channel(channel).members


async def test_a_topic_has_250_characters(workspace: Workspace, client: AsyncWebClient) -> None:
    await client.conversations_setTopic(channel=OPS, topic="t" * 250)
    assert workspace.channel(OPS).topic.value == "t" * 250
    assert await refused(client.conversations_setTopic(channel=OPS, topic="t" * 251)) == (
        "too_long"
    )


async def test_channels_are_listed_page_by_page(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    for number in range(4):
        workspace.add_channel(f"c{number}")
    names, cursor = [], ""
    while True:
        page = await client.conversations_list(limit=2, cursor=cursor)
        names += [channel["name"] for channel in page["channels"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert names == ["ops", "c0", "c1", "c2", "c3"]


async def test_a_direct_message_is_opened_once(client: AsyncWebClient) -> None:
    first = await client.conversations_open(users=[ALICE])
    again = await client.conversations_open(users=[ALICE])
    assert first["channel"]["id"] == again["channel"]["id"] and again["already_open"]
