"""What was typed is not right, or not theirs to ask: they are told what is, and lose no word."""

import pytest

from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack import views
from tests.scenarios.stage import Person, incident, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def box(shared: Box) -> Box:
    return shared


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("RB-INC-01 brief_desc=core", ["no RB-INC-01", "Run RB-INC-001"]),
        (
            "RB-INC-001 brief=core",
            ["RB-INC-001 has no input", "Did you mean `brief_desc`", "severity"],
        ),
        ("RB-INC-001 brief_desc=core severity=P9", ["severity", "one of P1, P2"]),
        ('RB-INC-001 brief_desc="core', ["quote is not closed"]),
    ],
)
async def test_who_types_it_wrong_is_told_what_is_right_and_nothing_begins(
    box: Box, dana: Person, typed: str, answer: list[str]
) -> None:
    told = await dana.asks(typed)
    assert [words for words in answer if words not in told] == []
    assert _incidents(box) == 0


async def test_a_service_that_does_not_exist_is_named_and_so_is_one_that_may_have_been_meant(
    box: Box, dana: Person
) -> None:
    told = await dana.asks("RB-INC-001 brief_desc=core services=core")
    assert "services" in told and "no core" in told and "complyai-core" in told
    assert _incidents(box) == 0


async def test_a_person_without_a_role_starts_nothing_and_is_told_which_they_need(
    box: Box, vera: Person
) -> None:
    told = await vera.asks("RB-INC-001 brief_desc=core-5xx")
    assert "role" in told and "responder" in told
    assert _incidents(box) == 0


async def test_a_form_that_comes_too_late_for_slack_is_answered_with_what_to_type(
    box: Box, dana: Person
) -> None:
    box.slack.faults.delay("views.open", seconds=0.5)
    await dana.types("RB-INC-001")
    await until(box, lambda: not box.slack.faults.active)  # The form has come, and is not taken.
    box.slack.clock.advance(views.TRIGGER_LIVES_S + 1)
    await dana.is_told("Type `/runbook RB-INC-001` to try again")
    assert not box.slack.views(dana.id)


async def test_a_form_with_a_wrong_field_says_so_below_it_and_keeps_what_was_typed(
    box: Box, dana: Person
) -> None:
    before = {one.id for one in box.slack.channels()}
    await dana.types("RB-INC-001")
    form = await dana.sees_form(names.START_MODAL)
    ack = await dana.submits(form, {"brief_desc": "Core Down!", "severity": "P2"})
    assert set(ack.errors) == {"brief_desc"}
    (kept,) = box.slack.views(dana.id)
    assert "Core Down!" in str(kept["state"]) and "P2" in str(kept["state"])
    assert not (await dana.submits(kept, {"brief_desc": "core-down"})).errors
    room = await incident(box, before)
    assert room.name.endswith("-core-down")
    assert box.slack.channel(room.channel).topic.value == "P2 core-down"


def _incidents(box: Box) -> int:
    return sum(one.name.startswith("incident-") for one in box.slack.channels())
