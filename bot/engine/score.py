"""
One event's worth of conducting: the state as it becomes, and the effects so far. What the modules
of the conductor write with; it knows the rules of a step and of an errand, and of no event.
"""

from dataclasses import replace

from bot.engine.record import StepStatus
from bot.engine.state import HAS_RESULT, Effect, Errand, RunState, What
from bot.runbook.outline import Outline

#: What a person wants of a change stands until it is over, also while nobody knows how it is.
KEEPS_WISH = frozenset({"applying", "paused", "unsure"})
NO_WISH = {"wish": "", "wished_by": ""}


class Score:
    def __init__(self, outline: Outline, run: RunState) -> None:
        self.outline, self.run = outline, run
        self.effects: list[Effect] = []

    def effect(self, what: What, key: str) -> None:
        step = self.run.step(key)
        self.effects.append(Effect(what, key, step.attempt, step.reading))

    def become(self, key: str, status: StepStatus) -> None:
        wish = {} if status in KEEPS_WISH else NO_WISH
        self.run = self.run.with_step(key, status=status, **wish)

    def call(self, key: str) -> None:
        attempt = self.run.step(key).attempt + 1
        self.run = self.run.with_step(
            key, status="working", attempt=attempt, reading=1, naps=False, **NO_WISH
        )
        self.effect("call", key)

    def settle(self, key: str, status: StepStatus) -> None:
        """A step is over: an errand goes on, or ends, and the next one sets out."""
        self.become(key, status)
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
                self.run = self.run.afresh(self.run.proofs)
            return
        for left_out in rest:
            self.become(left_out, "nothing" if status == "nothing" else "blocked")
        self.run = replace(self.run, errand=(), proofs=())

    def errand(self, errand: Errand) -> None:
        """One at a time: what is under way is not forgotten for it, but done first."""
        action = errand.steps[-1]
        if self.run.is_on_errand and action not in self.run.errand:
            self.run = replace(self.run.afresh((action,)), later=(*self.run.later, errand))
        else:
            self._set_out(errand)

    def _set_out(self, errand: Errand) -> None:
        """The proofs stay as they are until the action is applied: it may rest on them."""
        going = replace(self.run, errand=errand.steps, proofs=errand.proofs)
        self.run = going.afresh(errand.steps)
