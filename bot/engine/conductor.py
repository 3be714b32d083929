"""
What a run does next. Pure: (outline, state, event) -> (state, effects). No I/O, no clock, no
functions of the book: the outline, which is plain data, is all there is to know of it.

The run's position is never stored. What is due follows from the state of the steps, so that an
event that comes twice, late, or after a restart leads to the same place. Rules without which the
order of events would matter: a section settles as a whole; a run's end is computed from its steps;
of approve, deny, deadline and cancel the first wins.
"""

from collections.abc import Iterator
from dataclasses import replace

from bot.engine.record import StepStatus
from bot.engine.state import (
    CALL_OUTCOMES,
    HAS_RESULT,
    NOT_OVER,
    PLANS_AT_MOST,
    Effect,
    Event,
    RunState,
)
from bot.runbook.outline import Outline, SectionOutline, StepOutline

UNDO = ".undo"
#: A step that asks for the result of one of these waits for it.
ON_ITS_WAY = NOT_OVER - {"waiting"}


def conduct(outline: Outline, run: RunState, event: Event) -> tuple[RunState, list[Effect]]:
    """The same state object and no effects when the event changes nothing: late, stale, twice."""
    score = _Score(outline, run)
    if run.is_over or not score.take(event):
        return run, []
    score.move_on()
    return score.run, score.effects


def spec_of(outline: Outline, key: str) -> StepOutline:
    """The outline of a step; an undo looks like the action it takes back, without its needs."""
    step = outline.step(key.removesuffix(UNDO))
    return (
        step if key == step.key else replace(step, key=key, after={}, title=f"Undo: {step.title}")
    )


def held_at(outline: Outline, run: RunState) -> tuple[str, ...]:
    """The steps that keep the run from going on until a person says so."""
    return tuple(
        step.key
        for section in outline.sections
        if section.holds and not run.dry
        for step in _own(section)
        if run.holds(step.key)
    )


def open_pick(outline: Outline, run: RunState) -> str | None:
    """The section a person is to pick from, when that is what the run waits for."""
    if run.errand or run.proofs or run.dry or run.status != "running":
        return None
    for section in outline.sections:
        if section.mode == "pick" and section.key not in run.closed:
            return section.key
        if not _is_past(section, run):
            return None
    return None


def suggested(outline: Outline, run: RunState) -> tuple[str, ...]:
    """Actions to offer now, because a check that suggests them found something wrong."""
    return tuple(
        step.key
        for section in outline.sections
        for step in section.steps
        if any(run.status_of(key) in ("warning", "problem") for key in step.suggested_by)
    )


def undoable(outline: Outline, run: RunState) -> tuple[str, ...]:
    """Actions that were applied and some of whose changes can be taken back."""
    return tuple(
        step.key
        for section in outline.sections
        for step in section.steps
        if step.undoable
        and run.status_of(step.key) == "given"
        and run.status_of(step.key + UNDO) != "given"
    )


def may_pick(outline: Outline, run: RunState, key: str) -> bool:
    if run.errand or run.proofs or run.status != "running":
        return False
    for section in outline.sections:
        if any(step.key == key and step.kind == "action" for step in section.steps):
            return section.mode == "standby" or open_pick(outline, run) == section.key
    return False


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
        if self.run.status == "cancelling":
            self._settle(key, "cancelled")
        elif event.outcome == "not yet":
            self.run = self.run.with_step(key, naps=True)
            self._effect("tick", key)
        elif event.outcome == "asked" and not self.run.dry:
            self._become(key, "asked")
            self._effect("ask", key)
        elif event.outcome == "planned" and not self.run.dry:
            self._planned(key, spec)
        else:
            self._settle(key, CALL_OUTCOMES.get(event.outcome, "nothing"))
        return True

    def _planned(self, key: str, spec: StepOutline) -> None:
        self.run = self.run.with_step(key, plans=self.run.step(key).plans + 1)
        unattended = spec.unattended is not None
        self._become(key, "applying" if unattended else "planned")
        self._effect("propose", key)
        if unattended:
            self._effect("apply", key)

    def _decided(self, event: Event) -> bool:
        key = event.about
        if self.run.status_of(key) != "planned":
            return False
        self._effect("close", key)
        if event.outcome == "approved":
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
        self._effect("free", key)
        if event.outcome == "outdated":
            self._plan_again(key)
        else:
            ends: dict[str, StepStatus] = {"given": "given", "cancelled": "cancelled"}
            self._settle(key, ends.get(event.outcome, "failed"))
        return True

    def _resolved(self, event: Event) -> bool:
        key = event.about
        if self.run.status_of(key) != "unsure":
            return False
        self._effect("close", key)
        self._effect("free", key)
        if event.outcome == "done":
            self._settle(key, "given")
        elif event.outcome == "not done" and self.run.status == "running":
            self._plan_again(key)
        else:
            self._settle(key, "failed")
        return True

    def _plan_again(self, key: str) -> None:
        if self.run.status == "cancelling":
            self._settle(key, "cancelled")
        elif self.run.step(key).plans >= PLANS_AT_MOST:
            self._settle(key, "failed")
        elif checks := _rests_on(self.outline, key):  # they are read anew before it is planned
            self._errand((*checks, key), self.outline.step(key).proofs)
        else:
            self._call(key)

    def _answered(self, event: Event) -> bool:
        if self.run.status_of(event.about) != "asked":
            return False
        self._effect("close", event.about)
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
        elif event.kind == "picked":
            return self._pick(key)
        elif event.kind == "undo":
            return self._undo(key)
        elif event.kind == "again":
            return self._again(key)
        else:
            return False
        return True

    def _pick(self, key: str) -> bool:
        if not may_pick(self.outline, self.run, key):
            return False
        step = self.outline.step(key)
        self.run = self.run.with_step(key, plans=0)
        self._errand((*_pulled(self.outline, step), key), step.proofs)
        if key + UNDO in self.run.steps:  # what is done anew can be taken back anew
            self.run = _afresh(self.run, (key + UNDO,))
        return True

    def _undo(self, key: str) -> bool:
        idle = not (self.run.errand or self.run.proofs)
        if not idle or key not in undoable(self.outline, self.run):
            return False
        self._errand((key + UNDO,), self.outline.step(key).proofs)
        return True

    def _again(self, key: str) -> bool:
        if key.endswith(UNDO) or self.run.status_of(key) in NOT_OVER:
            return False
        step = self.outline.step(key)
        if step.kind == "action" and self.run.status_of(key) in ("given", "nothing"):
            return False
        if (
            any(
                step in section.steps and section.mode in ("pick", "standby")
                for section in self.outline.sections
            )
            and step.kind == "action"
        ):
            return self._pick(key)
        self.run = _afresh(self.run.with_step(key, plans=0), (key,))
        return True

    def _errand(self, errand: tuple[str, ...], proofs: tuple[str, ...]) -> None:
        """The proofs stay as they are until the action is applied: it may rest on them."""
        self.run = _afresh(replace(self.run, errand=errand, proofs=proofs), errand)

    # What follows.

    def move_on(self) -> None:
        if self.run.status == "cancelling":
            self._wind_down()
            return
        while batch := list(_ready(self.outline, self.run)):
            for key in batch:
                self._start(key)
        done = not (self.run.errand or self.run.proofs)
        if done and all(_is_past(section, self.run) for section in self.outline.sections):
            for key, step in self.run.steps.items():
                if step.status in NOT_OVER and step.status != "waiting":
                    self._effect("close", key)
                    self._become(key, "nothing")
            self.run = replace(self.run, status="finished")

    def _wind_down(self) -> None:
        """What is being applied is finished and told apart; everything else stops here."""
        for key, step in self.run.steps.items():
            if step.status in ("planned", "asked"):
                self._effect("close", key)
                self._become(key, "cancelled")
            elif step.status == "working":
                self._effect("stop", key)
                self._effect("close", key)
                self._become(key, "cancelled")
            elif step.status == "applying":
                self._effect("stop", key)
        if not any(step.status in ("applying", "unsure") for step in self.run.steps.values()):
            self.run = replace(self.run, status="cancelled", errand=(), proofs=())

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
        """A step is over: so are the watches that accompanied it; an errand goes on, or ends."""
        self._become(key, status)
        for step in _all(self.outline):
            if step.during == key and self.run.status_of(step.key) == "working":
                self._effect("stop", step.key)
                self._effect("close", step.key)
                self._become(step.key, "ok")
        if key in self.run.errand:
            self._on_errand(key, status)
        else:
            left = tuple(proof for proof in self.run.proofs if proof != key)
            self.run = replace(self.run, proofs=left)

    def _on_errand(self, key: str, status: StepStatus) -> None:
        if status not in HAS_RESULT:
            self.run = replace(self.run, errand=(), proofs=())
            return
        rest = self.run.errand[self.run.errand.index(key) + 1 :]
        self.run = replace(self.run, errand=rest)
        if not rest:
            self.run = _afresh(self.run, self.run.proofs)

    def _become(self, key: str, status: StepStatus) -> None:
        self.run = self.run.with_step(key, status=status)

    def _effect(self, what: str, key: str) -> None:
        step = self.run.step(key)
        self.effects.append(Effect(what, key, step.attempt, step.reading))  # type: ignore[arg-type]


def _ready(outline: Outline, run: RunState) -> Iterator[str]:
    """What is due and has everything that is still on its way."""
    for key in _due(outline, run):
        needed = spec_of(outline, key).after
        if not any(must and run.status_of(n) in ON_ITS_WAY for n, must in needed.items()):
            yield key


def _due(outline: Outline, run: RunState) -> Iterator[str]:
    if errand := run.errand or run.proofs:
        if run.status_of(errand[0]) == "waiting":
            yield errand[0]
        return
    for step in _all(outline):
        accompanies = step.during and run.status_of(step.during) == "applying"
        if accompanies and run.status_of(step.key) == "waiting":
            yield step.key
    for section in outline.sections:
        if _is_past(section, run):
            continue
        mode = "in order" if run.dry and section.mode == "pick" else section.mode
        if mode == "together":
            yield from (s.key for s in _own(section) if run.status_of(s.key) == "waiting")
        if mode == "in order":
            yield from _next_in_order(section, run)
        return


def _next_in_order(section: SectionOutline, run: RunState) -> Iterator[str]:
    for step in _own(section):
        status = run.status_of(step.key)
        if status == "waiting":
            yield step.key
        if status in NOT_OVER and not step.meanwhile:
            return
        if section.holds and not run.dry and run.holds(step.key):
            return


def _is_past(section: SectionOutline, run: RunState) -> bool:
    if section.mode == "standby":
        return True
    if section.mode == "pick" and not run.dry:
        return section.key in run.closed
    return all(_is_settled(step, section, run) for step in _own(section))


def _is_settled(step: StepOutline, section: SectionOutline, run: RunState) -> bool:
    status = run.status_of(step.key)
    if step.meanwhile:
        return status != "waiting"
    if status in NOT_OVER:
        return False
    return not (section.holds and not run.dry and run.holds(step.key))


def _own(section: SectionOutline) -> Iterator[StepOutline]:
    """The steps that have a turn of their own; one that accompanies an action has not."""
    return (step for step in section.steps if not step.during)


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


def _all(outline: Outline) -> Iterator[StepOutline]:
    for section in outline.sections:
        yield from section.steps
