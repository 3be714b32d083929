"""Somebody who can say what Slack says decides nothing from where the bot did not ask."""

import json
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.views import names
from sandbox.box import Box
from tests.scenarios.stage import GENERAL, NOT_HERE, Incident, Message, Person, until
from tests.slack.forging import of_team, press


async def test_an_approval_counts_on_its_own_card_and_nowhere_else(
    company: Box, dana: Person, ravi: Person
) -> None:
    await company.switch("bad-deploy", on=True)
    room = await dana.starts()
    card = await room.offers(f"{names.PICK}:roll_back")
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")

    for channel in (room.channel, GENERAL):
        copy = await _copy(company, asked, channel)
        await ravi.presses(copy, channel, names.APPROVE)
        await ravi.is_told(NOT_HERE, channel)
    forged = _forged_clicks(company, ravi, room, _approval_of(asked))
    for payload in forged:
        assert (await company.slack.carry("interactive", payload)).acked
    refused = 2 + len(forged)
    await until(company, lambda: len(_refusals(ravi, room, GENERAL)) == refused or None)
    assert company.updates("complyai-core") == 0

    await ravi.presses(asked, room.channel, names.APPROVE)
    await until(company, lambda: company.aws.is_well("complyai-core") or None)
    assert company.updates("complyai-core") == 1


async def _copy(company: Box, asked: Message, channel: str) -> Message:
    """A message of the app itself, by somebody who has its token."""
    client = AsyncWebClient(company.slack.bot_token, base_url=company.slack.api_url)
    said = await client.chat_postMessage(
        channel=channel, text=asked["text"], blocks=list(asked["blocks"])
    )
    return {"ts": said["ts"]}


def _forged_clicks(
    company: Box, ravi: Person, room: Incident, approval: str
) -> list[dict[str, Any]]:
    """On every other message of the run, on one that is not there, and on none."""
    shown = [room.card, *room.thread, {"ts": "1.000001"}]
    places: list[dict[str, Any]] = [
        {"type": "message", "message_ts": str(one["ts"]), "channel_id": room.channel}
        for one in shown
    ]
    places.append({"type": "view", "view_id": "V0HOME"})
    return [_click(company, ravi, room, approval, place, n) for n, place in enumerate(places)]


def _click(
    company: Box, ravi: Person, room: Incident, approval: str, place: dict[str, Any], n: int
) -> dict[str, Any]:
    click = press(
        approval,
        names.APPROVE,
        user={"id": ravi.id, "team_id": company.slack.team.id},
        channel={"id": room.channel, "name": room.name},
        container=place,
    )
    if place["type"] == "view":
        click["view"] = {"id": place["view_id"], "type": "home"}
    click["actions"][0]["action_ts"] = f"{n}.5"
    return of_team(click, company.slack.team.id)


def _refusals(ravi: Person, room: Incident, *channels: str) -> list[str]:
    told = [one for where in (room.channel, *channels) for one in ravi.told(where)]
    return [one for one in told if NOT_HERE in one]


def _approval_of(asked: Message) -> str:
    for block in asked["blocks"]:
        for element in block.get("elements", ()):
            if element.get("action_id") == names.APPROVE:
                return str(element["value"])
    raise AssertionError(json.dumps(asked["blocks"]))
