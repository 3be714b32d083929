"""A running workspace, and a real Bolt app connected to it over real Socket Mode."""

from collections.abc import AsyncIterator

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.workspace import Workspace

ALICE, BOB = "U0ALICE", "U0BOB"
OPS = "C0OPS"


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    workspace = Workspace()
    workspace.add_person(ALICE, "alice", "alice@example.com")
    workspace.add_person(BOB, "bob")
    workspace.add_channel("ops", [ALICE, BOB], id=OPS)
    await workspace.start()
    yield workspace
    await workspace.stop()


@pytest.fixture
def client(workspace: Workspace) -> AsyncWebClient:
    """As the bot has it: nothing is tried again behind its back."""
    return AsyncWebClient(
        token=workspace.bot_token, base_url=workspace.api_url, retry_handlers=[], timeout=5
    )


@pytest.fixture
async def app(workspace: Workspace, client: AsyncWebClient) -> AsyncIterator[AsyncApp]:
    app = AsyncApp(
        client=client,
        signing_secret=workspace.signing_secret,
        process_before_response=True,
    )
    handler = AsyncSocketModeHandler(app, workspace.app_token, ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await workspace.wait_connected()
    yield app
    await handler.close_async()  # type: ignore[no-untyped-call]
