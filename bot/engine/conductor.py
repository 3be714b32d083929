"""
What a run does next. Pure: (outline, state, event) -> (state, effects). No I/O, no clock, no
functions of the book: the outline, which is plain data, is all there is to know of it.

The run's position is never stored. What is due follows from the state of the steps, so that an
event that comes twice, late, or after a restart leads to the same place. Rules without which the
order of events would matter: a section settles as a whole; a run's end is computed from its steps;
of approve, deny, deadline and cancel the first wins.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.engine import reported, wanted
from bot.engine.lending import return_due
from bot.engine.moving import move_on
from bot.engine.score import Score
from bot.engine.state import Effect, Event, EventKind, RunState
from bot.runbook.outline import Outline

Hear = Callable[[Score, Event], bool]
#: Of one attempt of a step; what an earlier one has to say is late.
REPORTS: Mapping[EventKind, Hear] = {
    "returned": reported.returned,
    "applied": reported.applied,
    "decided": reported.decided,
    "answered": reported.answered,
    "resolved": reported.resolved,
    "due": reported.due,
}
#: Of a run that goes on.
WISHES: Mapping[EventKind, Hear] = {
    "picked": wanted.picked,
    "undo": wanted.taken_back,
    "again": wanted.done_again,
    "go on": wanted.gone_on,
    "closed": wanted.closed,
    "cancelled": wanted.cancelled,
    "paused": wanted.between_parts,
    "resumed": wanted.between_parts,
    "stopped": wanted.between_parts,
}


def conduct(outline: Outline, run: RunState, event: Event) -> tuple[RunState, list[Effect]]:
    """The same state object and no effects when the event changes nothing: late, stale, twice."""
    score = Score(outline, run)
    if run.is_over or not _take(score, event):
        return run, []
    move_on(score)
    return score.run, score.effects


def _take(score: Score, event: Event) -> bool:
    """Whether the event is one that the run waits for."""
    if event.kind == "started":
        if score.run.status != "new":
            return False
        score.run = replace(score.run, status="running")
        return True
    if score.run.status == "new":
        return False
    if report := REPORTS.get(event.kind):
        return score.run.step(event.about).attempt == event.attempt and report(score, event)
    if event.kind == "return due":
        return return_due(score, event)
    wish = WISHES.get(event.kind)
    return wish is not None and score.run.status == "running" and wish(score, event)
