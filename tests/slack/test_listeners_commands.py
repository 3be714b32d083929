"""Every word behind /runbook does what the help says, and says so to that person alone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.access.acts import Frozen
from bot.access.member import Member
from bot.access.policy import DEFAULT, RunRule
from bot.engine.intents import Refusal, StartRun
from bot.engine.record import Origin
from bot.slack.listeners import front
from bot.slack.views import names
from sandbox.slack import payloads
from tests.slack.office import DANA, GENERAL, LENA, Office, office
from tests.slack.small_desk import BOOKS, NoInputs, outline

pytestmark = pytest.mark.slow


@pytest.fixture
async def bot() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


def started(bot: Office) -> StartRun:
    ((name, what),) = bot.desk.noted
    assert name == "start"
    intent: StartRun = what["intent"]
    return intent


async def test_a_runbook_with_all_its_inputs_starts_at_once(bot: Office) -> None:
    said = await bot.answered('rb-inc-001 brief_desc="core-down" services=a,b severity=P2')
    intent = started(bot)
    assert intent.book_id == "RB-INC-001"
    assert intent.inputs == {"brief_desc": "core-down", "services": ["a", "b"], "severity": "P2"}
    assert intent.origin == Origin(GENERAL, "general")
    assert intent.by.user_id == DANA and intent.by.team_id == bot.slack.team.id
    assert not intent.dry
    assert "Run RUN1 of RB-INC-001 has begun" in said


async def test_dry_starts_a_dry_run(bot: Office) -> None:
    assert "dry run" in await bot.answered("dry DAILY-001")
    assert started(bot).dry


async def test_a_missing_input_opens_the_form_with_what_was_typed(bot: Office) -> None:
    await bot.type("RB-INC-001 severity=P2")
    form = await bot.form(names.START_MODAL)
    assert bot.desk.noted == []
    (severity,) = [one for one in form["blocks"] if one.get("block_id") == "severity"]
    assert severity["element"]["initial_option"]["value"] == "P2"
    ack = await bot.submit(brief_desc="core-down")
    assert ack.payload["response_action"] == "clear"
    assert started(bot).inputs["severity"] == "P2"
    assert started(bot).origin == Origin(GENERAL, "general")
    assert "RUN1" in await bot.whispered()


async def test_an_unknown_id_is_answered_with_the_nearest_and_a_button(bot: Office) -> None:
    ack = await bot.type("RB-INC-01")
    assert "Did you mean RB-INC-001 Service Outage" in ack.payload["text"]
    assert bot.desk.noted == []
    seen = bot.slack.ephemerals(DANA, GENERAL)[-1]
    await bot.press(seen["ts"], "rb.run_book:RB-INC-001")
    await bot.form(names.START_MODAL)


async def test_a_wrong_input_is_answered_with_its_name_and_what_is_allowed(bot: Office) -> None:
    bot.desk.strange = Refusal("Some inputs are not right.", {"severity": "This is not one."})
    said = await bot.told("RB-INC-001 brief_desc=abc severity=P9")
    assert "severity: This is not one. (one of P1, P2)" in said


async def test_an_input_that_does_not_exist_starts_nothing(bot: Office) -> None:
    assert "no input" in await bot.told("RB-INC-001 brief_desc=abc service=a")
    assert bot.desk.noted == []


async def test_the_same_command_delivered_twice_starts_one_run(bot: Office) -> None:
    channel = bot.slack.channel(GENERAL)
    body = payloads.slash_command(bot.slack.team, DANA, channel, "/runbook", "DAILY-001")
    for _ in range(2):
        await _delivered(bot, body)
    await bot.settled()
    assert len(bot.desk.noted) == 1
    first, second = bot.slack.ephemerals(DANA, GENERAL)
    assert first["text"] == second["text"]


async def test_list_shows_what_there_is_and_finds_by_word(bot: Office) -> None:
    assert "RB-REC-001" in await bot.told("list")
    assert "RB-REC-001" in await bot.told("list restore")
    assert "RB-INC-001 Service" not in await bot.told("list restore")
    assert "No runbook has kraken" in await bot.told("list kraken")


async def test_show_is_every_step_and_who_must_approve_it(bot: Office) -> None:
    said = await bot.told("show rb-inc-001")
    assert "Roll back" in said
    assert "Did you mean" in await bot.told("show RB-INC-002")


async def test_status_lists_runs_and_shows_one(bot: Office) -> None:
    assert "7F3K" in await bot.told("status")
    assert "7F3K" in await bot.told("status 7f3k")
    assert "no run QQQQ" in await bot.told("status qqqq")


async def test_history_is_of_all_runbooks_or_of_one(bot: Office) -> None:
    assert "7F3K" in await bot.told("history")
    assert "7F3K" in await bot.told("history rb-inc-001")
    assert "Nothing ran" in await bot.told("history DAILY-001")
    assert "There is no RB-XXX" in await bot.told("history RB-XXX")


async def test_a_form_with_fields_that_this_version_does_not_know_starts_nothing(
    bot: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was opened by another version, and what they say would be lost."""
    await bot.type("RB-REC-001")
    await bot.form(names.START_MODAL)
    older = outline("RB-REC-001", "Database Restore", NoInputs)
    monkeypatch.setitem(BOOKS, "RB-REC-001", older)
    ack = await bot.submit(database="complyai-prod")
    assert "made by another version of the bot" in str(ack.errors)
    assert bot.desk.noted == []


async def test_history_has_runs_of_a_runbook_that_is_not_there_any_more(
    bot: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(BOOKS, "RB-INC-001")
    assert "7F3K" in await bot.told("history RB-INC-001")


async def test_while_the_bot_is_replaced_an_unknown_runbook_may_be_a_new_one(bot: Office) -> None:
    assert "being replaced" not in await bot.told("RB-NEW-001")
    bot.desk.being_replaced = True
    assert "type it again in a moment" in await bot.told("RB-NEW-001")


async def test_help_names_every_word(bot: Office) -> None:
    ack = await bot.type("help")
    for word in ("show", "list", "dry", "status", "history", "cancel"):
        assert f"/runbook {word}" in str(ack.payload["blocks"])


async def test_a_viewer_is_offered_nothing_that_they_may_not_do(bot: Office) -> None:
    bot.directory.members[LENA] = Member(LENA, "lena", frozenset({"viewer"}))
    told = await bot.type("help", LENA)
    shown = str(told.payload["blocks"])
    assert "/runbook status" in shown and "to read: You need the role" in shown
    for word in ("dry", "cancel", "freeze", "thaw"):
        assert f"/runbook {word}" not in shown
    unknown = await bot.type("RB-INC-01", LENA)
    assert "RB-INC-001 Service Outage" in unknown.payload["text"]
    assert "rb.run_book" not in str(unknown.payload["blocks"])
    run = str((await bot.type("status 7f3k", LENA)).payload["blocks"])
    assert names.TIMELINE in run and names.CANCEL not in run and names.AGAIN not in run
    own = str((await bot.type("status 7f3k")).payload["blocks"])
    assert names.CANCEL in own


async def test_a_viewer_reads_a_runbook_and_is_told_who_may_start_it(bot: Office) -> None:
    bot.directory.members[LENA] = Member(LENA, "lena", frozenset({"viewer"}))
    await bot.type("", LENA)
    await bot.form(names.CATALOGUE_MODAL, LENA)
    await bot.press_in_form("rb.show_book:RB-REC-001", user=LENA)
    shown = await bot.slack.wait_for(
        lambda: (view := bot.slack.views(LENA)[-1])["title"]["text"] == "RB-REC-001" and view
    )
    assert shown and not shown.get("submit") and "You need the role" in str(shown["blocks"])
    await bot.type("RB-REC-001", LENA)
    assert "You need the role" in await bot.whispered(LENA)
    assert [one["callback_id"] for one in bot.slack.views(LENA)] == [names.CATALOGUE_MODAL]


async def test_a_runbook_is_offered_to_whom_the_policy_lets_start_it(bot: Office) -> None:
    rule = RunRule(roles=("operator",), runbooks=("RB-REC-*",))
    bot.desk.policy = DEFAULT.model_copy(update={"start": (rule,)})
    shown = str((await bot.type("list")).payload["blocks"])
    assert shown.count("to read: No rule of the bot's policy lets anybody start") == 3
    assert "/runbook dry" in shown


async def test_freeze_and_thaw_ask_the_desk_with_the_reason_as_it_was_typed(bot: Office) -> None:
    bot.desk.says = "All changes to outside systems are stopped."
    assert "are stopped" in await bot.told("freeze it's burning")
    assert bot.desk.last == ("freeze", {"by": DANA, "reason": "it's burning"})
    await bot.type("thaw")
    assert bot.desk.last == ("thaw", {"by": DANA, "reason": ""})


async def test_status_and_home_say_what_is_frozen(bot: Office) -> None:
    bot.desk.frozen = (Frozen("the sale", "Black Friday", "all day"),)
    assert "CHANGE FREEZE Black Friday" in await bot.told("status")
    await bot.slack.open_home(DANA)
    home = await bot.slack.wait_for(lambda: bot.slack.home(DANA))
    assert home and "CHANGE FREEZE Black Friday" in str(home["blocks"])


async def test_cancel_asks_the_desk(bot: Office) -> None:
    ack = await bot.type("cancel 7f3k")
    assert ack.acked and bot.desk.last == ("cancel", {"by": DANA, "run": "7F3K"})
    bot.desk.refusal = Refusal("Run 7F3K is finished.")
    assert "is finished" in await bot.told("cancel 7F3K")


async def test_runbook_alone_opens_the_catalogue(bot: Office) -> None:
    await bot.type("")
    form = await bot.form(names.CATALOGUE_MODAL)
    assert "RB-REC-001" in str(form["blocks"])


async def test_the_catalogue_is_searched_and_leads_to_a_start(bot: Office) -> None:
    await bot.type("")
    await bot.form(names.CATALOGUE_MODAL)
    await bot.press_in_form(names.SEARCH, "restore")
    await bot.slack.wait_for(lambda: "RB-INC-001" not in str(bot.slack.views(DANA)[-1]["blocks"]))
    await bot.press_in_form("rb.show_book:RB-REC-001")
    await bot.slack.wait_for(lambda: "Roll back" in str(bot.slack.views(DANA)[-1]["blocks"]))
    ack = await bot.submit()
    assert ack.payload["response_action"] == "push"
    await bot.submit(database="complyai-prod")
    assert started(bot).inputs == {"database": "complyai-prod"}
    assert started(bot).origin.channel_id == GENERAL
    assert bot.slack.views(DANA) == []


async def test_the_catalogue_is_searched_by_submitting_too(bot: Office) -> None:
    await bot.type("")
    await bot.form(names.CATALOGUE_MODAL)
    ack = await bot.submit(search="restore")
    assert ack.payload["response_action"] == "update"
    assert "RB-INC-001" not in str(bot.slack.views(DANA)[-1]["blocks"])


async def test_a_refused_form_keeps_what_was_typed(bot: Office) -> None:
    await bot.type("RB-INC-001")
    await bot.form(names.START_MODAL)
    bot.desk.refusal = Refusal("Not right.", {"brief_desc": "This must look like ^[a-z]$"})
    ack = await bot.submit(brief_desc="Core Down")
    assert ack.errors == {"brief_desc": "This must look like ^[a-z]$"}
    typed = bot.slack.views(DANA)[-1]["state"]["values"]["brief_desc"]["value"]["value"]
    assert typed == "Core Down"


async def test_a_refusal_about_no_field_stands_below_the_last_one(bot: Office) -> None:
    await bot.type("RB-REC-001")
    await bot.form(names.START_MODAL)
    bot.desk.refusal = Refusal("You need the role responder.")
    ack = await bot.submit(database="x")
    assert ack.errors == {"database": "You need the role responder."}


async def test_a_store_that_fails_is_admitted_to_whoever_typed(
    bot: Office, caplog: pytest.LogCaptureFixture
) -> None:
    bot.desk.breaks = OSError("disk full")
    said = await bot.told("DAILY-001")
    assert "could not be noted" in said and "Nothing was started" in said
    assert "OSError" not in said and "disk full" not in said
    assert "disk full" in caplog.text


async def test_a_store_that_fails_leaves_the_form_as_it_was(bot: Office) -> None:
    await bot.type("RB-REC-001")
    await bot.form(names.START_MODAL)
    bot.desk.breaks = OSError("disk full")
    ack = await bot.submit(database="complyai-prod")
    assert "could not be noted" in ack.errors["database"]
    bot.desk.breaks = None
    await bot.submit(database="complyai-prod")
    assert started(bot).inputs == {"database": "complyai-prod"}


async def test_a_store_that_hangs_is_not_said_to_have_done_nothing(
    bot: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(bot.desk, "recent", _never)
    said = await bot.told("status")
    assert "may or may not have been noted" in said


async def test_a_form_that_opens_too_late_is_answered_with_what_to_type(bot: Office) -> None:
    bot.slack.faults.refuse("views.open", "expired_trigger_id")
    await bot.type("RB-INC-001")
    said = await bot.whispered()
    assert "3 seconds" in said and "/runbook RB-INC-001" in said


async def test_a_form_whose_making_fails_is_not_passed_over_in_silence(
    bot: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.desk, "recent", _breaks)
    await bot.type("")
    assert "could not be shown" in await bot.whispered()


async def test_live_choices_that_do_not_come_leave_a_field_to_type_in(
    bot: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.listeners.starting.MENUS_WITHIN_S", 0.05)
    monkeypatch.setattr(bot.desk, "menus", _never)
    await bot.type("RB-INC-001")
    assert "could not be read" in str((await bot.form(names.START_MODAL))["blocks"])


async def test_a_guest_reads_nothing(bot: Office) -> None:
    bot.directory.make_guest(LENA)
    for text in ("list", "status", "history", "show RB-INC-001"):
        assert "Only active, full members" in await bot.told(text, LENA)
    await bot.type("", LENA)
    await bot.settled()
    assert bot.slack.views(LENA) == []


async def test_when_nobody_can_be_looked_up_nothing_is_shown(bot: Office) -> None:
    bot.directory.is_down = True
    assert "nobody is let through" in await bot.told("status")


async def test_somebody_of_another_company_is_turned_away(bot: Office) -> None:
    channel = bot.slack.channel(GENERAL)
    body = payloads.slash_command(bot.slack.team, DANA, channel, "/runbook", "DAILY-001")
    assert "Only members of the workspace" in await _delivered(bot, body | {"team_id": "T0OTHER"})
    assert bot.desk.noted == []


async def test_a_run_started_where_the_bot_is_not_speaks_to_the_person(bot: Office) -> None:
    hidden = bot.slack.add_channel("hidden", [DANA], private=True, with_bot=False)
    await bot.answered("DAILY-001", channel=hidden)
    origin = started(bot).origin
    assert origin.channel_id and origin.channel_id.startswith("D")


async def test_a_run_started_in_a_private_channel_of_the_bot_speaks_there(bot: Office) -> None:
    ours = bot.slack.add_channel("ours", [DANA], private=True)
    await bot.answered("DAILY-001", channel=ours)
    assert started(bot).origin.channel_id == ours


async def test_a_secret_goes_to_the_store_and_only_its_reference_on(
    bot: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bot")
    await bot.type("RB-SYNC-002")
    await bot.form(names.START_MODAL)
    await bot.submit(value="hunter2-hunter2")
    assert bot.kept == [("value", "hunter2-hunter2")]
    assert started(bot).inputs == {"value": {"name": "runs/value", "version": "1"}}
    assert "hunter2" not in caplog.text


async def test_without_a_secret_store_a_secret_is_thrown_away_and_said_so() -> None:
    async with office(with_secret_store=False) as bot:
        await bot.type("RB-SYNC-002")
        await bot.form(names.START_MODAL)
        ack = await bot.submit(value="hunter2-hunter2")
        assert "thrown away" in ack.errors["value"]
        assert bot.desk.noted == []


async def test_a_secret_of_somebody_who_may_not_start_is_not_stored(bot: Office) -> None:
    await bot.type("RB-SYNC-002")
    await bot.form(names.START_MODAL)
    bot.directory.make_guest(DANA)
    ack = await bot.submit(value="hunter2-hunter2")
    assert "Only active" in ack.errors["value"]
    assert bot.kept == []


async def test_home_shows_what_runs_and_starts_into_the_own_channel(bot: Office) -> None:
    await bot.slack.open_home(DANA)
    home = await bot.slack.wait_for(lambda: bot.slack.home(DANA))
    assert home and "7F3K" in str(home["blocks"])
    await bot.slack.click(DANA, None, home["id"], None, names.CATALOGUE)
    await bot.form(names.CATALOGUE_MODAL)
    await bot.press_in_form("rb.show_book:DAILY-001")
    await bot.slack.wait_for(lambda: bot.slack.views(DANA)[-1]["title"]["text"] == "DAILY-001")
    await bot.submit()
    await bot.submit()
    origin = started(bot).origin
    assert origin.channel_id and origin.channel_id.startswith("D")


async def test_a_guest_sees_no_runs_on_home(bot: Office) -> None:
    bot.directory.make_guest(LENA)
    await bot.slack.open_home(LENA)
    home = await bot.slack.wait_for(lambda: bot.slack.home(LENA))
    assert home and "7F3K" not in str(home["blocks"])


async def _delivered(bot: Office, body: dict[str, Any]) -> str:
    answer = await bot.app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    return str(answer.body)


async def _never(*_: object, **__: object) -> Any:
    await asyncio.Event().wait()


async def _breaks(*_: object, **__: object) -> Any:
    raise OSError("disk full")


async def test_a_runbook_that_is_only_prose_is_not_said_to_be_unknown(bot: Office) -> None:
    assert "follow its prose" in await bot.told("RB-INC-003")
