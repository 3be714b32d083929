"""RB-INC-001 as it goes in an incident: the real bot, in the whole company."""

import pytest

from bot.slack.views import names
from sandbox.box import Box
from tests.scenarios.stage import Incident, Person, incident, until


async def test_a_bad_deploy_is_rolled_back_after_somebody_else_approves(
    company: Box, dana: Person, ravi: Person
) -> None:
    await company.switch("bad-deploy", on=True)
    assert (await dana.types("RB-INC-001")).acked
    form = await dana.sees_form(names.START_MODAL)
    assert not (await dana.submits(form, {"brief_desc": "core-5xx"})).errors
    room = await _room(company)
    assert room.name.startswith("incident-") and room.name.endswith("-core-5xx")

    question = await room.says("Who leads")
    await ravi.presses(question, room.channel, names.CLAIM)
    card = await room.offers(f"{names.PICK}:roll_back")
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")
    await dana.presses(asked, room.channel, names.APPROVE)
    await dana.is_told("somebody else must approve", room.channel)
    assert not company.aws.is_well("complyai-core")

    await ravi.presses(asked, room.channel, names.APPROVE)
    await until(company, lambda: company.aws.is_well("complyai-core") or None)
    card = await room.offers(f"{names.UNDO}:roll_back")
    assert company.updates("complyai-core") == 1
    card = await room.offers(names.CLOSE)
    await dana.presses(card, room.channel, names.CLOSE)
    result = await room.says("FINISHED")
    assert "roll back to previous task definition" in str(result).lower()
    await until(company, lambda: _file(company, "meeting.ics"))
    await until(company, lambda: room.saying("Timeline of"))
    assert company.github.issues


async def test_a_database_that_is_down_is_failed_over_by_two_who_type_its_name(
    company: Box, dana: Person, ravi: Person, lena: Person
) -> None:
    await company.switch("database-down", on=True)
    room = await dana.starts("RB-INC-001 brief_desc=db-down")
    card = await room.offers(f"{names.PICK}:fail_over")
    await dana.presses(card, room.channel, f"{names.PICK}:fail_over")
    asked = await room.asks_for_approval("failover-db-cluster")

    await ravi.presses(asked, room.channel, names.APPROVE_DESTROY)
    form = await ravi.sees_form(names.APPROVE_MODAL)
    wrong = await ravi.submits(form, {names.TYPED: "complyai-production"})
    assert names.TYPED in wrong.errors
    assert not (await ravi.submits(form, {names.TYPED: "complyai-prod"})).errors
    assert company.aws.writer() == "complyai-prod-1"

    asked = await room.asks_for_approval("failover-db-cluster")
    await lena.presses(asked, room.channel, names.APPROVE_DESTROY)
    form = await lena.sees_form(names.APPROVE_MODAL)
    await lena.submits(form, {names.TYPED: "complyai-prod"})
    await until(company, lambda: company.aws.writer() == "complyai-prod-2" or None)
    await room.offers(f"{names.UNDO}:fail_over")
    calls = [one for one in company.aws.calls if one.operation == "FailoverDBCluster"]
    assert len(calls) == 1


async def test_a_vendor_that_is_down_gets_its_circuit_opened_and_closed_again(
    company: Box, dana: Person, ravi: Person
) -> None:
    await company.switch("vendor-down", on=True)
    room = await dana.starts("RB-INC-001 brief_desc=stripe")
    card = await room.offers(f"{names.PICK}:open_circuits")
    await dana.presses(card, room.channel, f"{names.PICK}:open_circuits")
    asked = await room.asks_for_approval("put-parameter")
    await ravi.presses(asked, room.channel, names.APPROVE)
    await until(
        company, lambda: company.aws.parameter("/complyai/circuit/stripe") == "open" or None
    )
    await room.shows("OK · Watch recovery")  # while it is watched nothing can be taken back
    card = await room.offers(f"{names.UNDO}:open_circuits")
    await dana.presses(card, room.channel, f"{names.UNDO}:open_circuits")
    undo = await room.asks_for_approval("--value closed")
    await ravi.presses(undo, room.channel, names.APPROVE)
    await until(
        company, lambda: company.aws.parameter("/complyai/circuit/stripe") == "closed" or None
    )


async def test_when_nothing_is_wrong_nothing_is_suggested_and_the_run_can_be_finished(
    company: Box, dana: Person
) -> None:
    room = await dana.starts("RB-INC-001 brief_desc=false-alarm")
    card = await room.offers(names.CLOSE)
    assert "suggested" not in str(card)
    assert "PROBLEM" not in card["text"] and "UNKNOWN" not in card["text"]
    await dana.presses(card, room.channel, names.CLOSE)
    await room.says("FINISHED")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html-health", "web page"),
        ("slow-database", "Slow: SELECT 1 answered in"),
        ("throttled", "UNKNOWN"),
    ],
)
async def test_what_is_half_wrong_is_said_as_it_is(
    company: Box, dana: Person, fault: str, words: str
) -> None:
    await company.switch(fault, on=True)
    room = await dana.starts("RB-INC-001 brief_desc=half-wrong")
    await room.offers(names.CLOSE)
    await until(company, lambda: [m for m in [room.card, *room.thread] if words in m["text"]])


async def test_a_refusal_of_aws_is_said_with_what_to_do_and_nothing_is_changed(
    company: Box, dana: Person, ravi: Person
) -> None:
    await company.switch("bad-deploy", on=True)
    await company.switch("access-denied", on=True)
    room = await dana.starts()
    card = await room.offers(f"{names.PICK}:roll_back")
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")
    await ravi.presses(asked, room.channel, names.APPROVE)
    await until(
        company,
        lambda: [m for m in [*room.messages, *room.thread] if "ecs:UpdateService" in m["text"]],
    )
    await room.offers(f"{names.PICK}:roll_back")
    assert not company.aws.is_well("complyai-core")


async def test_an_answer_that_aws_lost_is_looked_after_and_the_call_is_not_repeated(
    company: Box, dana: Person, ravi: Person
) -> None:
    await company.switch("bad-deploy", on=True)
    await company.switch("lost-response", on=True)
    room = await dana.starts()
    card = await room.offers(f"{names.PICK}:roll_back")
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")
    await ravi.presses(asked, room.channel, names.APPROVE)
    await until(company, lambda: company.aws.is_well("complyai-core") or None)
    await room.offers(f"{names.UNDO}:roll_back")
    assert company.updates("complyai-core") == 1


async def _room(company: Box) -> Incident:
    return await incident(company, {"C0GENERAL", "C0ALERTS", "C0SUPPORT"})


def _file(company: Box, name: str) -> object:
    return next((file for file in company.slack.files if file.name == name), None)
