"""The contract the browser page is built against."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, BOB, OPS

pytestmark = pytest.mark.slow


@pytest.fixture
async def page(workspace: Workspace) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(workspace.url) as session:
        yield session


async def post(page: aiohttp.ClientSession, name: str, **body: object) -> Any:
    async with page.post(f"/page/{name}", json=body) as answer:
        return await answer.json()


async def seen(page: aiohttp.ClientSession, user: str) -> Any:
    async with page.get("/page/messages", params={"user": user, "channel": OPS}) as answer:
        return (await answer.json())["messages"]


async def test_the_state_names_the_person_their_channels_and_the_commands(
    workspace: Workspace, page: aiohttp.ClientSession
) -> None:
    secret = workspace.add_channel("secret", [BOB], private=True)
    async with page.get("/page/state", params={"user": ALICE}) as answer:
        state = await answer.json()
    assert state["me"]["name"] == "alice"
    assert [channel["name"] for channel in state["channels"]] == ["ops"]
    assert secret not in [channel["id"] for channel in state["channels"]]
    assert state["commands"][0]["command"] == "/runbook"


async def test_an_ephemeral_message_is_shown_to_one_person_only(
    workspace: Workspace, client: AsyncWebClient, page: aiohttp.ClientSession
) -> None:
    await client.chat_postEphemeral(channel=OPS, user=ALICE, text="psst")
    assert [(m["text"], m["ephemeral"]) for m in await seen(page, ALICE)] == [("psst", True)]
    assert await seen(page, BOB) == []


async def test_a_direct_message_bears_the_name_of_the_other_person(
    workspace: Workspace, client: AsyncWebClient, page: aiohttp.ClientSession
) -> None:
    await client.chat_postMessage(channel=ALICE, text="psst")
    async with page.get("/page/state", params={"user": ALICE}) as answer:
        state = await answer.json()
    (direct,) = [channel for channel in state["channels"] if channel["is_im"]]
    assert direct["user"] == state["app"]["user_id"]


async def test_the_page_is_told_of_a_new_message(
    workspace: Workspace, client: AsyncWebClient, page: aiohttp.ClientSession
) -> None:
    async with page.ws_connect("/page/events", params={"user": ALICE}) as events:
        assert (await events.receive_json(timeout=30)) == {"type": "view", "view": None}
        await client.chat_postMessage(channel=OPS, text="hello")
        event = await events.receive_json(timeout=30)
    assert event == {"type": "message", "channel": OPS}


async def test_a_choice_at_the_page_reaches_the_app(
    workspace: Workspace, app: AsyncApp, client: AsyncWebClient, page: aiohttp.ClientSession
) -> None:
    chosen: list[str] = []

    @app.action("pick")
    async def pick(ack: Any, action: Any) -> None:
        chosen.append(action["selected_option"]["value"])
        await ack()

    option = {"text": {"type": "plain_text", "text": "One"}, "value": "1"}
    select = {"type": "static_select", "action_id": "pick", "options": [option]}
    blocks = [{"type": "actions", "block_id": "b", "elements": [select]}]
    posted = await client.chat_postMessage(channel=OPS, text="pick", blocks=blocks)
    where = {"user": ALICE, "channel": OPS, "ts": posted["ts"], "block_id": "b"}
    assert await post(page, "action", **where, action_id="pick", selected_option=option) == {}
    assert chosen == ["1"]


async def test_a_command_that_nobody_takes_is_shown_in_red(
    workspace: Workspace, page: aiohttp.ClientSession
) -> None:
    async with page.ws_connect("/page/events", params={"user": ALICE}) as events:
        await events.receive_json(timeout=30)
        await post(page, "command", user=ALICE, channel=OPS, text="/runbook list")
        event = await events.receive_json(timeout=30)
    text = '/runbook failed with the error "dispatch_failed"'
    assert event == {"type": "error", "text": text}


async def test_everything_the_page_is_made_of_is_there(page: aiohttp.ClientSession) -> None:
    async with page.get("/") as answer:
        named = re.findall(r'(?:href|src)="(/page/[^"]+)"', await answer.text())
    seen = set[str]()
    while fresh := [name for name in named if name not in seen]:
        for name in fresh:
            async with page.get(name) as answer:
                assert answer.status == 200, name
                content = await answer.text()
            seen.add(name)
            named += [f"/page/{one}" for one in re.findall(r'from "\./([^"]+)"', content)]
    assert {"/page/page.css", "/page/app.js", "/page/modal.js"} <= seen


async def test_another_sites_page_may_not_act(page: aiohttp.ClientSession) -> None:
    headers = {"Origin": "http://elsewhere.example"}
    body = {"user": ALICE, "channel": OPS, "text": "x"}
    async with page.post("/page/say", json=body, headers=headers) as answer:
        assert answer.status == 403


async def test_files_beside_the_page_are_out_of_reach(page: aiohttp.ClientSession) -> None:
    async with page.get("/page/%2e%2e/workspace.py") as answer:
        assert answer.status == 404
