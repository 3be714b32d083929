"""
What a run does next. Pure: (outline, state, event) -> (state, effects). No I/O, no clock, no
functions of the book: the outline, which is plain data, is all there is to know of it.

The run's position is never stored. What is due follows from the state of the steps, so that an
event that comes twice, late, or after a restart leads to the same place. Rules without which the
order of events would matter: a section settles as a whole; a run's end is computed from its steps;
of approve, deny, deadline and cancel the first wins.
"""

from dataclasses import replace

from bot.engine.record import GLASS_BROKEN, StepStatus
from bot.engine.state import (
    CALL_OUTCOMES,
    HAS_RESULT,
    NOT_OVER,
    PLANS_AT_MOST,
    Effect,
    Errand,
    Event,
    RunState,
)
from bot.engine.turns import (
    AT_WORK,
    ON_ITS_WAY,
    UNDO,
    is_past,
    is_to_be_done,
    may_pick,
    open_pick,
    ready,
    spec_of,
    undoable,
)
from bot.runbook.outline import Outline, StepOutline

APPLIED: dict[str, StepStatus] = {
    "given": "given",
    "cancelled": "cancelled",
    "paused": "cancelled",  # when the run was cancelled since
}


def conduct(outline: Outline, run: RunState, event: Event) -> tuple[RunState, list[Effect]]:
    """The same state object and no effects when the event changes nothing: late, stale, twice."""
    score = _Score(outline, run)
    if run.is_over or not score.take(event):
        return run, []
    score.move_on()
    return score.run, score.effects


class _Score:
    """One event's worth of conducting: the state as it becomes, and the effects so far."""

    def __init__(self, outline: Outline, run: RunState) -> None:
        self.outline, self.run = outline, run
        self.effects: list[Effect] = []

    def take(self, event: Event) -> bool:
        """Whether the event is one that the run waits for."""
        if event.kind == "started":
            if self.run.status != "new":
                return False
            self.run = replace(self.run, status="running")
            return True
        if self.run.status == "new":
            return False
        by_kind = {
            "returned": self._returned,
            "applied": self._applied,
            "decided": self._decided,
            "answered": self._answered,
            "resolved": self._resolved,
            "due": self._due,
        }
        if handle := by_kind.get(event.kind):
            step = self.run.step(event.about)
            return step.attempt == event.attempt and handle(event)
        return self._told(event)

    # What work and waits report.

    def _returned(self, event: Event) -> bool:
        key, spec = event.about, spec_of(self.outline, event.about)
        if self.run.status_of(key) != "working" or self.run.step(key).naps:
            return False
        if self.run.status == "cancelling" and not self.run.step(key).returns:
            self._settle(key, "cancelled")
        elif event.outcome == "not yet":
            self.run = self.run.with_step(key, naps=True)
            self._effect("tick", key)
        elif event.outcome in ("asked", "gone") and not self.run.dry:
            self._become(key, "asked")
            self._effect("ask", key)
        elif event.outcome == "planned" and not self.run.dry:
            self._planned(key, spec)
        else:
            self._settle(key, CALL_OUTCOMES.get(event.outcome, "nothing"))
        return True

    def _planned(self, key: str, spec: StepOutline) -> None:
        self.run = self.run.with_step(key, plans=self.run.step(key).plans + 1)
        agreed = spec.unattended is not None or self.run.step(key).returns
        self._become(key, "applying" if agreed else "planned")
        self._effect("propose", key)
        if agreed:
            self._effect("apply", key)

    def _decided(self, event: Event) -> bool:
        key = event.about
        if self.run.status_of(key) != "planned":
            return False
        self._effect("close", key)
        if event.outcome in ("approved", GLASS_BROKEN):
            self._become(key, "applying")
            self._effect("apply", key)
        else:
            self._settle(key, "denied" if event.outcome == "denied" else "expired")
        return True

    def _applied(self, event: Event) -> bool:
        key = event.about
        if self.run.status_of(key) != "applying":
            return False
        if event.outcome == "unsure":  # its locks stay until a person has spoken
            self._become(key, "unsure")
            self._effect("doubt", key)
            return True
        if event.outcome == "paused" and self._is_to_pause(key):
            self._become(key, "paused")  # its locks stay, too
            return True
        self._effect("free", key)
        if event.lends:
            self.run = replace(self.run, lent=self.run.lent | {key})
            self._effect("lend", key)
        if key.endswith(UNDO) and event.outcome == "given":
            self._keep(key.removesuffix(UNDO))
        if event.outcome == "outdated" and not self.run.step(key).returns:
            self._plan_again(key)
        else:
            self._settle(key, APPLIED.get(event.outcome, "failed"))
        return True

    def _is_to_pause(self, key: str) -> bool:
        return self.run.status == "running" and self.run.step(key).wish == "pause"

    def _resolved(self, event: Event) -> bool:
        key = event.about
        if self.run.status_of(key) != "unsure":
            return False
        self._effect("close", key)
        if event.outcome == "done":  # what is left of the plan is carried out, if anything is
            self._effect("vouch", key)
            self._become(key, "applying")
            self._effect("apply", key)
            return True
        self._effect("free", key)
        if event.outcome == "not done" and self.run.status == "running":
            self._plan_again(key)
        else:
            self._settle(key, "failed")
        return True

    def _return(self, key: str) -> bool:
        """Beside whatever is under way: it was agreed to, and so was its time."""
        undo, is_led = key + UNDO, self.run.status in ("running", "cancelling")
        busy = {self.run.status_of(key), self.run.status_of(undo)} & ON_ITS_WAY
        if key not in self.run.lent or not is_led or busy:
            return False
        self._keep(key)
        self.run = self.run.with_step(undo, plans=0, by="", returns=True)
        self._call(undo)
        return True

    def _keep(self, key: str) -> None:
        if key in self.run.lent:
            self.run = replace(self.run, lent=self.run.lent - {key})
            self._effect("keep", key)

    def _plan_again(self, key: str) -> None:
        self.run = self.run.with_step(key, returns=False)  # People are asked for another plan.
        if self.run.status == "cancelling":
            self._settle(key, "cancelled")
        elif self.run.step(key).plans >= PLANS_AT_MOST:
            self._settle(key, "failed")
        elif checks := _rests_on(self.outline, key):  # they are read anew before it is planned
            self._errand(Errand((*checks, key), self.outline.step(key).proofs))
        else:
            self._call(key)

    def _answered(self, event: Event) -> bool:
        if self.run.status_of(event.about) != "asked":
            return False
        self._effect("close", event.about)
        if event.outcome == "again":  # once what it needs is there, which may be read anew
            self.run = _afresh(self.run, (event.about,))
        elif event.outcome == "without":
            self.run = replace(self.run, waved=self.run.waved | {event.about})
            self._settle(event.about, "failed")
        else:
            self._settle(event.about, "given")
        return True

    def _due(self, event: Event) -> bool:
        step = self.run.step(event.about)
        if step.status != "working" or not step.naps or self.run.status != "running":
            return False
        self.run = self.run.with_step(event.about, reading=step.reading + 1, naps=False)
        self._effect("call", event.about)
        return True

    # What people say.

    def _told(self, event: Event) -> bool:
        run, key = self.run, event.about
        if event.kind == "return due":
            return self._return(key)
        if run.status != "running":
            return False
        if event.kind == "cancelled":
            self.run = replace(run, status="cancelling")
        elif event.kind == "closed":
            if open_pick(self.outline, run) != key:
                return False
            self.run = replace(run, closed=run.closed | {key})
        elif event.kind == "go on":
            if not run.holds(key):
                return False
            self.run = replace(run, waved=run.waved | {key})
        elif event.kind in ("paused", "resumed", "stopped"):
            return self._wish(event)
        elif event.kind == "picked":
            return self._pick(key, event.by)
        elif event.kind == "undo":
            return self._undo(key, event.by)
        elif event.kind == "again":
            return self._again(key, event.by)
        else:
            return False
        return True

    def _wish(self, event: Event) -> bool:
        """What is being applied comes to its end between two parts; the work says when it has."""
        key, step = event.about, self.run.step(event.about)
        if step.status == "paused" and event.kind == "resumed":
            self.run = self.run.with_step(key, status="applying", wish="", wished_by="")
            self._effect("apply", key)
        elif step.status == "paused" and event.kind == "stopped":
            self._effect("free", key)
            self._settle(key, "cancelled")
        elif step.status == "applying" and event.kind != "resumed" and step.wish != "stop":
            wish = "pause" if event.kind == "paused" else "stop"
            if step.wish == wish:
                return False
            self.run = self.run.with_step(key, wish=wish, wished_by=event.by)
            self._effect("stop", key)
        else:
            return False
        return True

    def _pick(self, key: str, by: str) -> bool:
        if not may_pick(self.outline, self.run, key):
            return False
        step = self.outline.step(key)
        self.run = self.run.with_step(key, plans=0, by=by)
        self._errand(Errand((*_pulled(self.outline, step), key), step.proofs))
        if key + UNDO in self.run.steps:  # what is done anew can be taken back anew
            self.run = _afresh(self.run, (key + UNDO,))
        return True

    def _undo(self, key: str, by: str) -> bool:
        if self.run.is_on_errand or key not in undoable(self.outline, self.run):
            return False
        self.run = self.run.with_step(key + UNDO, plans=0, by=by, returns=False)
        self._errand(Errand((key + UNDO,), self.outline.step(key).proofs))
        return True

    def _again(self, key: str, by: str) -> bool:
        if key.endswith(UNDO) or self.run.status_of(key) in NOT_OVER:
            return False
        step = self.outline.step(key)
        if step.kind != "action":
            self.run = _afresh(self.run, (key,))
            return True
        if self.run.status_of(key) in ("given", "nothing"):
            return False
        if _is_on_demand(self.outline, step):
            return self._pick(key, by)
        self.run = _afresh(self.run.with_step(key, plans=0, by=by), (key,))
        return True

    def _errand(self, errand: Errand) -> None:
        """One at a time: what is under way is not forgotten for it, but done first."""
        action = errand.steps[-1]
        if self.run.is_on_errand and action not in self.run.errand:
            self.run = replace(_afresh(self.run, (action,)), later=(*self.run.later, errand))
        else:
            self._set_out(errand)

    def _set_out(self, errand: Errand) -> None:
        """The proofs stay as they are until the action is applied: it may rest on them."""
        going = replace(self.run, errand=errand.steps, proofs=errand.proofs)
        self.run = _afresh(going, errand.steps)

    # What follows.

    def move_on(self) -> None:
        if self.run.status == "cancelling":
            self._wind_down()
            return
        while batch := tuple(dict.fromkeys(ready(self.outline, self.run))):
            for key in batch:
                self._start(key)
        at_work = any(step.status in AT_WORK for step in self.run.steps.values())
        waits = self.run.lent or is_to_be_done(self.outline, self.run)
        done = not (self.run.is_on_errand or at_work or waits)
        if done and all(is_past(section, self.run) for section in self.outline.sections):
            for key, step in self.run.steps.items():
                if step.status in NOT_OVER and step.status != "waiting":
                    self._effect("close", key)
                    self._become(key, "nothing")
            self.run = replace(self.run, status="finished")

    def _wind_down(self) -> None:
        """
        What is being applied is finished and told apart, and what is to be taken back by itself
        is; everything else stops here.
        """
        for key, step in self.run.steps.items():
            if step.returns and step.status in AT_WORK:
                continue
            if step.status in ("planned", "asked"):
                self._effect("close", key)
                self._become(key, "cancelled")
            elif step.status == "working":
                self._effect("stop", key)
                self._effect("close", key)
                self._become(key, "cancelled")
            elif step.status == "applying":
                self._effect("stop", key)
            elif step.status == "paused":
                self._effect("free", key)
                self._become(key, "cancelled")
        left = any(step.status in AT_WORK for step in self.run.steps.values())
        if not (left or self.run.lent):
            self.run = replace(self.run, status="cancelled", errand=(), proofs=(), later=())

    def _start(self, key: str) -> None:
        lacking = [
            self.run.status_of(earlier)
            for earlier, must in spec_of(self.outline, key).after.items()
            if must and self.run.status_of(earlier) not in HAS_RESULT
        ]
        if lacking:
            quietly = all(status == "nothing" for status in lacking)
            self._settle(key, "nothing" if quietly else "blocked")
        else:
            self._call(key)

    def _call(self, key: str) -> None:
        attempt = self.run.step(key).attempt + 1
        self.run = self.run.with_step(
            key, status="working", attempt=attempt, reading=1, naps=False
        )
        self._effect("call", key)

    def _settle(self, key: str, status: StepStatus) -> None:
        """A step is over: an errand goes on, or ends, and the next one sets out."""
        self._become(key, status)
        if key in self.run.errand:
            self._on_errand(key, status)
        else:
            left = tuple(proof for proof in self.run.proofs if proof != key)
            self.run = replace(self.run, proofs=left)
        if self.run.later and not (self.run.errand or self.run.proofs):
            following, *rest = self.run.later
            self.run = replace(self.run, later=tuple(rest))
            self._set_out(following)

    def _on_errand(self, key: str, status: StepStatus) -> None:
        rest = self.run.errand[self.run.errand.index(key) + 1 :]
        if status in HAS_RESULT:
            self.run = replace(self.run, errand=rest)
            if not rest:
                self.run = _afresh(self.run, self.run.proofs)
            return
        for left_out in rest:
            self._become(left_out, "nothing" if status == "nothing" else "blocked")
        self.run = replace(self.run, errand=(), proofs=())

    def _become(self, key: str, status: StepStatus) -> None:
        wish = {} if status == "paused" else {"wish": "", "wished_by": ""}
        self.run = self.run.with_step(key, status=status, **wish)

    def _effect(self, what: str, key: str) -> None:
        step = self.run.step(key)
        self.effects.append(Effect(what, key, step.attempt, step.reading))  # type: ignore[arg-type]


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


def _rests_on(outline: Outline, key: str) -> tuple[str, ...]:
    """The checks whose facts a plan is made from."""
    needed = spec_of(outline, key).after
    return tuple(n for n in needed if outline.step(n).kind == "check")


def _afresh(run: RunState, keys: tuple[str, ...]) -> RunState:
    """Waiting again. The attempts stay, so that what an earlier one reports is known as late."""
    for key in keys:
        run = run.with_step(key, status="waiting")
    return replace(run, waved=run.waved - set(keys))
