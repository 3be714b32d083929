"""Socket Mode's rules about connections and retries, and HTTP mode's signed requests."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.wire import Json
from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, OPS

pytestmark = pytest.mark.slow


async def connect(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> aiohttp.ClientWebSocketResponse:
    opened = await client.apps_connections_open(app_token=workspace.app_token)
    return await session.ws_connect(opened["url"])


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_an_ack_counts_from_any_connection(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    one = await connect(workspace, client, session)
    other = await connect(workspace, client, session)
    assert [(await s.receive_json())["num_connections"] for s in (one, other)] == [1, 2]
    acting = asyncio.create_task(workspace.command(ALICE, OPS, "/runbook"))
    reads = [asyncio.create_task(each.receive_json()) for each in (one, other)]
    done, waiting = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
    envelope = done.pop().result()
    silent = one if reads[1] not in waiting else other
    waiting.pop().cancel()
    await silent.send_json({"envelope_id": envelope["envelope_id"]})
    assert (await acting).acked


async def test_the_eleventh_connection_is_sent_away(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    sockets = []
    for _ in range(11):
        workspace.clock.advance(60)
        sockets.append(await connect(workspace, client, session))
        hello = await sockets[-1].receive_json()
    assert (hello["type"], hello["reason"]) == ("disconnect", "too_many_websockets")
    assert workspace.socket_mode.connections == 10


async def test_an_event_nobody_acked_comes_again(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    connection = await connect(workspace, client, session)
    await connection.receive_json()
    await workspace.say(ALICE, OPS, "hello")
    first = await connection.receive_json()
    workspace.clock.advance(3.1)
    second = await connection.receive_json()
    workspace.clock.advance(3.1)
    await workspace.wait_for(lambda: workspace.events.missed == 2)
    workspace.clock.advance(61)
    third = await connection.receive_json()
    await connection.send_json({"envelope_id": third["envelope_id"]})
    assert [e["retry_attempt"] for e in (first, second, third)] == [0, 1, 2]
    assert first["payload"] == second["payload"] == third["payload"]


async def test_an_app_told_to_refresh_connects_anew(workspace: Workspace, app: AsyncApp) -> None:
    seen: list[str] = []

    @app.command("/runbook")
    async def runbook(ack: Any, command: Any) -> None:
        seen.append(command["text"])
        await ack()

    opened = workspace.socket_mode.opened
    await workspace.socket_mode.disconnect("refresh_requested")
    await workspace.wait_for(lambda: workspace.socket_mode.opened > opened)
    assert (await workspace.command(ALICE, OPS, "/runbook", "again")).acked
    assert seen == ["again"]


@pytest.fixture
async def over_http() -> AsyncIterator[tuple[Workspace, AsyncApp]]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    workspace = Workspace(request_url=f"http://127.0.0.1:{port}/slack/events")
    workspace.add_person(ALICE, "alice")
    workspace.add_channel("ops", [ALICE], id=OPS)
    await workspace.start()
    client = AsyncWebClient(workspace.bot_token, base_url=workspace.api_url)
    app = AsyncApp(
        client=client, signing_secret=workspace.signing_secret, process_before_response=True
    )
    runner = web.AppRunner(app.web_app(), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    yield workspace, app
    await runner.cleanup()
    await workspace.stop()


async def test_a_signed_command_is_acked_over_http(
    over_http: tuple[Workspace, AsyncApp],
) -> None:
    workspace, app = over_http

    @app.command("/runbook")
    async def runbook(ack: Any) -> None:
        await ack("done")

    assert await workspace.verify_request_url()
    assert (await workspace.command(ALICE, OPS, "/runbook")).acked
    assert [m["text"] for m in workspace.ephemerals(ALICE, OPS)] == ["done"]


async def test_a_failed_event_says_why_when_it_comes_again_over_http() -> None:
    headers: list[dict[str, str]] = []

    async def fail_once(request: web.Request) -> web.Response:
        headers.append(dict(request.headers))
        return web.Response(status=500 if len(headers) == 1 else 200)

    answering = web.Application()
    answering.router.add_post("/slack/events", fail_once)
    runner = web.AppRunner(answering, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    workspace = Workspace(request_url=f"http://127.0.0.1:{port}/slack/events")
    await workspace.start()
    try:
        workspace.add_person(ALICE, "alice")
        await workspace.open_home(ALICE)
        await workspace.wait_for(lambda: workspace.events.delivered)
    finally:
        await workspace.stop()
        await runner.cleanup()
    retried: Json = {name.lower(): value for name, value in headers[1].items()}
    assert (retried["x-slack-retry-num"], retried["x-slack-retry-reason"]) == ("1", "http_error")
