"""At night, during a freeze, with nobody else there: somebody breaks the glass."""

import json

from bot.slack.views import names
from sandbox.box import Box
from tests.scenarios.stage import GENERAL, Incident, Message, Person, has, until

ALERTS = "C0ALERTS"
WHY = "Nobody answers the page, and customers cannot log in."
FOUND = "It was right. On-call needs a second person at night."


async def test_a_bad_deploy_is_rolled_back_during_a_freeze_by_one_alone_and_reviewed_by_another(
    company: Box, dana: Person, lena: Person, vera: Person
) -> None:
    omar = Person(company, "U0OMAR")
    await lena.types("freeze the sale of the year")
    await company.switch("bad-deploy", on=True)
    room = await dana.starts()
    card = await room.offers(f"{names.PICK}:roll_back")
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")
    assert not has(asked, f"{names.APPROVE}")

    await vera.presses(asked, room.channel, names.BREAK_GLASS)
    await vera.is_told("You need the role operator or leadership", room.channel)
    await _breaks_the_glass(dana, room, asked)
    await until(company, lambda: company.aws.is_well("complyai-core") or None)
    assert company.updates("complyai-core") == 1
    await room.says("GLASS BROKEN · CHANGE")
    assert WHY in str((await lena.types("status")).payload["blocks"])
    assert not [one for one in room.messages if "APPROVED" in one["text"]]

    told = await _told(company, "NOT REVIEWED YET")
    assert "<@U0DANA>" in told["text"] and WHY in told["text"]
    assert "frozen by @lena" in told["text"] and "<!subteam^S0SECURITY>" in told["text"]
    await dana.presses(told, ALERTS, names.REVIEW)
    await dana.is_told("You need the role security or leadership", ALERTS)
    await omar.presses(told, ALERTS, names.REVIEW)
    form = await omar.sees_form(names.REVIEW_MODAL)
    assert not (await omar.submits(form, {names.REASON: FOUND})).errors

    closed = await _told(company, "REVIEWED by <@U0OMAR>")
    assert closed["ts"] == told["ts"] and FOUND in closed["text"]
    assert not has(closed, names.REVIEW)
    await until(company, lambda: "REVIEWED by <@U0OMAR>" in room.card["text"] or None)
    assert "No broken glass waits" in (await omar.types("reviews")).payload["text"]
    await _the_log_tells_it(company, omar, _run_of(card))


async def _the_log_tells_it(company: Box, omar: Person, run_id: str) -> None:
    await omar.types(f"audit {run_id}")
    await omar.is_told("The log is whole")
    trail = json.dumps(company.slack.ephemerals(omar.id, GENERAL)[-1]["blocks"])
    for entry in ("glass broken", "change intended", "plan applied", "glass reviewed"):
        assert f'"{entry}"' in trail, entry
    assert '"approved"' not in trail


async def _breaks_the_glass(dana: Person, room: Incident, asked: Message) -> None:
    await dana.presses(asked, room.channel, names.BREAK_GLASS)
    form = await dana.sees_form(names.GLASS_MODAL)
    assert "THIS GOES THROUGH WITHOUT APPROVAL" in json.dumps(form)
    wrong = await dana.submits(form, {names.TYPED: "core", names.REASON: "because"})
    assert set(wrong.errors) == {names.TYPED, names.REASON}
    right = {names.TYPED: "complyai-core", names.REASON: WHY}
    assert not (await dana.submits(form, right)).errors


async def _told(company: Box, words: str) -> Message:
    def there() -> Message | None:
        broken = [m for m in company.slack.messages(ALERTS) if "GLASS BROKEN" in m["text"]]
        found = [one for one in broken if words in one["text"]]
        return found[0] if found and len(broken) == 1 else None

    return await until(company, there)


def _run_of(card: Message) -> str:
    return json.dumps(card).split('"value": "')[1].split(" ")[0]
