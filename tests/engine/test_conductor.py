"""The conductor under every order of events that Hypothesis can think of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.state import NOT_OVER, Event, RunState
from bot.engine.turns import held_at, open_pick
from bot.runbook.outline import Outline
from tests.engine.stage import CROSSING, LAMPS, Stage, let_happen, say


@pytest.mark.parametrize("plan", [LAMPS, CROSSING], ids=["lamps", "crossing"])
@settings(max_examples=settings().max_examples * 3 // 2, deadline=None)
@given(data=st.data(), dry=st.booleans())
def test_whatever_comes_in_whatever_order_a_run_is_never_stuck_and_never_unapproved(
    plan: Outline, data: st.DataObject, dry: bool
) -> None:
    let_happen(Stage(plan, dry), data)


@pytest.mark.parametrize("plan", [LAMPS, CROSSING], ids=["lamps", "crossing"])
@settings(deadline=None)
@given(data=st.data())
def test_a_run_that_is_answered_always_comes_to_its_end(
    plan: Outline, data: st.DataObject
) -> None:
    stage = Stage(plan)
    for _ in range(80):
        if stage.run.is_over:
            return
        if awaited := stage.awaited():
            effect = data.draw(st.sampled_from(awaited))
            anew = ("not yet", "outdated", "again")
            final = [e for e in stage.answers(effect) if e.outcome not in anew]
            stage.answer(effect, data.draw(st.sampled_from(final)))
        elif paused := stage.paused():
            stage.send(Event("resumed", paused[0]))
        elif held := held_at(stage.plan, stage.run):
            stage.send(Event("go on", held[0]))
        else:
            section = open_pick(stage.plan, stage.run)
            assert section
            stage.send(Event("closed", section))
    assert stage.run.is_over


def test_late_news_of_an_earlier_attempt_moves_nothing() -> None:
    stage = Stage(LAMPS)
    (greet,) = (one for one in stage.out if one.step == "greet")
    stage.answer(greet, Event("returned", "greet", 1, "failed"))
    stage.send(Event("again", "greet"))
    before = stage.run
    stage.send(Event("returned", "greet", 1, "planned"))
    assert stage.run is before


def test_the_state_survives_being_stored() -> None:
    stage = Stage(LAMPS)
    assert RunState.from_json(stage.run.as_json()) == stage.run


@pytest.mark.parametrize("status", sorted(NOT_OVER - {"waiting"}))
def test_a_cancelled_run_ends_once_nothing_is_being_applied(status: str) -> None:
    stage = Stage(LAMPS)
    stage.run = stage.run.with_step("greet", status=status)
    stage.send(Event("cancelled"))
    ended = status not in ("applying", "unsure")  # also what was paused
    assert stage.run.status == ("cancelled" if ended else "cancelling")


def _picked_while_another_is_applied() -> Stage:
    """`paint` is being applied in its turn, and so is `smash`, which somebody picked meanwhile."""
    stage = Stage(CROSSING)
    say(stage, Event("returned", "color", 1, "ok"))
    say(stage, Event("returned", "paint", 1, "planned"))
    say(stage, Event("decided", "paint", 1, "approved"))
    stage.send(Event("picked", "smash", by="U1"))
    say(stage, Event("returned", "smash", 1, "planned"))
    say(stage, Event("decided", "smash", 1, "approved"))
    return stage


def test_what_is_planned_anew_waits_for_what_was_picked_meanwhile() -> None:
    stage = _picked_while_another_is_applied()
    say(stage, Event("applied", "paint", 1, "outdated"))
    assert stage.run.errand[0] == "smash" and stage.run.status_of("paint") == "waiting"
    assert not [one for one in stage.out if one.what == "call"]
    say(stage, Event("applied", "smash", 1, "given"))
    say(stage, Event("returned", "gone", 1, "ok"))
    assert stage.run.errand == ("color", "paint")
    say(stage, Event("returned", "color", 2, "ok"))
    say(stage, Event("returned", "paint", 2, "planned"))


def test_a_step_that_is_at_it_cannot_be_picked_again_nor_is_its_run_over() -> None:
    stage = _picked_while_another_is_applied()
    before = stage.run
    stage.send(Event("picked", "smash", by="U2"))
    assert stage.run is before
    say(stage, Event("applied", "paint", 1, "failed"))
    stage.send(Event("go on", "paint"))
    assert not stage.run.is_over


def test_whoever_asked_first_stays_the_one_who_asked() -> None:
    stage = _picked_while_another_is_applied()
    stage.send(Event("picked", "smash", by="U2"))
    stage.send(Event("again", "smash", by="U3"))
    assert stage.run.step("smash").by == "U1"


def test_what_a_person_vouches_for_goes_on_with_the_rest_of_its_plan() -> None:
    stage = _picked_while_another_is_applied()
    say(stage, Event("applied", "smash", 1, "unsure"))
    stage.send(Event("resolved", "smash", 1, "done", "U1"))
    assert stage.run.status_of("smash") == "applying"
    assert [e.what for e in stage.out if e.step == "smash"] == ["apply"]
