"""Whatever is typed, filled in or forged is answered, to that person alone, and does nothing."""

import json
import logging
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from bot.engine.intents import StartRun
from bot.runbook.values import storable
from bot.slack.listeners import JUDGED_BUTTONS, JUDGED_FORMS, READING_BUTTONS, READING_FORMS
from bot.slack.listeners.typed import ID, WORDS
from bot.slack.views import names
from bot.slack.views.names import KEYED
from sandbox.slack import payloads
from sandbox.slack.acks import Ack
from sandbox.slack.blocks import problems_in_message, problems_in_view
from tests.hostile import MALICE, TYPED
from tests.live import assert_inert
from tests.slack.forging import command, of_team, press
from tests.slack.office import DANA, GENERAL, LENA, Office, office
from tests.slack.test_listeners_buttons import COMMANDER, CONFIRM, SESSION, UNSURE, WINDOW

pytestmark = pytest.mark.slow

#: Behind `/runbook` and in a field nobody types more.
LONGEST = 3000
OURS = f"{DANA}|{LENA}"


@pytest.fixture
async def bot(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Office]:
    """And whatever comes in, nothing breaks on the way."""
    async with office() as made:
        made.desk.asked |= {f"q{n}": one for n, one in enumerate(QUESTIONS)}
        yield made
        await made.settled()
        assert made.slack.errors(DANA) == []
        assert made.slack.messages(GENERAL) == []
        assert made.slack.ephemerals(LENA, GENERAL) == []
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []


QUESTIONS = (COMMANDER, SESSION, WINDOW, CONFIRM, UNSURE)


def assert_harmless(made: Office, ack: Ack) -> None:
    assert ack.acked, ack
    if "text" in ack.payload:
        assert ack.payload["response_type"] == "ephemeral"
        assert_inert(ack.payload, OURS)
        blocks = ack.payload.get("blocks") or []
        assert not problems_in_message(ack.payload["text"], blocks)
    if view := ack.payload.get("view"):
        assert_inert(view, OURS)
        assert not problems_in_view(view)


def assert_seen_harmless(made: Office) -> None:
    """All that was told and opened since."""
    for seen in made.slack.ephemerals(DANA, GENERAL):
        assert_inert(seen, OURS)
    for view in made.slack.views(DANA):
        assert_inert(view, OURS)


# Typed.


def typed() -> Iterator[str]:
    for malice in TYPED.values():
        quoted = shlex.quote(malice)
        for word in ("", *WORDS):
            yield f"{word} {malice}".strip()
        yield from (f"show {quoted}", f"RB-INC-001 {quoted}", f"RB-INC-001 {quoted}=x")
        yield f"RB-REC-001 database={quoted}"
        yield f"RB-INC-001 brief_desc={quoted} services={quoted} severity={quoted}"
        yield f"schedule add {quoted} RB-REC-001 database=x"
        yield f'schedule add "0 8 * * *" {quoted} database=x'
        yield f'schedule add "0 8 * * *" RB-REC-001 database={quoted} zone={quoted}'
        yield f"schedule remove {quoted}"


async def test_whatever_is_typed_is_answered_to_that_person_alone(bot: Office) -> None:
    count = 0
    for text in typed():
        assert_harmless(bot, await bot.type(text[:LONGEST]))
        count += 1
    await bot.settled()
    assert_seen_harmless(bot)
    for _, what in bot.desk.noted:
        if "intent" in what:
            assert what["intent"].book_id in bot.desk.books
        elif "run" in what:
            assert ID.fullmatch(what["run"])
        elif "wanted" in what:
            assert what["wanted"].book in bot.desk.books
        else:
            reason = what["reason"]  # Of a freeze, in words of one's own.
            assert reason == storable(reason) and len(reason) <= LONGEST
    print(f"{count} commands were typed, each answered")


async def test_a_command_that_is_too_long_is_said_to_be(bot: Office) -> None:
    for name in ("a long line", "many lines", "deep"):
        for text in (MALICE[name] + "x", f"RB-INC-001 brief_desc={MALICE[name]}"):
            said = await bot.told(text)
            assert "3,000 characters" in said and "Nothing was done" in said
    assert not bot.desk.noted
    await bot.settled()
    assert all("more than 3000 characters" in why for why, _, _ in bot.desk.away)


async def test_what_was_typed_for_an_input_comes_to_the_desk_as_it_was_typed(bot: Office) -> None:
    for malice in TYPED.values():
        text = f"RB-REC-001 database={shlex.quote(malice)}"
        before = len(bot.desk.noted)
        await bot.type(text)
        if len(bot.desk.noted) > before:
            intent: StartRun = bot.desk.last[1]["intent"]
            given = str(intent.inputs["database"])
            assert given == storable(given) and len(given) <= LONGEST
            json.dumps(given).encode()


# Filled in.


def field(kind: str, value: str) -> Mapping[str, Any]:
    """As Slack writes down what was filled in, and what no element of its own could give."""
    option = {"text": {"type": "plain_text", "text": value[:75]}, "value": value}
    known: dict[str, dict[str, Any]] = {
        "plain_text_input": {"value": value},
        "number_input": {"value": value},
        "static_select": {"selected_option": option},
        "multi_static_select": {"selected_options": [option, option]},
        "users_select": {"selected_user": value},
        "datetimepicker": {"selected_date_time": value},
        "datepicker": {"selected_date": value},
        "checkboxes": {"selected_options": [option]},
    }
    return known[kind] | {"type": kind}


KINDS = ("plain_text_input", "number_input", "static_select", "multi_static_select",
         "users_select", "datetimepicker", "datepicker", "checkboxes")  # fmt: skip
FIELDS = {
    names.START_MODAL: ("brief_desc", "services", "severity"),
    names.APPROVE_MODAL: (names.TYPED, names.REASON),
    names.DENY_MODAL: (names.REASON,),
    names.GLASS_MODAL: (names.TYPED, names.REASON),
    names.REVIEW_MODAL: (names.REASON,),
    names.ANSWER_MODAL: ("minutes", "user_id"),
    names.CATALOGUE_MODAL: ("search",),
}
ABOUT = {
    names.START_MODAL: {"book": "RB-INC-001", "channel": GENERAL},
    names.APPROVE_MODAL: {"about": "ap1", "channel": GENERAL},
    names.DENY_MODAL: {"about": "ap1", "channel": GENERAL},
    names.GLASS_MODAL: {"about": "ap1", "channel": GENERAL},
    names.REVIEW_MODAL: {"about": "ap1", "channel": GENERAL},
    names.ANSWER_MODAL: {"about": "q2", "channel": GENERAL},
    names.CATALOGUE_MODAL: {"channel": GENERAL},
}


def submitted(bot: Office, form: str, rows: Any, number: int, **more: Any) -> dict[str, Any]:
    inputs = [{"type": "input", "block_id": one} for one in FIELDS[form]]
    view = {
        "id": f"V{number}", "hash": f"{number}.h", "type": "modal", "callback_id": form,
        "private_metadata": json.dumps(ABOUT[form]), "blocks": inputs, "state": {"values": rows},
    }  # fmt: skip
    whole = payloads.interaction(bot.slack.team, "view_submission", DANA)
    return whole | {"trigger_id": f"{number}.t", "view": view | more}


def test_every_form_and_its_fields_are_tried() -> None:
    assert set(FIELDS) == {*JUDGED_FORMS, *READING_FORMS}


@pytest.mark.parametrize("form", FIELDS)
async def test_whatever_is_filled_into_a_form_is_answered(bot: Office, form: str) -> None:
    number = 0
    for malice in MALICE.values():
        for kind in KINDS:
            rows = {one: {names.VALUE: field(kind, malice)} for one in FIELDS[form]}
            rows["search"] = {names.SEARCH: field("plain_text_input", malice)}
            number += 1
            payload = submitted(bot, form, rows, number)
            ack = await bot.slack.carry("interactive", payload)
            assert_harmless(bot, ack)
            assert all(one.isprintable() for one in ack.payload.get("errors", {}).values())
    await bot.settled()
    assert_seen_harmless(bot)
    for _, what in bot.desk.noted:
        told = [
            *(what.get(one, "") for one in ("reason", "typed", "found")),
            *_flat(what.get("answer", {})),
        ]
        assert all(one == storable(one) and len(one) <= LONGEST for one in told)
    print(f"{number} forms were filled in, each answered")


def _flat(answer: Mapping[str, Any]) -> Iterator[str]:
    for value in answer.values():
        yield from map(str, value if isinstance(value, list) else [value])


@pytest.mark.parametrize("form", FIELDS)
async def test_a_form_of_another_shape_is_turned_away(bot: Office, form: str) -> None:
    odd: list[Any] = [7, "x", [], [1], {"x": 1}, {"x": [1]}, {"x": {"y": "z"}}]
    odd += [{one: {names.VALUE: 7}} for one in FIELDS[form]]
    for number, rows in enumerate(odd):
        payload = submitted(bot, form, rows, number)
        assert_harmless(bot, await bot.slack.carry("interactive", payload))
    assert all("reason" not in what or what["reason"] == "" for _, what in bot.desk.noted)


@pytest.mark.parametrize("form", FIELDS)
async def test_what_a_form_remembers_is_ours_or_it_is_turned_away(bot: Office, form: str) -> None:
    ours = json.loads(submitted(bot, form, {}, 0)["view"]["private_metadata"])
    odd = [*MALICE.values()][1:]
    for name in ("book", "about", "channel", "channel_name", "search"):
        odd += [json.dumps(ours | {name: malice}) for malice in MALICE.values()]
    for number, kept in enumerate(odd):
        payload = submitted(bot, form, {}, number, private_metadata=kept)
        assert_harmless(bot, await bot.slack.carry("interactive", payload))
    await bot.settled()
    assert_seen_harmless(bot)
    for _, what in bot.desk.noted:
        if intent := what.get("intent"):
            assert (intent.book_id, len(intent.origin.channel_name) <= 80) == ("RB-INC-001", True)
            assert intent.origin.channel_name.isprintable()
        else:
            assert what["id"] == "" or KEYED.fullmatch(what["id"])


# Pressed.


@pytest.mark.parametrize("name", sorted({*JUDGED_BUTTONS, *READING_BUTTONS}))
async def test_a_button_with_another_value_leads_nowhere(bot: Office, name: str) -> None:
    for number, malice in enumerate(MALICE.values()):
        for value in (malice, f"7F3K {malice}"):
            forged = press(value, name, container={"message_ts": f"1.{number}"})
            forged["actions"][0] |= {
                "action_ts": f"{number}.{len(value)}", "selected_user": malice,
                "selected_option": {"value": value},
            }  # fmt: skip
            ours = of_team(forged, bot.slack.team.id)
            assert_harmless(bot, await bot.slack.carry("interactive", ours))
    await bot.settled()
    assert_seen_harmless(bot)
    for _, what in bot.desk.noted:
        asked = {what.get(one, "") for one in ("run", "step", "section", "id")} - {""}
        assert all(KEYED.fullmatch(one) for one in asked)
    assert all(len(why) < 300 and why.isprintable() for why, _, _ in bot.desk.away)


async def test_what_a_payload_is_called_is_a_handle_or_it_is_turned_away(bot: Office) -> None:
    for malice in MALICE.values():
        for name in ("trigger_id", "channel_id", "user_id", "team_id", "channel_name"):
            ours = of_team(command("DAILY-001", **{name: malice}), bot.slack.team.id)
            assert_harmless(bot, await bot.slack.carry("slash_commands", ours))
    await bot.settled()
    for _, what in bot.desk.noted:
        intent: StartRun = what["intent"]
        assert intent.key.isascii() and intent.key.isprintable() and len(intent.key) <= 200
        assert intent.by.user_id == DANA
        assert intent.origin.channel_id in (GENERAL, None)
        assert intent.origin.channel_name.isprintable() and len(intent.origin.channel_name) <= 80


async def test_an_address_to_answer_to_that_is_not_slacks_is_not_used(bot: Office) -> None:
    for malice in (*MALICE.values(), "https://[", "https://hooks.slack.com@evil.example/x"):
        ours = of_team(press("7F3K", names.SHOW_RUN, response_url=malice), bot.slack.team.id)
        assert_harmless(bot, await bot.slack.carry("interactive", ours))
    await bot.settled()
    assert len(bot.slack.ephemerals(DANA, GENERAL)) == len(MALICE) + 2
