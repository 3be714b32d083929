"""Somebody stops all changes in the middle of an incident, and lets them go on again."""

from bot.slack.views import names
from sandbox.box import Box
from tests.scenarios.stage import Person, has, until

ALERTS = "C0ALERTS"


async def test_while_changes_are_stopped_nothing_is_rolled_back_and_everybody_sees_why(
    company: Box, dana: Person, ravi: Person, lena: Person, vera: Person
) -> None:
    await company.switch("bad-deploy", on=True)
    room = await dana.starts()
    card = await room.offers(f"{names.PICK}:roll_back")
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")
    assert has(asked, names.APPROVE)

    refused = await vera.types("freeze let me try")
    assert "You need the role" in refused.payload["text"]
    stopped = await lena.types("freeze it's the dashboard that is odd")
    assert "All changes to outside systems are stopped" in stopped.payload["text"]
    await until(company, lambda: _told(company, "ALL CHANGES ARE STOPPED"))
    shown = await room.says("It cannot be approved now.")
    assert shown["ts"] == asked["ts"] and not has(shown, f"{names.APPROVE}")
    await until(company, lambda: "ALL CHANGES ARE STOPPED" in room.card["text"] or None)
    assert "it's the dashboard" in (await ravi.types("status")).payload["text"]
    assert not company.aws.is_well("complyai-core")

    await ravi.types("thaw it was the dashboard")
    await until(company, lambda: _told(company, "CHANGES GO ON"))
    again = await until(
        company, lambda: next((m for m in room.messages if has(m, names.APPROVE)), None)
    )
    await ravi.presses(again, room.channel, names.APPROVE)
    await until(company, lambda: company.aws.is_well("complyai-core") or None)
    assert company.updates("complyai-core") == 1


def _told(company: Box, words: str) -> object:
    return [one for one in company.slack.messages(ALERTS) if words in one["text"]]
