"""What a person does reaches the app over real Socket Mode, and what it answers is seen."""

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, OPS

pytestmark = pytest.mark.slow

MODAL = {
    "type": "modal",
    "callback_id": "start",
    "title": {"type": "plain_text", "text": "Start"},
    "submit": {"type": "plain_text", "text": "Go"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why"},
            "element": {"type": "plain_text_input", "action_id": "answer"},
        }
    ],
}


async def test_a_command_is_acked_and_its_answer_is_seen_by_one_person(
    workspace: Workspace, app: AsyncApp
) -> None:
    @app.command("/runbook")
    async def runbook(ack: Any, command: Any) -> None:
        await ack(f"you said {command['text']}")

    ack = await workspace.command(ALICE, OPS, "/runbook", "list")
    assert ack.acked and ack.ms < 3000
    assert [m["text"] for m in workspace.ephemerals(ALICE, OPS)] == ["you said list"]
    assert workspace.messages(OPS) == []


async def test_a_button_of_a_posted_message_edits_it(
    workspace: Workspace, app: AsyncApp, client: AsyncWebClient
) -> None:
    @app.action("approve")
    async def approve(ack: Any, body: Any) -> None:
        await ack()
        await client.chat_update(
            channel=OPS, ts=body["message"]["ts"], text=f"by {body['user']['id']}", blocks=[]
        )

    button = {
        "type": "button",
        "action_id": "approve",
        "value": "1",
        "text": {"type": "plain_text", "text": "Approve"},
    }
    blocks = [{"type": "actions", "elements": [button]}]
    posted = await client.chat_postMessage(channel=OPS, text="may I?", blocks=blocks)
    ack = await workspace.click(ALICE, OPS, posted["ts"], None, "approve", "1")
    assert ack.acked
    (message,) = workspace.messages(OPS)
    assert message["text"] == f"by {ALICE}" and "blocks" not in message


async def test_a_modal_is_opened_filled_in_and_submitted(
    workspace: Workspace, app: AsyncApp, client: AsyncWebClient
) -> None:
    seen: list[str] = []

    @app.command("/runbook")
    async def runbook(ack: Any, command: Any) -> None:
        await ack()
        await client.views_open(trigger_id=command["trigger_id"], view=MODAL)

    @app.view("start")
    async def start(ack: Any, view: Any) -> None:
        seen.append(view["state"]["values"]["why"]["answer"]["value"])
        await ack()

    await workspace.command(ALICE, OPS, "/runbook")
    (view,) = await workspace.wait_for(lambda: workspace.views(ALICE))
    assert (await workspace.submit_view(ALICE, view["id"])).errors
    assert (await workspace.submit_view(ALICE, view["id"], {"why": "because"})).acked
    assert seen == ["because"] and workspace.views(ALICE) == []


async def test_a_slow_app_leaves_an_operation_timeout_before_the_person(
    workspace: Workspace, app: AsyncApp
) -> None:
    called, go_on = asyncio.Event(), asyncio.Event()

    @app.command("/runbook")
    async def runbook(ack: Any) -> None:
        called.set()
        await go_on.wait()
        await ack()

    acting = asyncio.create_task(workspace.command(ALICE, OPS, "/runbook"))
    await called.wait()
    workspace.clock.advance(3.1)
    assert (await acting).error == "operation_timeout"
    assert workspace.errors(ALICE) == ['/runbook failed with the error "operation_timeout"']
    go_on.set()


async def test_without_a_connection_a_command_fails_to_be_dispatched(
    workspace: Workspace,
) -> None:
    assert (await workspace.command(ALICE, OPS, "/runbook")).error == "dispatch_failed"
