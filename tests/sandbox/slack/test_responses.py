"""response_urls, over the addresses that payloads carry."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, BOB, OPS

pytestmark = pytest.mark.slow

BUTTON = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
BLOCKS = [{"type": "actions", "elements": [BUTTON]}]


@pytest.fixture
def urls(app: AsyncApp) -> list[str]:
    found: list[str] = []

    @app.command("/runbook")
    async def runbook(ack: Any, command: Any) -> None:
        found.append(command["response_url"])
        await ack()

    @app.action("go")
    async def go(ack: Any, body: Any) -> None:
        found.append(body["response_url"])
        await ack()

    return found


async def test_an_answer_is_private_unless_it_says_in_channel(
    workspace: Workspace, urls: list[str]
) -> None:
    await workspace.command(ALICE, OPS, "/runbook")
    webhook = AsyncWebhookClient(urls[0])
    await webhook.send(text="for you")
    await webhook.send(text="for all", response_type="in_channel")
    assert [m["text"] for m in workspace.ephemerals(ALICE, OPS)] == ["for you"]
    assert workspace.ephemerals(BOB, OPS) == []
    assert [m["text"] for m in workspace.messages(OPS)] == ["for all"]


async def test_an_address_is_good_for_five_answers(workspace: Workspace, urls: list[str]) -> None:
    await workspace.command(ALICE, OPS, "/runbook")
    webhook = AsyncWebhookClient(urls[0])
    statuses = [(await webhook.send(text="x")).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [404]


async def test_an_address_is_good_for_thirty_minutes(
    workspace: Workspace, urls: list[str]
) -> None:
    await workspace.command(ALICE, OPS, "/runbook")
    workspace.clock.advance(1801)
    assert (await AsyncWebhookClient(urls[0]).send(text="x")).status_code == 404


async def test_the_pressed_message_is_replaced_and_removed(
    workspace: Workspace, client: AsyncWebClient, urls: list[str]
) -> None:
    ts = (await client.chat_postMessage(channel=OPS, text="x", blocks=BLOCKS))["ts"]
    await workspace.click(ALICE, OPS, ts, None, "go")
    webhook = AsyncWebhookClient(urls[0])
    await webhook.send(text="gone on", replace_original=True)
    assert [(m["text"], "blocks" in m) for m in workspace.messages(OPS)] == [("gone on", False)]
    await webhook.send_dict({"delete_original": True})
    assert workspace.messages(OPS) == []


async def test_an_answer_to_a_press_replaces_unless_it_says_not(
    workspace: Workspace, client: AsyncWebClient, urls: list[str]
) -> None:
    ts = (await client.chat_postMessage(channel=OPS, text="x", blocks=BLOCKS))["ts"]
    await workspace.click(ALICE, OPS, ts, None, "go")
    webhook = AsyncWebhookClient(urls[0])
    await webhook.send(text="aside", replace_original=False)
    assert [m["text"] for m in workspace.messages(OPS)] == ["x"]
    assert [m["text"] for m in workspace.ephemerals(ALICE, OPS)] == ["aside"]
    await webhook.send(text="instead")
    assert [m["text"] for m in workspace.messages(OPS)] == ["instead"]


async def test_an_ephemeral_message_can_be_pressed_and_replaced(
    workspace: Workspace, client: AsyncWebClient, urls: list[str]
) -> None:
    answer = await client.chat_postEphemeral(channel=OPS, user=ALICE, text="x", blocks=BLOCKS)
    await workspace.click(ALICE, OPS, answer["message_ts"], None, "go")
    await AsyncWebhookClient(urls[0]).send(text="gone on", replace_original=True)
    assert [m["text"] for m in workspace.ephemerals(ALICE, OPS)] == ["gone on"]
