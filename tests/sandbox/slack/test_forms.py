"""Modals and Home tabs: triggers, the stack, hashes, what is filled in, what an answer does."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack.answers import CannotDo
from sandbox.slack.wire import Json
from sandbox.slack.workspace import Workspace
from tests.sandbox.slack.conftest import ALICE, BOB, OPS

pytestmark = pytest.mark.slow

Opener = Callable[[Json], Awaitable[Json]]


def field(block_id: str, element: Json, **more: object) -> Json:
    label = {"type": "plain_text", "text": block_id}
    element = {"action_id": "answer", **element}
    return {"type": "input", "block_id": block_id, "label": label, "element": element, **more}


def modal(*blocks: Json, **more: object) -> Json:
    words = {"type": "plain_text", "text": "Words"}
    return {"type": "modal", "title": words, "submit": words, "blocks": list(blocks), **more}


def option(value: str) -> Json:
    return {"text": {"type": "plain_text", "text": value.upper()}, "value": value}


NAME = field("name", {"type": "plain_text_input", "min_length": 3})
NEXT = {
    "type": "actions",
    "block_id": "next",
    "elements": [
        {"type": "button", "action_id": "next", "text": {"type": "plain_text", "text": "Next"}}
    ],
}


async def refused(call: object) -> str:
    with pytest.raises(SlackApiError) as failure:
        await call  # type: ignore[misc]
    return str(failure.value.response["error"])


@pytest.fixture
def opener(workspace: Workspace, client: AsyncWebClient) -> Opener:
    async def open_(view: Json) -> Json:
        trigger = workspace.team.triggers.issue(ALICE)
        opened = await client.views_open(trigger_id=trigger, view=view)
        found: Json = opened["view"]
        return found

    return open_


async def test_a_trigger_opens_one_view_within_three_seconds(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    trigger = workspace.team.triggers.issue(ALICE)
    await client.views_open(trigger_id=trigger, view=modal(NAME))
    again = client.views_open(trigger_id=trigger, view=modal(NAME))
    assert await refused(again) == "exchanged_trigger_id"
    late = workspace.team.triggers.issue(ALICE)
    workspace.clock.advance(3.1)
    assert await refused(client.views_open(trigger_id=late, view=modal(NAME))) == (
        "expired_trigger_id"
    )
    assert await refused(client.views_open(trigger_id="1.2.x", view=modal(NAME))) == (
        "invalid_trigger_id"
    )


async def test_a_bad_view_is_refused_with_a_pointer(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    trigger = workspace.team.triggers.issue(ALICE)
    view = modal(NAME, title={"type": "plain_text", "text": "t" * 25})
    with pytest.raises(SlackApiError) as failure:
        await client.views_open(trigger_id=trigger, view=view)
    (message,) = failure.value.response["response_metadata"]["messages"]
    assert "json-pointer:/title/text" in message


async def test_a_stack_is_three_deep(
    workspace: Workspace, client: AsyncWebClient, opener: Opener
) -> None:
    await opener(modal(NAME))
    for _ in range(2):
        trigger = workspace.team.triggers.issue(ALICE)
        await client.views_push(trigger_id=trigger, view=modal(NAME))
    trigger = workspace.team.triggers.issue(ALICE)
    assert await refused(client.views_push(trigger_id=trigger, view=modal(NAME))) == (
        "push_limit_reached"
    )
    assert len(workspace.views(ALICE)) == 3


async def test_an_update_with_an_old_hash_is_a_conflict(
    client: AsyncWebClient, opener: Opener
) -> None:
    view = await opener(modal(NAME))
    updated = await client.views_update(
        view_id=view["id"], hash=view["hash"], view=modal(NAME, NEXT)
    )
    assert updated["view"]["hash"] != view["hash"]
    again = client.views_update(view_id=view["id"], hash=view["hash"], view=modal(NAME))
    assert await refused(again) == "hash_conflict"


async def test_what_was_filled_in_survives_an_update(
    workspace: Workspace, app: AsyncApp, client: AsyncWebClient, opener: Opener
) -> None:
    seen: list[Json] = []

    @app.action("next")
    async def next_(ack: Any, body: Any) -> None:
        seen.append(body["view"]["state"]["values"])
        await ack()

    view = await opener(modal(NAME, NEXT))
    typed = {"type": "plain_text_input", "value": "Ada"}
    await workspace.click(
        ALICE, None, view["id"], "next", "next", state={"name": {"answer": typed}}
    )
    updated = await client.views_update(view_id=view["id"], view=modal(NAME))
    assert seen == [{"name": {"answer": typed}}]
    assert updated["view"]["state"]["values"] == {"name": {"answer": typed}}


async def test_errors_keep_the_modal_and_what_was_typed(
    workspace: Workspace, app: AsyncApp, opener: Opener
) -> None:
    @app.view("who")
    async def who(ack: Any) -> None:
        await ack(response_action="errors", errors={"name": "nobody of this name"})

    view = await opener(modal(NAME, callback_id="who"))
    ack = await workspace.submit_view(ALICE, view["id"], {"name": "Ada"})
    assert ack.errors == {"name": "nobody of this name"}
    (shown,) = workspace.views(ALICE)
    assert shown["state"]["values"]["name"]["answer"]["value"] == "Ada"


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({}, 1),
        ({"response_action": "clear"}, 0),
        ({"response_action": "update", "view": modal(NEXT)}, 2),
        ({"response_action": "push", "view": modal(NEXT)}, 3),
    ],
    ids=str,
)
async def test_an_answer_acts_on_the_stack(
    workspace: Workspace,
    app: AsyncApp,
    client: AsyncWebClient,
    opener: Opener,
    answer: Json,
    left: int,
) -> None:
    @app.view("top")
    async def top(ack: Any) -> None:
        await ack(**answer)

    await opener(modal(NAME))
    trigger = workspace.team.triggers.issue(ALICE)
    pushed = await client.views_push(trigger_id=trigger, view=modal(NAME, callback_id="top"))
    await workspace.submit_view(ALICE, pushed["view"]["id"], {"name": "Ada"})
    assert len(workspace.views(ALICE)) == left


async def test_errors_for_a_field_that_is_not_there_are_trouble(
    workspace: Workspace, app: AsyncApp, opener: Opener
) -> None:
    @app.view("who")
    async def who(ack: Any) -> None:
        await ack(response_action="errors", errors={"nothing": "x"})

    view = await opener(modal(NAME, callback_id="who"))
    ack = await workspace.submit_view(ALICE, view["id"], {"name": "Ada"})
    assert ack.error == "dispatch_failed" and "trouble" in workspace.errors(ALICE)[0]


async def test_slacks_client_holds_back_what_is_incomplete(
    workspace: Workspace, opener: Opener
) -> None:
    number = {"type": "number_input", "is_decimal_allowed": False, "max_value": "5"}
    view = await opener(modal(NAME, field("count", number)))
    ack = await workspace.submit_view(ALICE, view["id"], {"name": "Al", "count": 9})
    assert ack.error == "incomplete" and set(ack.errors) == {"name", "count"}


async def test_only_what_is_offered_can_be_chosen(
    workspace: Workspace, app: AsyncApp, opener: Opener
) -> None:
    @app.options("service")
    async def services(ack: Any, payload: Any) -> None:
        await ack(options=[option(payload["value"] + "-api")])

    @app.view("pick")
    async def pick(ack: Any, view: Any) -> None:
        picked.append(view["state"]["values"]["service"]["service"]["selected_option"]["value"])
        await ack()

    picked: list[str] = []
    external = {"type": "external_select", "action_id": "service"}
    view = await opener(modal(field("service", external), callback_id="pick"))
    with pytest.raises(CannotDo):
        await workspace.submit_view(ALICE, view["id"], {"service": "core-api"})
    options = await workspace.suggest(ALICE, None, view["id"], "service", "service", "core")
    assert [each["value"] for each in options] == ["core-api"]
    await workspace.submit_view(ALICE, view["id"], {"service": "core-api"})
    assert picked == ["core-api"]


async def test_a_modal_is_its_own_persons(workspace: Workspace, opener: Opener) -> None:
    view = await opener(modal(NAME, NEXT))
    with pytest.raises(CannotDo):
        await workspace.submit_view(BOB, view["id"], {"name": "Ada"})
    with pytest.raises(CannotDo):
        await workspace.click(BOB, None, view["id"], None, "next")


async def test_closing_is_told_to_the_app_that_asked(
    workspace: Workspace, app: AsyncApp, opener: Opener
) -> None:
    closed: list[bool] = []

    @app.view_closed("who")
    async def who(ack: Any, body: Any) -> None:
        closed.append(body["is_cleared"])
        await ack()

    view = await opener(modal(NAME, callback_id="who", notify_on_close=True))
    await workspace.close_view(ALICE, view["id"])
    assert closed == [False] and workspace.views(ALICE) == []


async def test_a_home_tab_is_published_to_one_person(
    workspace: Workspace, app: AsyncApp, client: AsyncWebClient
) -> None:
    @app.event("app_home_opened")
    async def opened(event: Any) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [NEXT]})

    await workspace.open_home(ALICE)
    home = await workspace.wait_for(lambda: workspace.home(ALICE))
    assert home and home["blocks"][0]["block_id"] == "next" and workspace.home(BOB) is None


async def test_a_button_that_is_not_there_cannot_be_pressed(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel=OPS, text="x", blocks=[NEXT])
    await client.chat_update(channel=OPS, ts=posted["ts"], text="done", blocks=[])
    with pytest.raises(CannotDo):
        await workspace.click(ALICE, OPS, posted["ts"], None, "next")
