"""Each fault does what its name says, to the real client."""

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, OPS

pytestmark = pytest.mark.slow


async def test_a_dropped_answer_leaves_the_message_there(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.faults.drop_after_storing("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=OPS, text="once")
    assert [message["text"] for message in workspace.messages(OPS)] == ["once"]
    assert workspace.calls[-1].status == "dropped"


async def test_a_call_dropped_before_it_is_stored_did_nothing(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.faults.drop_before_storing("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=OPS, text="never")
    assert workspace.messages(OPS) == []


async def test_a_late_answer_times_out_and_the_message_is_there(workspace: Workspace) -> None:
    client = AsyncWebClient(
        workspace.bot_token, base_url=workspace.api_url, retry_handlers=[], timeout=1
    )
    workspace.faults.late_answer("chat.postMessage", seconds=60)
    with pytest.raises(TimeoutError):
        await client.chat_postMessage(channel=OPS, text="slow")
    assert [message["text"] for message in workspace.messages(OPS)] == ["slow"]


async def test_a_rate_limit_storm_lasts_as_often_as_it_was_told(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.faults.rate_limit("chat.postMessage", times=2, retry_after_s=7)
    for _ in range(2):
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel=OPS, text="x")
        assert refused.value.response.headers["Retry-After"] == "7"
    assert (await client.chat_postMessage(channel=OPS, text="x"))["ok"]


async def test_a_server_error_stores_nothing(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.faults.server_error("chat.postMessage")
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=OPS, text="x")
    assert refused.value.response.status_code == 503
    assert workspace.messages(OPS) == []


async def test_a_documented_error_can_be_ordered(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.faults.refuse("conversations.create", "restricted_action")
    with pytest.raises(SlackApiError, match="restricted_action"):
        await client.conversations_create(name="inc-1")


async def test_faults_are_turned_on_and_off_over_http(workspace: Workspace) -> None:
    async with aiohttp.ClientSession(workspace.url) as session:
        fault = {"name": "delay", "method": "chat.update", "seconds": 2.0}
        async with session.post("/control/faults", json=fault) as answer:
            assert (await answer.json())["active"][0]["method"] == "chat.update"
        async with session.post("/control/faults", json={"name": "rain"}) as answer:
            assert answer.status == 400
        async with session.delete("/control/faults") as answer:
            assert (await answer.json())["active"] == []


async def test_a_killed_socket_comes_back(workspace: Workspace, app: AsyncApp) -> None:
    workspace.faults.kill_sockets()
    await workspace.wait_for(lambda: not workspace.socket_mode.connections)
    await workspace.wait_for(lambda: workspace.socket_mode.connections)


async def test_no_connection_lasts_until_it_is_cleared(
    workspace: Workspace, app: AsyncApp
) -> None:
    workspace.faults.no_connection()
    await workspace.wait_for(lambda: not workspace.socket_mode.connections)
    assert (await workspace.command(ALICE, OPS, "/runbook")).error == "dispatch_failed"


async def test_a_ticket_opens_one_connection(workspace: Workspace, client: AsyncWebClient) -> None:
    opened = await client.apps_connections_open(app_token=workspace.app_token)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(opened["url"]) as socket:
            assert (await socket.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(opened["url"])
    assert refused.value.status == 401


async def test_a_refused_handshake_spends_the_ticket(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.faults.refuse_handshake()
    opened = await client.apps_connections_open(app_token=workspace.app_token)
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(opened["url"])


async def test_where_a_file_is_shared_is_shown_late(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.faults.late_shares()
    shared = await client.files_upload_v2(channel=OPS, filename="a.txt", content="rows")
    early, later = [(await client.files_info(file=shared["file"]["id"]))["file"] for _ in range(2)]
    assert (early["shares"], early["channels"]) == ({}, [])
    assert later["channels"] == [OPS]
