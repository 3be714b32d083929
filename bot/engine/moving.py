"""What follows once an event is taken in: what is due is begun, or the run ends. Pure."""

from dataclasses import replace

from bot.engine.score import Score
from bot.engine.state import HAS_RESULT, NOT_OVER
from bot.engine.turns import is_at_work, is_past, is_to_be_done, ready, spec_of


def move_on(score: Score) -> None:
    if score.run.status == "cancelling":
        _wind_down(score)
        return
    while batch := tuple(dict.fromkeys(ready(score.outline, score.run))):
        for key in batch:
            _start(score, key)
    at_work = any(map(is_at_work, score.run.steps.values()))
    waits = score.run.lent or is_to_be_done(score.outline, score.run)
    done = not (score.run.is_on_errand or at_work or waits)
    if done and all(is_past(section, score.run) for section in score.outline.sections):
        for key, step in score.run.steps.items():
            if step.status in NOT_OVER and step.status != "waiting":
                score.effect("close", key)
                score.become(key, "nothing")
        score.run = replace(score.run, status="finished")


def _wind_down(score: Score) -> None:
    """
    What is being applied is finished and told apart, and what is to be taken back by itself
    is; everything else stops here, also a return that somebody has paused.
    """
    for key, step in score.run.steps.items():
        if step.status in ("planned", "asked"):
            score.effect("close", key)
            score.become(key, "cancelled")
        elif step.status == "paused":
            score.effect("free", key)
            score.become(key, "cancelled")
        elif step.returns:
            continue
        elif step.status == "working":
            score.effect("stop", key)
            score.effect("close", key)
            score.become(key, "cancelled")
        elif step.status == "applying":
            score.effect("stop", key)
    left = any(map(is_at_work, score.run.steps.values()))
    if not (left or score.run.lent):
        score.run = replace(score.run, status="cancelled", errand=(), proofs=(), later=())


def _start(score: Score, key: str) -> None:
    lacking = [
        score.run.status_of(earlier)
        for earlier, must in spec_of(score.outline, key).after.items()
        if must and score.run.status_of(earlier) not in HAS_RESULT
    ]
    if lacking:
        quietly = all(status == "nothing" for status in lacking)
        score.settle(key, "nothing" if quietly else "blocked")
    else:
        score.call(key)
