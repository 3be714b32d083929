"""
Runs that are older, or newer, than this version of the bot.

A run goes by the outline it was started with. What its steps do is this version's, so a step is
done only if it is still what people saw in that outline. Work that this version cannot do is left
for a while to replicas of another version; after that a person is asked what to do without it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from bot.engine import leases
from bot.engine.clock import Clock
from bot.engine.plans import Kinds
from bot.engine.record import ApprovalRecord
from bot.engine.reports import Report
from bot.engine.turns import UNDO
from bot.runbook import Runbook
from bot.runbook.changes import digest
from bot.runbook.errors import StepError
from bot.runbook.outline import Outline, StepOutline, outline
from bot.runbook.step import Gate, Step

Books = Mapping[str, Runbook]

#: For so many leases work is left to a version that can do it, which may be on its way up.
LEFT_FOR_LEASES = 5
#: What a person may say when a step cannot be done: label, and the answer it stands for.
WITHOUT, AGAIN, CANCEL = "without", "again", "cancel"
CHOICES = (("Go on without it", WITHOUT), ("Try again", AGAIN), ("Cancel the run", CANCEL))
NEXT = (
    "Go on without it, and what needs it is left out too; or try again, once a version runs that"
    " can do it."
)


class OfAnotherVersion(StepError):
    """This version of the bot cannot do it, another one might. Nothing was done."""


def version_of(books: Books, kinds: Kinds) -> str:
    """What tells two versions of the bot apart: their runbooks, and the changes they make."""
    shapes = {name: kind.model_json_schema() for name, kind in kinds.items()}
    known = [[outline(book).as_json() for book in books.values()], shapes]
    return digest(json.dumps(known, sort_keys=True))


def step_of(books: Books, plan: Outline, key: str) -> Step:
    """
    The step of a run as it is now. Raises OfAnotherVersion when it is not there, or would do
    something else than what people saw when the run was started.
    """
    spec, book = plan.step(key), books.get(plan.book)
    if book is None:
        raise OfAnotherVersion(f"This version of the bot has no runbook {plan.book}.")
    step = book.steps.get(key)
    if step is None:
        raise OfAnotherVersion(f"This version of {plan.book} has no step {key}.")
    if (step.kind, step.includes) != (spec.kind, spec.includes):
        raise OfAnotherVersion(
            f"In this version of {plan.book} the step {key} is of kind {step.kind}"
            f"{_of(step.includes)}; when the run was started it was of kind {spec.kind}"
            f"{_of(spec.includes)}."
        )
    check_attended(spec, step.gate)
    return step


def check_attended(spec: StepOutline, gate: Gate | None) -> None:
    """Raises OfAnotherVersion when it would be done without the approval that is asked for now."""
    if spec.unattended and gate and gate.people:
        raise OfAnotherVersion(
            f"This version of the runbook asks people before {spec.key.removesuffix(UNDO)}; when"
            " the run was started, nobody was to be asked."
        )


def gate_of(books: Books, book_id: str, key: str) -> Gate | None:
    """Who must agree now; None when the step is not there any more, or is no action."""
    book = books.get(book_id)
    step = book.steps.get(key.removesuffix(UNDO)) if book else None
    return step.gate if step else None


def strictest(spec: StepOutline, gate: Gate | None) -> StepOutline:
    """
    As many people, and as little time, as the outline or this version asks for. Which of two roles
    is the stricter nobody can tell, so today's counts, as today's policy does.
    """
    if gate is None or not gate.people:
        return spec
    times = [spec.expires_s, gate.expires.total_seconds() if gate.expires else None]
    expires_s = min((one for one in times if one is not None), default=None)
    people = max(spec.people, gate.people)
    return replace(spec, people=people, role=gate.role, expires_s=expires_s)


def asks_more(gate: Gate | None, approval: ApprovalRecord) -> str:
    """Why an approval that another version asked for is not enough for this one; or ''."""
    if gate is None or not gate.people:
        return ""
    if gate.people <= approval.people and gate.role == approval.role:
        return ""
    return f"this version of the runbook wants {gate.people} of role {gate.role} to approve it"


def without(why: str) -> Report:
    """What a person is asked about a step that cannot be done."""
    text = f"{why} {NEXT}"
    choices = [[label, {"then": then}] for label, then in CHOICES]
    return Report(why, question={"kind": "gone", "text": text, "choices": choices})


class LeftToOthers:
    """Work that this version cannot do, and since when it has seen that nobody does it."""

    def __init__(self, clock: Clock, is_alone: bool) -> None:
        """`is_alone`: there can be no other replica."""
        self._clock, self._is_alone = clock, is_alone
        self._since: dict[str, float] = {}

    def leave(self, work_id: str) -> bool:
        """Whether it is left to others still."""
        now = self._clock.monotonic()
        since = self._since.setdefault(work_id, now)
        return not self._is_alone and now - since < LEFT_FOR_LEASES * leases.LASTS_S

    def but(self, free: Iterable[str]) -> Iterator[str]:
        """Of what nobody does, all that is not left to others. What they took is forgotten."""
        found = list(dict.fromkeys(free))
        self._since = {one: self._since[one] for one in found if one in self._since}
        for work_id in found:
            if work_id not in self._since or not self.leave(work_id):
                yield work_id


def _of(includes: str | None) -> str:
    return f" {includes}" if includes else ""
