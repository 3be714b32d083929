"""
What the conductor makes of changes that go back by themselves, beside pauses, stops and
cancellation.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.state import Event, RunState
from bot.engine.turns import undoable
from tests.engine.stage import CROSSING, Stage, let_happen, say


@pytest.mark.parametrize("where", ["made", "half way", "on its way back"])
@settings(max_examples=settings().max_examples * 3 // 2, deadline=None)
@given(data=st.data())
def test_what_is_lent_goes_back_whatever_comes_in_between(where: str, data: st.DataObject) -> None:
    stage = _lent("failed" if where == "half way" else "given")
    if where == "on its way back":
        stage.send(Event("return due", "paint"))
    let_happen(stage, data)


def _lent(outcome: str) -> Stage:
    """`paint` was made for a while, all of it or some."""
    stage = Stage(CROSSING)
    say(stage, Event("returned", "color", 1, "ok"))
    say(stage, Event("returned", "paint", 1, "planned"))
    say(stage, Event("decided", "paint", 1, "approved"))
    say(stage, Event("applied", "paint", 1, outcome, lends=True))
    return stage


def _going_back(outcome: str, what: str = "returned") -> Stage:
    """Its return, once its work has said so."""
    stage = _lent("given")
    stage.send(Event("return due", "paint"))
    if what == "applied":
        say(stage, Event("returned", "paint.undo", 1, "planned"))
    say(stage, Event(what, "paint.undo", 1, outcome))  # type: ignore[arg-type]
    return stage


def _close(stage: Stage) -> None:
    """All but what goes back is done."""
    say(stage, Event("returned", "painted", 1, "ok"))
    stage.send(Event("closed", "cure"))


def test_a_return_that_no_version_can_make_keeps_its_run_open_and_is_tried_again() -> None:
    stage = _going_back("gone")
    _close(stage)
    assert (stage.run.status, stage.run.status_of("paint.undo")) == ("running", "asked")
    (ask,) = stage.out
    stage.answer(ask, Event("answered", "paint.undo", 1, "again"))
    say(stage, Event("returned", "paint.undo", 2, "planned"))
    say(stage, Event("applied", "paint.undo", 2, "given"))
    assert stage.run.is_over


def test_nobody_is_asked_about_the_return_of_a_run_that_is_being_cancelled() -> None:
    stage = _lent("given")
    stage.send(Event("cancelled"))
    stage.send(Event("return due", "paint"))
    say(stage, Event("returned", "paint.undo", 1, "gone"))
    assert (stage.run.status, stage.run.status_of("paint.undo")) == ("cancelled", "failed")


@pytest.mark.parametrize("first", ["paused", "cancelled"])
def test_a_paused_return_ends_with_its_run(first: str) -> None:
    stage = _lent("given")
    stage.send(Event("return due", "paint"))
    say(stage, Event("returned", "paint.undo", 1, "planned"))
    stage.send(Event("paused", "paint.undo", by="U1"))
    if first == "paused":
        say(stage, Event("applied", "paint.undo", 1, "paused"))
        assert stage.paused() == ["paint.undo"]
    stage.send(Event("cancelled"))
    if first == "cancelled":
        say(stage, Event("applied", "paint.undo", 1, "paused"))
    assert (stage.run.status, stage.run.status_of("paint.undo")) == ("cancelled", "cancelled")
    assert not stage.locked


def test_what_is_just_taken_back_is_not_made_anew_before() -> None:
    stage = _lent("failed")
    stage.send(Event("return due", "paint"))
    stage.send(Event("again", "paint", by="U1"))
    assert stage.run.status_of("paint") == "waiting"
    say(stage, Event("returned", "paint.undo", 1, "planned"))
    say(stage, Event("applied", "paint.undo", 1, "given"))
    assert stage.run.status_of("paint") == "working"


def test_what_is_made_anew_in_its_turn_can_be_taken_back_anew() -> None:
    stage = _lent("failed")
    stage.send(Event("return due", "paint"))
    say(stage, Event("returned", "paint.undo", 1, "planned"))
    say(stage, Event("applied", "paint.undo", 1, "given"))
    stage.send(Event("again", "paint", by="U1"))
    say(stage, Event("returned", "paint", 2, "planned"))
    say(stage, Event("decided", "paint", 2, "approved"))
    say(stage, Event("applied", "paint", 2, "given"))
    assert undoable(CROSSING, stage.run) == ("paint",)


def test_what_is_not_used_is_not_stored_so_that_an_older_version_reads_the_step() -> None:
    stage = _lent("given")
    later = {"returns", "wish", "wished_by"}
    assert all(not later & set(one) for one in stage.run.as_json()["steps"].values())
    stage.send(Event("return due", "paint"))
    assert stage.run.as_json()["steps"]["paint.undo"]["returns"]
    assert RunState.from_json(stage.run.as_json()) == stage.run
