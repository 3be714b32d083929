"""What work and waits report: each says whether the run waits for it. Pure."""

from dataclasses import replace

from bot.engine.lending import keep, lend
from bot.engine.record import GLASS_BROKEN, StepStatus
from bot.engine.score import Score
from bot.engine.state import CALL_OUTCOMES, PLANS_AT_MOST, Errand, Event
from bot.engine.turns import UNDO, spec_of
from bot.runbook.outline import Outline, StepOutline

APPLIED: dict[str, StepStatus] = {
    "given": "given",
    "cancelled": "cancelled",
    "paused": "cancelled",  # when the run was cancelled since
}


def returned(score: Score, event: Event) -> bool:
    key, spec = event.about, spec_of(score.outline, event.about)
    if score.run.status_of(key) != "working" or score.run.step(key).naps:
        return False
    if score.run.status == "cancelling" and not score.run.step(key).returns:
        score.settle(key, "cancelled")
    elif event.outcome == "not yet":
        score.run = score.run.with_step(key, naps=True)
        score.effect("tick", key)
    elif event.outcome in ("asked", "gone") and _may_ask(score):
        score.become(key, "asked")
        score.effect("ask", key)
    elif event.outcome == "planned" and not score.run.dry:
        _planned(score, key, spec)
    else:
        score.settle(key, CALL_OUTCOMES.get(event.outcome, "nothing"))
    return True


def _may_ask(score: Score) -> bool:
    """Of a run that is being cancelled nobody is asked; what does not go back is told."""
    return score.run.status == "running" and not score.run.dry


def _planned(score: Score, key: str, spec: StepOutline) -> None:
    score.run = score.run.with_step(key, plans=score.run.step(key).plans + 1)
    agreed = spec.unattended is not None or score.run.step(key).returns
    score.become(key, "applying" if agreed else "planned")
    score.effect("propose", key)
    if agreed:
        score.effect("apply", key)


def decided(score: Score, event: Event) -> bool:
    key = event.about
    if score.run.status_of(key) != "planned":
        return False
    score.effect("close", key)
    if event.outcome in ("approved", GLASS_BROKEN):
        score.become(key, "applying")
        score.effect("apply", key)
    else:
        score.settle(key, "denied" if event.outcome == "denied" else "expired")
    return True


def applied(score: Score, event: Event) -> bool:
    key = event.about
    if score.run.status_of(key) != "applying":
        return False
    if event.lends:  # whatever becomes of the rest
        lend(score, key)
    if event.outcome == "unsure":  # its locks stay until a person has spoken
        score.become(key, "unsure")
        score.effect("doubt", key)
        return True
    if event.outcome == "paused" and _is_to_pause(score, key):
        score.become(key, "paused")  # its locks stay, too
        return True
    score.effect("free", key)
    if key.endswith(UNDO) and event.outcome == "given":
        keep(score, key.removesuffix(UNDO))
    if event.outcome == "outdated" and not score.run.step(key).returns:
        _plan_again(score, key)
    else:
        score.settle(key, APPLIED.get(event.outcome, "failed"))
    return True


def _is_to_pause(score: Score, key: str) -> bool:
    return score.run.status == "running" and score.run.step(key).wish == "pause"


def resolved(score: Score, event: Event) -> bool:
    key = event.about
    if score.run.status_of(key) != "unsure":
        return False
    score.effect("close", key)
    if event.outcome == "done":  # what is left of the plan is carried out, if anything is
        score.effect("vouch", key)
        score.become(key, "applying")
        score.effect("apply", key)
        return True
    score.effect("free", key)
    if event.outcome == "not done" and score.run.status == "running":
        _plan_again(score, key)
    else:
        score.settle(key, "failed")
    return True


def _plan_again(score: Score, key: str) -> None:
    score.run = score.run.with_step(key, returns=False)  # People are asked for another plan.
    if score.run.status == "cancelling":
        score.settle(key, "cancelled")
    elif score.run.step(key).plans >= PLANS_AT_MOST:
        score.settle(key, "failed")
    elif checks := _rests_on(score.outline, key):  # they are read anew before it is planned
        score.errand(Errand((*checks, key), score.outline.step(key).proofs))
    else:
        score.call(key)


def _rests_on(outline: Outline, key: str) -> tuple[str, ...]:
    """The checks whose facts a plan is made from."""
    needed = spec_of(outline, key).after
    return tuple(n for n in needed if outline.step(n).kind == "check")


def answered(score: Score, event: Event) -> bool:
    if score.run.status_of(event.about) != "asked":
        return False
    score.effect("close", event.about)
    if event.outcome == "again" and score.run.step(event.about).returns:
        score.call(event.about)  # it has no turn
    elif event.outcome == "again":  # once what it needs is there, which may be read anew
        score.run = score.run.afresh((event.about,))
    elif event.outcome == "without":
        score.run = replace(score.run, waved=score.run.waved | {event.about})
        score.settle(event.about, "failed")
    else:
        score.settle(event.about, "given")
    return True


def due(score: Score, event: Event) -> bool:
    step = score.run.step(event.about)
    if step.status != "working" or not step.naps or score.run.status != "running":
        return False
    score.run = score.run.with_step(event.about, reading=step.reading + 1, naps=False)
    score.effect("call", event.about)
    return True
