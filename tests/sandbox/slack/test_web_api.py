"""Tokens, arguments, scopes and limits of the Web API."""

import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.default_manifest import DEFAULT_MANIFEST
from sandbox.slack.tiers import TIERS, Limit
from sandbox.slack.wire import Json
from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import OPS

pytestmark = pytest.mark.slow


async def call(workspace: Workspace, method: str, **request: object) -> Json:
    async with (
        aiohttp.ClientSession() as session,
        session.post(workspace.api_url + method, **request) as answer,  # type: ignore[arg-type]
    ):
        body: Json = await answer.json()
        return body


async def test_a_call_without_a_token_is_not_authed(workspace: Workspace) -> None:
    assert (await call(workspace, "auth.test"))["error"] == "not_authed"


async def test_a_foreign_token_is_invalid(workspace: Workspace) -> None:
    answer = await call(workspace, "auth.test", data={"token": "xoxb-other"})
    assert answer["error"] == "invalid_auth"


async def test_each_token_is_for_its_own_methods(workspace: Workspace) -> None:
    with_bot = await call(workspace, "apps.connections.open", data={"token": workspace.bot_token})
    with_app = await call(workspace, "users.list", data={"token": workspace.app_token})
    assert with_bot["error"] == with_app["error"] == "not_allowed_token_type"


async def test_an_unknown_method_is_named(workspace: Workspace) -> None:
    answer = await call(workspace, "chat.shout", data={"token": workspace.bot_token})
    assert answer == {"ok": False, "error": "unknown_method", "req_method": "chat.shout"}


@pytest.mark.parametrize("form", ["query", "form", "multipart", "json"])
async def test_arguments_come_in_four_forms(workspace: Workspace, form: str) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "hi"}}]
    token = {"Authorization": f"Bearer {workspace.bot_token}"}
    flat = {"channel": OPS, "text": "hi", "blocks": json.dumps(blocks)}
    if form == "query":
        request: Json = {"params": flat}
    elif form == "json":
        request = {"json": {"channel": OPS, "text": "hi", "blocks": blocks}}
    elif form == "form":
        request = {"data": flat}
    else:
        parts = aiohttp.MultipartWriter("form-data")
        for name, value in flat.items():
            parts.append(value).set_content_disposition("form-data", name=name)
        request = {"data": parts}
    answer = await call(workspace, "chat.postMessage", headers=token, **request)
    assert answer["ok"], answer
    (message,) = workspace.messages(OPS)
    assert message["blocks"][0]["block_id"] and message["blocks"][0]["text"]["verbatim"] is False


async def test_a_missing_scope_says_what_is_needed_and_what_is_there() -> None:
    scopes = {"oauth_config": {"scopes": {"bot": ["chat:write"]}}}
    workspace = Workspace(manifest={**DEFAULT_MANIFEST, **scopes})
    await workspace.start()
    try:
        token = {"token": workspace.bot_token}
        answer = await call(workspace, "pins.add", data=token | {"channel": "C1"})
    finally:
        await workspace.stop()
    assert answer["error"] == "missing_scope"
    assert (answer["needed"], answer["provided"]) == ("pins:write", "chat:write")


async def test_a_private_channel_needs_its_own_scope() -> None:
    scopes = {"oauth_config": {"scopes": {"bot": ["channels:manage"]}}}
    workspace = Workspace(manifest={**DEFAULT_MANIFEST, **scopes})
    await workspace.start()
    try:
        args = {"token": workspace.bot_token, "name": "inc-1"}
        assert (await call(workspace, "conversations.create", data=args))["ok"]
        args |= {"name": "inc-2", "is_private": "true"}
        answer = await call(workspace, "conversations.create", data=args)
    finally:
        await workspace.stop()
    assert (answer["error"], answer["needed"]) == ("missing_scope", "groups:write")


async def test_a_method_over_its_tier_waits_and_others_go_on(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.team.tiers.limits["Tier2"] = Limit(per_minute=20, burst=2)
    for name in ("a", "b"):
        await client.conversations_create(name=name)
    with pytest.raises(SlackApiError) as refused:
        await client.conversations_create(name="c")
    assert refused.value.response.status_code == 429
    wait_s = int(refused.value.response.headers["Retry-After"])
    assert (await client.pins_list(channel=OPS))["ok"]
    workspace.clock.advance(wait_s)
    assert (await client.conversations_create(name="c"))["ok"]


def test_every_method_has_a_tier() -> None:
    from sandbox.slack.api.dispatch import METHODS

    assert set(METHODS) == set(TIERS)


async def test_the_log_never_holds_a_token(workspace: Workspace, client: AsyncWebClient) -> None:
    await client.auth_test()
    await call(workspace, "auth.test", data={"token": workspace.bot_token})
    assert workspace.bot_token not in str(workspace.calls)
