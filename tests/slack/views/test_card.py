"""The card says at a glance how a run is, and offers only what can be done."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.engine.record import RunRecord, StepStatus
from bot.slack.views import names
from bot.slack.views.card import card
from bot.slack.views.names import pressed
from bot.slack.views.words import TASK, WORD
from tests.slack.views.checking import action_ids, elements, labels, words
from tests.slack.views.sample import (
    DANA,
    after,
    approval,
    long_run,
    outage,
    question,
    with_approval,
)


def set_step(run: RunRecord, key: str, **changed: Any) -> RunRecord:
    return replace(run, steps={**run.steps, key: replace(run.steps[key], **changed)})


def test_every_section_counts_its_findings_in_words() -> None:
    shown = words(card(outage()))
    assert "Immediate Actions · 2 of 2 done" in shown
    assert "Diagnosis · 4 of 4: 2 PROBLEM, 1 UNKNOWN" in shown
    assert "Recovery Actions · pick what applies" in shown
    assert "Post-Incident (1 step)" in shown


@pytest.mark.parametrize("status", WORD)
def test_every_status_has_a_word_as_well_as_a_mark(status: StepStatus) -> None:
    run = set_step(outage(), "database", status=status)
    (task,) = elements(card(run), task_id="database")
    assert task["title"].startswith(WORD[status])
    assert task["status"] == TASK[status]


def test_the_text_alone_says_how_it_is_and_what_comes_next() -> None:
    text = card(outage()).text
    for fact in (
        "7F3K",
        "RB-INC-001",
        "RUNNING",
        "complyai-core runs 0 of 4",
        "Pick what applies",
    ):
        assert fact in text


def test_suggested_actions_come_first_and_are_marked_by_a_word() -> None:
    run = replace(outage(), suggested=("fail_over",))
    rows = [e["accessory"] for e in elements(card(run), type="section") if "accessory" in e]
    assert [pressed(row).key for row in rows] == ["fail_over", "roll_back"]
    assert "suggested: Fail over" in words(card(run))


def test_what_was_done_is_not_suggested_any_more() -> None:
    run = outage()
    done = replace(run.steps["roll_back"], status="given")
    shown = words(card(replace(run, steps={**run.steps, "roll_back": done})))
    assert "Roll back (DONE)" in shown
    assert "suggested" not in shown


def test_finishing_says_what_comes_after_it() -> None:
    (finish,) = elements(card(outage()), action_id=names.CLOSE)
    said = finish["confirm"]["text"]["text"]
    assert "from Recovery Actions, and the run goes on with Post-Incident." in said


def test_an_input_that_was_left_empty_is_not_shown() -> None:
    run = replace(outage(), inputs={"brief_desc": "api-down", "services": [], "severity": "P1"})
    assert "brief_desc: api-down · severity: P1" in words(card(run))


def test_while_one_remedy_is_under_way_no_other_is_offered() -> None:
    run = replace(with_approval(outage(), approval()), undoable=("fail_over",))
    offered = {one.partition(":")[0] for one in action_ids(card(run))}
    assert names.PICK not in offered
    assert names.UNDO not in offered


@pytest.mark.parametrize(
    ("changed", "offered"),
    [
        ({"status": "applying"}, {names.PAUSE, names.HALT}),
        ({"status": "applying", "wish": "pause", "wished_by": DANA}, {names.HALT}),
        ({"status": "applying", "wish": "stop", "wished_by": DANA}, set()),
        ({"status": "paused", "wish": "pause", "wished_by": DANA}, {names.RESUME, names.HALT}),
        ({"status": "applying", "blocked_by": "run 2345"}, set()),
        ({"status": "applying", "in_parts": False}, set()),
    ],
)
def test_what_is_made_in_parts_offers_what_can_be_done_with_it(
    changed: dict[str, Any], offered: set[str]
) -> None:
    run = outage()
    key, step = next((key, one) for key, one in run.steps.items() if one.kind == "action")
    step = replace(step, **{"in_parts": True, **changed})
    shown = card(replace(run, steps={**run.steps, key: step}))
    ours = {names.PAUSE, names.RESUME, names.HALT}
    assert {one.partition(":")[0] for one in action_ids(shown)} & ours == offered
    said = json.dumps(shown.blocks)
    assert (f"<@{DANA}> has paused" in said) == (step.status == "paused")


def test_a_held_step_offers_to_go_on_or_to_look_again() -> None:
    run = replace(outage(), held=("services",), open_pick=None)
    made = card(run)
    assert {"Go on", "Again"} <= set(labels(made))
    (go_on,) = elements(made, action_id="rb.go_on:services")
    assert (pressed(go_on).id, pressed(go_on).key) == ("7F3K", "services")
    assert "somebody to say go on" in made.text


def test_cancelling_asks_first() -> None:
    (button,) = elements(card(outage()), action_id=names.CANCEL)
    assert "7F3K" in button["confirm"]["text"]["text"]
    assert pressed(button).id == "7F3K"


def test_what_was_applied_can_be_taken_back() -> None:
    run = replace(set_step(outage(), "roll_back", status="given"), undoable=("roll_back",))
    assert "Take back: Roll back" in labels(card(run))


def test_a_finished_run_offers_nothing_but_its_timeline() -> None:
    run = replace(outage(), status="finished", ended_at=after(600), held=("services",))
    assert action_ids(card(replace(run, held=(), open_pick=None))) == {names.TIMELINE}


def test_a_dry_run_says_so_and_offers_no_action() -> None:
    made = card(replace(outage(), dry=True))
    assert "DRY RUN" in words(made)
    assert not any(one.startswith(names.PICK) for one in action_ids(made))
    run = replace(outage(), dry=True)
    looked = replace(run.steps["create_channel"], status="nothing", says="Would run, at once: x")
    shown = words(card(replace(run, steps={**run.steps, "create_channel": looked})))
    assert "NOT DONE · Create channel: Would run, at once: x" in shown
    assert "2 of 2 looked at" in shown


def test_a_watch_shows_how_far_it_is() -> None:
    run = set_step(
        outage(),
        "recovered",
        status="working",
        started_at=after(0),
        progress=0.5,
        says="4 of 4 tasks",
    )
    (task,) = elements(card(run), task_id="recovered")
    assert "04:00 of 15:00 ▇▇▇▇▇▇▇▇▇▁▁▁▁▁▁▁▁▁" in task["title"]
    assert "4 of 4 tasks" in task["title"]


def test_who_leads_is_named_at_the_top() -> None:
    assert "Assign Incident Commander: <@U0RAVI0000>" in words(card(outage()))


def test_a_run_of_sixty_steps_folds_what_is_over_and_well() -> None:
    made = card(long_run())
    assert len(made.blocks) <= 20
    assert len(elements(made, type="task_card")) <= 6 * 2 + 5
    assert "2 OK, 1 DONE, 1 NOTHING TO DO folded" in words(made)
    assert "WARNING · Check part 2 of 0" in words(made)


def test_what_waits_for_people_is_in_the_text() -> None:
    run = with_approval(outage(), approval())
    run = replace(run, questions={"qu_1": question()})
    assert "Needs approval: Roll back complyai-core" in card(run).text
    assert "Needs an answer: Assign a Commander" in card(run).text


def test_people_are_told_when_slack_is_behind() -> None:
    assert "14 s behind" in words(card(outage(), behind_s=14))
    assert "behind" not in words(card(outage(), behind_s=3))


def test_the_same_run_looks_the_same() -> None:
    assert card(outage()) == card(outage())
