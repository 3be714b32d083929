"""Every button and form reaches the desk with who pressed it, once, and a refusal is private."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.engine.intents import Refusal
from bot.engine.record import QuestionRecord
from bot.engine.versions import CHOICES
from bot.slack.listeners import JUDGED_BUTTONS, JUDGED_FORMS, READING_BUTTONS, READING_FORMS
from bot.slack.views import names
from bot.slack.views.approval import approval_card
from bot.slack.views.kit import Rendered, actions, button
from bot.slack.views.question import question_card
from bot.slack.views.step import step_detail
from bot.store.store import StoreAway
from tests.slack.forging import of_team, press
from tests.slack.office import DANA, GENERAL, LENA, Office, office
from tests.slack.small_desk import TokenInputs, approval, run

pytestmark = pytest.mark.slow

COMMANDER = QuestionRecord(
    "q1", "commander", "ask", "Who leads?", "Assign the Incident Commander",
    answer_schema={"type": "object", "properties": {"user_id": {"type": "string"}}},
    proposed={"user_id": LENA},
)  # fmt: skip
SESSION = QuestionRecord(
    "q1", "session", "ask", "Which session?", "",
    choices=tuple((f"pid {n}", {"pid": n}) for n in range(7)),
)  # fmt: skip
WINDOW = QuestionRecord(
    "q1", "window", "ask", "Which window?", "",
    answer_schema={
        "type": "object", "required": ["minutes"],
        "properties": {"minutes": {"type": "integer", "title": "Minutes"}},
    },
)  # fmt: skip
TOKEN = QuestionRecord(
    "q1", "token", "ask", "The new token", "", answer_schema=TokenInputs.model_json_schema()
)
CONFIRM = QuestionRecord("q1", "told", "confirm", "Tell the customers", "Write to them")
GONE = QuestionRecord(
    "q1", "fail_over", "gone", "Fail over", "This version has no step fail_over",
    choices=tuple((label, {"then": then}) for label, then in CHOICES),
)  # fmt: skip
UNSURE = QuestionRecord("q1", "fail_over", "unsure", "Did it fail over?", "The answer was lost")


@pytest.fixture
async def bot() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


def one_button(name: str, value: str) -> Rendered:
    return Rendered("a card", actions([button("Press", name, value)]))


async def approving(bot: Office, effect: Any) -> str:
    bot.desk.effect = effect
    return await bot.post(approval_card(approval(effect), run()))


async def asking(bot: Office, question: QuestionRecord) -> str:
    bot.desk.asked["q1"] = question
    return await bot.post(question_card(question, run()))


def test_every_name_has_a_listener() -> None:
    actions_and_forms = {
        value
        for name, value in vars(names).items()
        if name.isupper() and isinstance(value, str) and value.startswith("rb.")
    }
    heard = {*JUDGED_BUTTONS, *READING_BUTTONS, *JUDGED_FORMS, *READING_FORMS}
    assert heard == actions_and_forms


@pytest.mark.parametrize(
    ("name", "intent", "about"),
    [
        (names.PICK, "pick", {"step": "roll_back"}),
        (names.UNDO, "undo", {"step": "roll_back"}),
        (names.AGAIN, "again", {"step": "roll_back"}),
        (names.GO_ON, "go on", {"step": "roll_back"}),
        (names.CLOSE, "close", {"section": "roll_back"}),
    ],
)
async def test_a_button_of_the_card_asks_the_desk(
    bot: Office, name: str, intent: str, about: dict[str, str]
) -> None:
    ts = await bot.post(one_button(name, names.value("7F3K", "roll_back")))
    await bot.press(ts, name)
    assert bot.desk.noted == [(intent, {"by": DANA, "run": "7F3K", **about})]


async def test_cancel_carries_the_run_alone(bot: Office) -> None:
    ts = await bot.post(one_button(names.CANCEL, "7F3K"))
    await bot.press(ts, names.CANCEL)
    assert bot.desk.noted == [("cancel", {"by": DANA, "run": "7F3K"})]


async def test_a_refusal_is_said_to_that_person_alone(bot: Office) -> None:
    bot.desk.refusal = Refusal("Another step is at work just now.")
    ts = await bot.post(one_button(names.PICK, names.value("7F3K", "roll_back")))
    await bot.press(ts, names.PICK)
    assert "Another step is at work" in await bot.whispered()
    assert bot.slack.ephemerals(LENA, GENERAL) == []
    assert len(bot.slack.messages(GENERAL)) == 1


async def test_a_refusal_is_said_in_the_thread_that_was_pressed_in(bot: Office) -> None:
    bot.desk.refusal = Refusal("Another step is at work just now.")
    card = await bot.post(Rendered("card"))
    ts = await bot.post(one_button(names.PICK, names.value("7F3K", "roll_back")), thread=card)
    await bot.press(ts, names.PICK)
    await bot.whispered()
    assert bot.slack.ephemerals(DANA, GENERAL)[-1]["thread_ts"] == card


async def test_the_same_press_delivered_twice_counts_once(bot: Office) -> None:
    body = _press(bot, names.PICK, "7F3K roll_back")
    for _ in range(2):
        await bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    assert len(bot.desk.noted) == 1


async def test_two_people_pressing_in_the_same_moment_are_two(bot: Office) -> None:
    for user in (DANA, LENA):
        body = _press(bot, names.APPROVE, "ap1") | {"user": {"id": user}}
        body["user"]["team_id"] = bot.slack.team.id
        await bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    assert [what["by"] for _, what in bot.desk.noted] == [DANA, LENA]


async def test_somebody_of_another_company_in_a_shared_channel_decides_nothing(
    bot: Office,
) -> None:
    body = _press(bot, names.APPROVE, "ap1")
    body["user"]["team_id"] = "T0OTHER"
    await bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    await bot.settled()
    assert bot.desk.noted == []


async def test_a_change_is_approved_with_its_confirm_dialog(bot: Office) -> None:
    bot.desk.says = "Approved. It is being applied."
    ts = await approving(bot, "CHANGE")
    await bot.press(ts, names.APPROVE, user=LENA)
    assert bot.desk.noted == [
        ("decide", {"by": LENA, "id": "ap1", "approves": True, "reason": "", "typed": ""})
    ]
    assert "Approved" in await bot.whispered(LENA)


async def test_a_destroy_is_approved_by_typing_what_it_is_done_to(bot: Office) -> None:
    ts = await approving(bot, "DESTROY")
    await bot.press(ts, names.APPROVE_DESTROY, user=LENA)
    await bot.form(names.APPROVE_MODAL, LENA)
    bot.desk.refusal = Refusal("Not exactly.", {"typed": "This must be exactly complyai-prod"})
    ack = await bot.submit(LENA, typed="complyai")
    assert ack.errors == {"typed": "This must be exactly complyai-prod"}
    assert bot.desk.noted == []
    bot.desk.refusal = None
    await bot.submit(LENA, typed="complyai-prod", reason="it is lost")
    assert bot.desk.last[1]["typed"] == "complyai-prod"
    assert bot.desk.last[1]["approves"] and bot.desk.last[1]["reason"] == "it is lost"
    assert bot.slack.views(LENA) == []


async def test_a_denial_takes_its_reason_along(bot: Office) -> None:
    bot.desk.says = "Denied. Nothing was changed."
    ts = await approving(bot, "CHANGE")
    await bot.press(ts, names.DENY, user=LENA)
    await bot.form(names.DENY_MODAL, LENA)
    await bot.submit(LENA, reason="not now")
    assert bot.desk.noted == [
        ("decide", {"by": LENA, "id": "ap1", "approves": False, "reason": "not now", "typed": ""})
    ]
    assert "Denied" in await bot.whispered(LENA)


async def test_a_late_decision_says_so_and_loses_no_word(bot: Office) -> None:
    ts = await approving(bot, "CHANGE")
    await bot.press(ts, names.DENY, user=LENA)
    await bot.form(names.DENY_MODAL, LENA)
    bot.desk.refusal = Refusal("This was approved already.", decided_by=("U0RAVI",))
    ack = await bot.submit(LENA, reason="not now")
    assert ack.errors == {"reason": "This was approved already."}
    assert "Decided by <@U0RAVI>" in await bot.whispered(LENA)


async def test_the_whole_plan_is_shown_to_who_asks(bot: Office) -> None:
    bot.desk.text = "aws ecs update-service --cluster production"
    ts = await bot.post(one_button(names.WHOLE_PLAN, "ap1"))
    await bot.press(ts, names.WHOLE_PLAN)
    assert "--cluster production" in await bot.whispered()


async def test_a_guest_is_not_shown_a_plan(bot: Office) -> None:
    bot.directory.make_guest(LENA)
    ts = await bot.post(one_button(names.WHOLE_PLAN, "ap1"))
    await bot.press(ts, names.WHOLE_PLAN, user=LENA)
    assert "Only active, full members" in await bot.whispered(LENA)


async def test_a_plan_too_long_for_a_message_comes_whole_as_a_file(bot: Office) -> None:
    bot.desk.text = "\n".join(f"aws ecs update-service --number {n}" for n in range(1000))
    ts = await bot.post(one_button(names.WHOLE_PLAN, "ap1"))
    await bot.press(ts, names.WHOLE_PLAN)
    (file,) = await bot.slack.wait_for(lambda: bot.slack.files)
    told = bot.desk.text.replace("\n", "\n        ").encode()
    assert file.content and told in file.content
    assert [one["thread_ts"] for one in bot.slack.messages(GENERAL, ts)[1:]] == [ts]


async def test_a_request_that_is_gone_is_said_to_be_gone(bot: Office) -> None:
    for name in (names.DENY, names.APPROVE_DESTROY, names.WHOLE_PLAN):
        ts = await bot.post(one_button(name, "ap0"))
        await bot.press(ts, name)
        await bot.settled()
        assert "does not exist any more" in await bot.whispered()
    assert bot.slack.views(DANA) == []


async def test_who_presses_i_take_it_is_the_answer(bot: Office) -> None:
    ts = await asking(bot, COMMANDER)
    await bot.press(ts, names.CLAIM, user=LENA)
    assert bot.desk.last == ("answer", {"by": LENA, "id": "q1", "answer": {"user_id": LENA}})


async def test_somebody_else_can_be_named(bot: Office) -> None:
    ts = await asking(bot, COMMANDER)
    await bot.press(ts, "rb.claim_other:q1", LENA)
    assert bot.desk.last == ("answer", {"by": DANA, "id": "q1", "answer": {"user_id": LENA}})


async def test_what_is_proposed_is_taken_as_it_is(bot: Office) -> None:
    ts = await asking(bot, COMMANDER)
    await bot.press(ts, names.PROPOSED)
    assert bot.desk.last[1]["answer"] == {"user_id": LENA}


async def test_a_choice_is_the_value_that_was_offered(bot: Office) -> None:
    ts = await asking(bot, SESSION)
    await bot.press(ts, names.CHOOSE, "q1 5")
    assert bot.desk.last[1]["answer"] == {"pid": 5}


async def test_a_choice_that_is_gone_is_answered_with_nothing_at_all(bot: Office) -> None:
    ts = await asking(bot, SESSION)
    bot.desk.asked["q1"] = replace(SESSION, choices=SESSION.choices[:2])
    await bot.press(ts, names.CHOOSE, "q1 5")
    assert "does not fit" in await bot.whispered()
    bot.desk.asked.clear()
    await bot.press(ts, names.CHOOSE, "q1 1")
    await bot.settled()
    assert "answered already" in await bot.whispered()
    assert bot.desk.noted == []


async def test_how_to_go_on_without_a_step_is_a_choice_like_any_other(bot: Office) -> None:
    ts = await asking(bot, GONE)
    await bot.press(ts, "rb.choose:0", "q1 0")
    assert bot.desk.last[1]["answer"] == {"then": "without"}


async def test_a_form_answers_a_question(bot: Office) -> None:
    ts = await asking(bot, WINDOW)
    await bot.press(ts, names.ANSWER)
    await bot.form(names.ANSWER_MODAL)
    bot.desk.refusal = Refusal("Some of it is not right.", {"minutes": "At most 60"})
    assert (await bot.submit(minutes=90)).errors == {"minutes": "At most 60"}
    bot.desk.refusal = None
    await bot.submit(minutes=30)
    assert bot.desk.last == ("answer", {"by": DANA, "id": "q1", "answer": {"minutes": 30}})


async def test_a_secret_answer_is_stored_before_the_desk_hears_of_it(bot: Office) -> None:
    ts = await asking(bot, TOKEN)
    await bot.press(ts, names.ANSWER)
    await bot.form(names.ANSWER_MODAL)
    await bot.submit(value="hunter2-hunter2")
    assert bot.kept == [("value", "hunter2-hunter2")]
    assert bot.desk.last[1]["answer"] == {"value": {"name": "runs/value", "version": "1"}}


async def test_a_confirm_is_ticked_off(bot: Office) -> None:
    ts = await asking(bot, CONFIRM)
    await bot.press(ts, names.DONE)
    assert bot.desk.last == ("answer", {"by": DANA, "id": "q1", "answer": {}})


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        (names.HAPPENED, "done"),
        (names.NOT_HAPPENED, "not done"),
        (names.STOP_HERE, "stop"),
    ],
)
async def test_whether_it_happened_is_said_by_a_person(bot: Office, name: str, truth: str) -> None:
    ts = await asking(bot, UNSURE)
    await bot.press(ts, name)
    assert bot.desk.last == ("resolve", {"by": DANA, "id": "q1", "truth": truth})


async def test_a_next_hop_opens_the_form_with_what_is_known(bot: Office) -> None:
    card = await bot.post(Rendered("card"))
    found = step_detail(run(), run().steps["services"])
    ts = await bot.post(found, thread=card)
    (hop,) = [one for one in _action_ids(found) if one.startswith(names.NEXT_HOP)]
    await bot.press(ts, hop)
    form = await bot.form(names.START_MODAL)
    (database,) = [one for one in form["blocks"] if one.get("block_id") == "database"]
    assert database["element"]["initial_value"] == "complyai-prod"
    await bot.submit()
    assert bot.desk.last[1]["intent"].inputs == {"database": "complyai-prod"}


async def test_a_run_and_its_timeline_are_shown_to_who_asks(bot: Office) -> None:
    for name in (names.SHOW_RUN, names.TIMELINE):
        ts = await bot.post(one_button(name, "7F3K"))
        await bot.press(ts, name)
        await bot.settled()
        assert "7F3K" in await bot.whispered()
    assert len(bot.slack.messages(GENERAL)) == 2


async def test_a_button_of_another_version_is_answered(bot: Office) -> None:
    ts = await bot.post(one_button("rb.unheard_of", "7F3K"))
    await bot.press(ts, "rb.unheard_of")
    assert "does not fit anything" in await bot.whispered()


async def test_a_value_that_was_tampered_with_reaches_nobody(bot: Office) -> None:
    ts = await bot.post(one_button(names.PICK, "7F3K ../../etc; drop"))
    await bot.press(ts, names.PICK)
    assert "does not fit anything" in await bot.whispered()
    assert bot.desk.noted == []


@pytest.mark.parametrize("error", [OSError("disk full"), StoreAway("connection refused")])
async def test_a_store_that_fails_is_admitted_to_whoever_pressed(
    bot: Office, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    bot.desk.breaks = error
    ts = await bot.post(one_button(names.PICK, "7F3K roll_back"))
    await bot.press(ts, names.PICK)
    assert "could not be noted" in await bot.whispered()
    assert ("Traceback" in caplog.text) == isinstance(error, OSError)


async def test_a_press_is_acknowledged_while_slack_itself_is_slow(bot: Office) -> None:
    """What is said privately goes to Slack after the acknowledgement."""
    bot.desk.refusal = Refusal("Another step is at work just now.")
    card = await bot.post(Rendered("card"))
    ts = await bot.post(one_button(names.PICK, "7F3K roll_back"), thread=card)
    bot.slack.faults.delay("chat.postEphemeral", 0.2)
    await bot.press(ts, names.PICK)
    assert len(bot.errands) == 1
    assert "Another step" in await bot.whispered()


async def test_a_private_sentence_that_slack_will_not_show_goes_to_the_own_channel(
    bot: Office,
) -> None:
    bot.desk.refusal = Refusal("Another step is at work just now.")
    card = await bot.post(Rendered("card"))
    ts = await bot.post(one_button(names.PICK, "7F3K roll_back"), thread=card)
    bot.slack.faults.refuse("chat.postEphemeral", "user_not_in_channel")
    await bot.press(ts, names.PICK)
    await bot.settled()
    own = [one for one in bot.slack.calls if one.method == "chat.postMessage"][-1]
    assert own.args["channel"] == DANA


async def test_a_hundred_presses_at_once_are_all_taken_in(bot: Office) -> None:
    buttons = [button(f"{n}", names.AGAIN, f"R{n} check", n) for n in range(25)]
    ts = await bot.post(Rendered("a card", actions(buttons)))
    pressed = [f"{names.AGAIN}:{n}" for n in range(25)] * 4
    await asyncio.gather(*(bot.press(ts, one) for one in pressed))
    assert len(bot.desk.noted) == 100


def _action_ids(shown: Rendered) -> list[str]:
    elements = [element for block in shown.blocks for element in block.get("elements", ())] + [
        block["accessory"] for block in shown.blocks if "accessory" in block
    ]
    return [str(one["action_id"]) for one in elements if "action_id" in one]


def _press(bot: Office, name: str, value: str) -> dict[str, Any]:
    """One press as Slack delivers it, to be delivered more than once."""
    team = bot.slack.team.id
    return {
        "type": "block_actions",
        "team": {"id": team, "domain": "x"},
        "user": {"id": DANA, "team_id": team},
        "container": {"type": "message", "message_ts": "1.000001", "channel_id": GENERAL},
        "channel": {"id": GENERAL, "name": "general"},
        "actions": [
            {"type": "button", "action_id": name, "value": value, "action_ts": "1700000000.1"}
        ],
    }


async def test_an_answer_is_not_sent_to_an_address_that_is_not_slacks() -> None:
    called: list[str] = []

    async def trap(request: web.Request) -> web.Response:
        called.append(request.path)
        return web.Response()

    site = web.Application()
    site.add_routes([web.post("/{rest:.*}", trap)])
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with office() as made:
        stranger = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        forged = press("nothing", names.WHOLE_PLAN, response_url=stranger)
        forged = of_team(forged, made.slack.team.id)
        await made.slack.carry("interactive", forged)
        assert "does not exist any more" in await made.whispered()
    await runner.cleanup()
    assert not called
