"""What people want of a run that goes on: each says whether the run waits for it. Pure."""

from dataclasses import replace

from bot.engine.score import Score
from bot.engine.state import NOT_OVER, Errand, Event
from bot.engine.turns import ON_ITS_WAY, UNDO, may_pick, open_pick, undoable
from bot.runbook.outline import Outline, StepOutline


def cancelled(score: Score, _event: Event) -> bool:
    score.run = replace(score.run, status="cancelling")
    return True


def closed(score: Score, event: Event) -> bool:
    if open_pick(score.outline, score.run) != event.about:
        return False
    score.run = replace(score.run, closed=score.run.closed | {event.about})
    return True


def gone_on(score: Score, event: Event) -> bool:
    if not score.run.holds(event.about):
        return False
    score.run = replace(score.run, waved=score.run.waved | {event.about})
    return True


def between_parts(score: Score, event: Event) -> bool:
    """What is being applied comes to its end between two parts; the work says when it has."""
    key, step = event.about, score.run.step(event.about)
    if step.status == "paused" and event.kind == "resumed":
        score.run = score.run.with_step(key, status="applying", wish="", wished_by="")
        score.effect("apply", key)
    elif step.status == "paused" and event.kind == "stopped":
        score.effect("free", key)
        score.settle(key, "cancelled")
    elif step.status == "applying" and event.kind != "resumed" and step.wish != "stop":
        wish = "pause" if event.kind == "paused" else "stop"
        if step.wish == wish:
            return False
        score.run = score.run.with_step(key, wish=wish, wished_by=event.by)
        score.effect("stop", key)
    else:
        return False
    return True


def picked(score: Score, event: Event) -> bool:
    key, by = event.about, event.by
    if not may_pick(score.outline, score.run, key):
        return False
    step = score.outline.step(key)
    score.run = score.run.with_step(key, plans=0, by=by)
    score.errand(Errand((*_pulled(score.outline, step), key), step.proofs))
    _undo_afresh(score, key)
    return True


def _undo_afresh(score: Score, key: str) -> None:
    """What is done anew can be taken back anew."""
    undo = key + UNDO
    if undo in score.run.steps and score.run.status_of(undo) not in ON_ITS_WAY:
        score.run = score.run.afresh((undo,))


def _is_on_demand(outline: Outline, step: StepOutline) -> bool:
    return any(
        step in section.steps and section.mode in ("pick", "standby")
        for section in outline.sections
    )


def _pulled(outline: Outline, step: StepOutline) -> tuple[str, ...]:
    """What a picked action asks for in its own section, in the order of the book."""
    section = next(s for s in outline.sections if step in s.steps)
    wanted, pulled = {step.key}, []
    for other in reversed(section.steps):
        if other.key in wanted:
            wanted |= set(other.after)
            if other.key != step.key and other.kind != "action":
                pulled.append(other.key)
    return tuple(reversed(pulled))


def taken_back(score: Score, event: Event) -> bool:
    key, by = event.about, event.by
    if score.run.is_on_errand or key not in undoable(score.outline, score.run):
        return False
    score.run = score.run.with_step(key + UNDO, plans=0, by=by, returns=False)
    score.errand(Errand((key + UNDO,), score.outline.step(key).proofs))
    return True


def done_again(score: Score, event: Event) -> bool:
    key, by = event.about, event.by
    if key.endswith(UNDO) or score.run.status_of(key) in NOT_OVER:
        return False
    step = score.outline.step(key)
    if step.kind != "action":
        score.run = score.run.afresh((key,))
        return True
    if score.run.status_of(key) in ("given", "nothing"):
        return False
    if _is_on_demand(score.outline, step):
        return picked(score, event)
    score.run = score.run.with_step(key, plans=0, by=by).afresh((key,))
    _undo_afresh(score, key)
    return True
