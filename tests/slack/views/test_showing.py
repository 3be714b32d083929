"""Details, questions, lists and results say what happened and what to do next."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.engine.intents import Refusal
from bot.engine.record import RunRecord, StepRecord
from bot.runbook.findings import Details, Table
from bot.slack.views import ephemeral, names
from bot.slack.views.catalogue import catalogue_modal, summaries, whole_book
from bot.slack.views.home import home
from bot.slack.views.names import Metadata, pressed, unpack
from bot.slack.views.question import answer_modal, closed_question_card, question_card, reminder
from bot.slack.views.results import finished, started
from bot.slack.views.step import needs_table_file, step_detail, table_text
from bot.slack.views.timeline import timeline, timeline_entries, timeline_text
from tests.slack.views.checking import (
    action_ids,
    assert_message,
    assert_view,
    elements,
    labels,
    words,
)
from tests.slack.views.sample import (
    DANA,
    LENA,
    RAVI,
    after,
    approval,
    approved,
    change,
    outage,
    outage_outline,
    question,
    table,
    with_approval,
)

BOOKS = {
    "RB-INC-001": outage_outline(),
    "RB-DB-001": replace(
        outage_outline(), book="RB-DB-001", title="Database Migration", category="Database"
    ),
}


def _ended(step: StepRecord) -> StepRecord:
    return replace(step, started_at=after(1), ended_at=after(2))


def with_table(whole: Table) -> RunRecord:
    run = outage()
    step = replace(run.steps["services"], details=Details(table=whole))
    return replace(run, steps={**run.steps, "services": step})


def test_a_step_shows_its_verdict_facts_time_and_where_it_leads() -> None:
    run = outage()
    made = step_detail(run, run.steps["services"])
    shown = words(made)
    for fact in ("PROBLEM  Services", "complyai-core runs 0 of 4 tasks", "took 21 s", "14:02:31"):
        assert fact in shown
    (hop,) = elements(made, action_id="rb.next_hop:0")
    assert (pressed(hop).id, pressed(hop).step, pressed(hop).number) == ("7F3K", "services", 0)
    assert "RB-REC-001" in made.text
    assert len(elements(made, type="table")) == 1


@pytest.mark.parametrize("size", [(100, 3), (5, 21), (99, 20)])
def test_a_table_that_does_not_fit_is_attached_whole_and_said_to_be(size: tuple[int, int]) -> None:
    whole = table(*size)
    wide = Table(whole.columns, tuple(tuple("w" * 40 for _ in row) for row in whole.rows))
    run = with_table(wide)
    made = step_detail(run, run.steps["services"])
    assert_message(made)
    assert needs_table_file(run.steps["services"])
    assert "attached as services.csv" in words(made)
    assert len(table_text(wide).splitlines()) == size[0] + 1


def test_a_table_with_uneven_rows_is_still_shown() -> None:
    run = with_table(Table(("a", "b"), ((1,), (1, 2, 3))))
    assert_message(step_detail(run, run.steps["services"]))


def test_a_cell_that_a_spreadsheet_would_run_is_harmless() -> None:
    shown = table_text(Table(("a",), (("=HYPERLINK(1)",), ("@x",), (-3,), ("-",))))
    assert shown.splitlines() == ['"a"', '"\'=HYPERLINK(1)"', '"\'@x"', "-3", '"-"']


def test_a_person_is_asked_for_by_claiming_or_choosing() -> None:
    made = question_card(question(proposed={"user_id": RAVI}), outage())
    assert labels(made) == ["As proposed", "I take it"]
    assert elements(made, type="users_select")[0]["action_id"] == "rb.claim_other:qu_1"
    assert elements(made, type="user", user_id=RAVI)


def test_a_reminder_names_who_is_to_do_it_and_how_long_they_have() -> None:
    asked = question("confirm", owner=RAVI, due=datetime(2026, 12, 1, 3, tzinfo=UTC))
    soon = reminder(replace(asked, left_s=21_600), outage())
    assert soon.text.startswith(f"<@{RAVI}>: 6 h 00 min left · Assign a Commander, run 7F3K,")
    assert soon.text.endswith("Press Done when it is done · by 2026-12-01 03:00 UTC.")
    assert elements(soon, type="user", user_id=RAVI)
    assert reminder(replace(asked, left_s=0), outage()).text.startswith(f"<@{RAVI}>: OVERDUE")
    assert elements(question_card(asked, outage()), type="user", user_id=RAVI)


def test_few_choices_are_buttons_and_many_a_menu() -> None:
    choices = tuple((f"snapshot {n}", {"name": str(n)}) for n in range(150))
    few = question_card(question(choices=choices[:3]), outage())
    assert [pressed(one).number for one in elements(few, type="button")] == [0, 1, 2]
    many = question_card(question(choices=choices), outage())
    assert_message(many)
    menus = elements(many, type="static_select")
    last = {"type": "static_select", "action_id": menus[1]["action_id"]}
    assert pressed(last | {"selected_option": menus[1]["options"][-1]}).number == 149


def test_another_answer_is_filled_into_a_form() -> None:
    schema = {"properties": {"loss": {"type": "integer", "title": "Minutes lost"}}}
    asked = question(answer_schema=schema, proposed={"loss": 5})
    assert labels(question_card(asked, outage())) == ["As proposed", "Answer…"]
    view = answer_modal(asked, outage())
    assert_view(view)
    assert elements(view, type="number_input")[0]["initial_value"] == "5"
    assert unpack(view["private_metadata"]).about == "qu_1"


def test_a_to_do_says_by_when() -> None:
    made = question_card(question("confirm", due=after(3600)), outage())
    assert labels(made) == ["Done"]
    assert "by 2026-03-06 15:02 UTC" in made.text


def test_whether_it_happened_is_asked_with_a_warning_each() -> None:
    made = question_card(question("unsure"), outage())
    assert labels(made) == ["It happened", "It did not", "Stop here"]
    assert all("confirm" in one for one in elements(made, type="button"))
    assert made.text.startswith("NOT KNOWN")


def test_what_to_do_without_a_step_is_asked_with_a_warning_each() -> None:
    made = question_card(question("gone"), outage())
    assert labels(made) == ["Go on without it", "Try again", "Cancel the run"]
    assert all("confirm" in one for one in elements(made, type="button"))
    assert made.text.startswith("STEP MISSING")


def test_a_closed_question_has_no_buttons_and_says_the_answer() -> None:
    run = outage()
    made = closed_question_card(run, run.steps["database"])
    assert not action_ids(made)
    assert "writer answers in 3 ms" in made.text


def test_a_closed_question_names_the_person_who_was_chosen() -> None:
    run = outage()
    made = closed_question_card(run, run.steps["commander"])
    assert elements(made, type="user", user_id=RAVI)
    assert f"DONE · Assign Incident Commander: <@{RAVI}>" in made.text


def test_an_unknown_id_is_answered_with_what_exists() -> None:
    made = ephemeral.unknown_book("RB-INC-01", ["RB-INC-001", "RB-NOT-THERE"], BOOKS)
    assert "There is no RB-INC-01. Did you mean RB-INC-001 Service Outage?" in words(made)
    assert labels(made) == ["Run RB-INC-001", "Show the catalogue"]


def test_an_unknown_id_may_be_one_of_the_version_that_is_on_its_way() -> None:
    made = ephemeral.unknown_book("RB-NEW-001", [], BOOKS, (), is_being_replaced=True)
    assert "if this is new, type it again in a moment" in made.text


def test_a_refusal_names_each_field() -> None:
    made = ephemeral.refused(Refusal("Not started.", {"services": "no such service: x"}))
    assert "services: no such service: x" in made.text
    assert "services: no such service: x" in words(made)


def test_who_came_second_reads_the_name_of_who_was_first() -> None:
    first = ("U0RAVI", "U0LENA")
    made = ephemeral.refused(Refusal("This was approved already.", decided_by=first))
    assert made.text == "This was approved already. Decided by <@U0RAVI>, <@U0LENA>."
    named = [part for part in made.blocks[1]["elements"][0]["elements"] if part["type"] == "user"]
    assert [one["user_id"] for one in named] == list(first)


def test_help_says_what_to_type_and_what_there_is() -> None:
    shown = words(ephemeral.usage(BOOKS))
    assert "/runbook RB-INC-001" in shown
    assert "RB-DB-001 Database Migration" in shown


def test_a_long_text_is_shown_whole_in_parts() -> None:
    text = "\n".join(f"line {n} " + "x" * 200 for n in range(60))
    made = ephemeral.plan(text)
    parts = [e["elements"][0]["text"] for e in elements(made, type="rich_text_preformatted")]
    assert "".join(parts) == text


def test_status_and_history_name_runs_people_and_ends() -> None:
    assert "Nothing runs" in ephemeral.status([]).text
    ended = replace(outage(), status="stopped", ended_at=after(600), ended_because="AWS refused")
    made = ephemeral.history([ended])
    assert "STOPPED" in words(made)
    assert "AWS refused" in words(made)
    assert labels(made) == ["Show 7F3K"]


def test_the_catalogue_finds_by_any_word_of_a_runbook() -> None:
    books = summaries(BOOKS, [outage()])
    assert labels(catalogue_modal(books)) == ["Show", "Show"]
    for search in ("migration", "rb-db", "DATABASE mig"):
        found = catalogue_modal(books, search)
        assert [pressed(b).id for b in elements(found, type="button")] == ["RB-DB-001"]
    assert "No runbook has nothing of it" in words(catalogue_modal(books, "nothing of it"))


def test_the_catalogue_says_when_a_runbook_ran_last_and_how_it_ended() -> None:
    ended = replace(outage(), status="finished", ended_at=after(1860))
    shown = words(catalogue_modal(summaries(BOOKS, [ended])))
    assert "last 2026-03-06 14:02 UTC: FINISHED after 31 min" in shown
    assert "not run lately" in shown


def test_a_chosen_runbook_shows_what_it_may_change_and_who_must_approve() -> None:
    view = catalogue_modal(summaries(BOOKS, []), "", "RB-INC-001", Metadata(channel="C1"))
    assert_view(view)
    shown = words(view)
    for fact in ("Roll back", "DESTROY: 2 other people of role operator", "Brief (required)"):
        assert fact in shown
    assert "It may, once approved: \nreboot with failover, update service" in shown
    assert unpack(view["private_metadata"]) == Metadata("RB-INC-001", channel="C1")
    (back,) = elements(view, action_id=names.SHOW_BOOK)
    assert pressed(back).id == ""


def test_the_home_tab_says_what_runs_and_what_it_waits_for() -> None:
    run = with_approval(replace(outage(), open_pick=None), approval())
    shown = words(home([run], [replace(run, status="finished", ended_at=after(60))]))
    assert "Waits for: 1 approval" in shown
    assert "FINISHED" in shown
    assert "Nothing runs." in words(home([], []))


def rolled_back(at: float) -> RunRecord:
    """A run that is over, in which people agreed to one change."""
    done = approval(status="approved", changes=(change(state="applied", at=after(at)),))
    run = with_approval(outage(), done)
    steps = {**run.steps, "roll_back": replace(run.steps["roll_back"], status="given", says="41")}
    return replace(run, steps=steps, status="finished", ended_at=after(1860))


def test_a_result_says_first_what_people_agreed_to_and_then_what_else_was_done() -> None:
    shown = finished(rolled_back(at=20))
    assert "FINISHED after 31 min" in shown.text
    assert "Changed: Roll back (41)\nAlso done: Create channel." in words(shown)
    assert "3 findings stay open:" in shown.text


def test_a_finding_from_before_the_last_change_is_not_said_to_be_so_still() -> None:
    text = finished(rolled_back(at=290)).text
    assert "3 findings from before the last change, not checked again:" in text
    assert "stay" not in text


def test_what_nobody_had_to_agree_to_is_not_called_a_change() -> None:
    text = finished(replace(outage(), status="finished", ended_at=after(60))).text
    assert "Done: Create channel." in text
    assert "hanged" not in text


def test_how_long_a_run_took_is_said_in_whole_seconds() -> None:
    quick = replace(outage(), status="finished", ended_at=after(0.026))
    assert "FINISHED after 1 s." in finished(quick).text
    assert "FINISHED after 2 s." in finished(replace(quick, ended_at=after(1.66))).text


def test_nothing_was_changed_is_said_only_when_it_is_known() -> None:
    run = outage()
    idle = {k: replace(s, status="cancelled") for k, s in run.steps.items()}
    ended = replace(run, steps=idle, status="cancelled", ended_at=after(60))
    assert "Nothing was changed." in finished(ended).text
    lost = approval(changes=(change(state="intended"),))
    assert "Nothing was changed." not in finished(replace(ended, approvals={"a": lost})).text


def test_the_origin_is_told_where_the_run_goes_on() -> None:
    assert "It goes on in #incident-20260306-api-down" in started(outage()).text
    made = started(replace(outage(), room_id="C0ROOM0000"))
    assert elements(made, type="channel", channel_id="C0ROOM0000")


def test_the_timeline_is_in_order_and_the_file_has_all_of_it() -> None:
    done = approval(
        status="approved",
        decisions=(approved(reason="r" * 900),),
        changes=(change(state="applied", seen="4 of 4", at=after(290)),),
    )
    run = with_approval(outage(), done)
    entries = timeline_entries(run)
    assert [one.at for one in entries] == sorted(one.at for one in entries)
    text = timeline_text(run)
    for fact in ("r" * 900, "applied: aws ecs update-service", "PROBLEM Services", "asked by"):
        assert fact in text
    assert_message(timeline(run))


def test_the_timeline_names_those_who_acted_and_nobody_whom_a_system_named() -> None:
    run = with_approval(outage(), approval(status="approved", decisions=(approved(),)))
    says = f"AWS refused arn:aws:sts::1:assumed-role/{RAVI}, <@{RAVI}>"
    database = replace(run.steps["database"], status="failed", says=says)
    made = timeline(replace(run, steps={**run.steps, "database": database}))
    named = [one["user_id"] for one in elements(made, type="user")]
    assert named == [DANA, RAVI, DANA, LENA]  # Started, leads, asked, approved.
    assert f"{says}" in words(made)


def test_a_short_id_of_a_person_is_read_as_a_name_where_somebody_answered() -> None:
    run = outage()
    step = replace(run.steps["commander"], says="<@U0DANA>")
    assert elements(step_detail(run, step), type="user", user_id="U0DANA")


def test_a_dry_run_never_says_that_there_was_nothing_to_do() -> None:
    run = replace(outage(), dry=True)
    step = replace(run.steps["roll_back"], status="nothing", says="Would run, at once: x")
    dry = replace(run, steps={**run.steps, "roll_back": step})
    assert "NOT DONE  Roll back" in words(step_detail(dry, step))
    assert "NOT DONE" in timeline_text(replace(dry, steps={"roll_back": _ended(step)}))
    ended = words(finished(replace(dry, status="finished", ended_at=after(60))))
    assert "FINISHED · DRY RUN · RB-INC-001" in ended


def test_a_whole_runbook_can_be_read_and_run_from_a_message() -> None:
    made = whole_book(summaries(BOOKS, [])[0])
    assert_message(made)
    assert "Roll back" in words(made) and "Roll back" in made.text
    assert labels(made) == ["Run RB-INC-001"]


def test_what_can_be_typed_is_shown_as_code() -> None:
    made = ephemeral.sentence("Nothing runs. `/runbook` shows what there is to run.")
    (code,) = elements(made, style={"code": True})
    assert code["text"] == "/runbook"
    assert "`" not in words(made)
