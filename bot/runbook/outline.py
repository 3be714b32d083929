"""
The whole book unrun: as plain data, which is all that the engine's conductor and the views know
of a runbook and what a run stores when it starts; and as text, for people and for reviews.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

from pydantic import TypeAdapter

from bot.runbook.book import Runbook
from bot.runbook.changes import Change
from bot.runbook.step import Kind, Mode, Speaks, Step

#: Outlines that are kept in memory: of all runbooks, in the versions that runs are under way with.
KEPT = 64


@dataclass(frozen=True)
class StepOutline:
    key: str
    title: str
    kind: Kind
    after: dict[str, bool]  #: Key of an earlier step -> whether this one must have its result.
    asks: tuple[str, ...]  #: Adapters, by class name.
    changes: tuple[str, ...] = ()
    effect: str | None = None
    undoable: tuple[str, ...] = ()  #: Those of the changes that can be taken back.
    people: int = 0
    role: str | None = None
    unattended: str | None = None
    expires_s: float | None = None  #: How long its plan can be decided; else as settings say.
    suggested_by: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    may_be_nothing: bool = False
    limit_s: float | None = None
    every_s: float | None = None
    lasting_s: float | None = None
    until: str | None = None
    meanwhile: bool = False  #: An ask or confirm that the steps after it do not wait for.
    includes: str | None = None
    answer: dict[str, Any] | None = None  #: JSON schema of what a person fills in.
    about: str = ""  #: Of a check: its topic.


@dataclass(frozen=True)
class SectionOutline:
    key: str
    title: str
    mode: Mode
    holds: bool
    steps: tuple[StepOutline, ...]


@dataclass(frozen=True)
class Outline:
    book: str
    title: str
    severity: str
    category: str
    inputs: dict[str, Any]  #: JSON schema; the start modal is made from it.
    menus: tuple[str, ...]  #: Input fields whose choices are read live.
    leads_to: tuple[str, ...]
    sections: tuple[SectionOutline, ...]
    when: tuple[str, ...] = ()  #: "When to use" or "Symptoms", as in the prose.
    speaks: Speaks = "as it goes"
    schedule: str = ""  #: By which the bot starts it, in the company's time zone.
    #: Its runs speak in their own channels alone, and are shown to few.
    confidential: bool = False

    def step(self, key: str) -> StepOutline:
        return next(step for section in self.sections for step in section.steps if step.key == key)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Outline":
        """The inverse of as_json, for JSON that a run was started with."""
        return _STORED.validate_python(stored)

    @classmethod
    @lru_cache(maxsize=KEPT)
    def from_text(cls, stored: str) -> "Outline":
        """As a run's row has it: read with each event, and the same for all runs of a version."""
        return cls.from_json(json.loads(stored))


_STORED = TypeAdapter(Outline)


def outline(book: Runbook) -> Outline:
    return Outline(
        book=book.id,
        title=book.title,
        severity=book.severity,
        category=book.category,
        inputs=book.inputs.model_json_schema(),
        menus=tuple(book.menus),
        leads_to=tuple(sorted({hop.book for hop in book.hops})),
        when=book.when,
        speaks=book.speaks,
        schedule=book.schedule,
        confidential=book.confidential,
        sections=tuple(_stretches(book)),
    )


def _stretches(book: Runbook) -> Iterator[SectionOutline]:
    """Sections in the order of their steps; one that includes a runbook goes on after it."""
    for key, steps in groupby(book.steps.values(), key=lambda step: step.section):
        section = book.sections[key]
        inside = tuple(_step(book, step) for step in steps)
        yield SectionOutline(key, section.title, section.mode, section.holds, inside)


def _step(book: Runbook, step: Step) -> StepOutline:
    effect = step.gives.effect
    answer = step.gives.result if step.kind == "ask" else None
    return StepOutline(
        key=step.key,
        title=step.title,
        kind=step.kind,
        after={need.step: not need.optional for need in step.needs if need.step},
        asks=tuple(need.wanted.__name__ for need in step.needs if need.source == "adapter"),
        changes=tuple(change.__name__ for change in step.gives.changes),
        effect=effect.name if effect else None,
        undoable=tuple(one.__name__ for one in step.gives.changes if one.undo is not Change.undo),
        people=step.gate.people if step.gate else 0,
        role=step.gate.role if step.gate and step.gate.people else None,
        unattended=step.gate.unattended if step.gate else None,
        expires_s=_seconds(step.gate.expires if step.gate else None),
        suggested_by=step.suggested_by,
        proofs=book.proofs(step) if step.kind == "action" else (),
        may_be_nothing=step.gives.or_nothing,
        limit_s=_seconds(step.limit),
        every_s=_seconds(step.timing.every if step.timing else None),
        lasting_s=_seconds(step.timing.lasting if step.timing else None),
        until=step.timing.until if step.timing else None,
        meanwhile=step.meanwhile,
        includes=step.includes,
        about=step.about,
        answer=answer.model_json_schema()
        if answer and hasattr(answer, "model_json_schema")
        else None,
    )


def _seconds(duration: timedelta | None) -> float | None:
    return duration.total_seconds() if duration else None


HOW = {"in order": "", "together": " (together)", "pick": " (pick)", "standby": " (at hand)"}


def text(plan: Outline) -> Iterator[str]:
    """The outline as a reviewer reads it; the golden files in docs/outlines are this."""
    kind = ", confidential" if plan.confidential else ""
    yield f"{plan.book} {plan.title} ({plan.severity}, {plan.category}{kind})"
    if plan.schedule:
        yield f"starts by itself: {plan.schedule}, in the company's time zone"
    if plan.speaks != "as it goes":
        yield f"speaks {plan.speaks}"
    for section in plan.sections:
        held = ", a problem holds the run" if section.holds and section.mode == "together" else ""
        yield f"\n{section.title}{HOW[section.mode]}{held}"
        for step in section.steps:
            yield f"  {step.kind:<8}{step.title}  [{', '.join((step.key, *_notes(step)))}]"
    if plan.leads_to:
        yield f"\nleads to {', '.join(plan.leads_to)}"


def _notes(step: StepOutline) -> Iterator[str]:
    if step.about:
        yield f"about {step.about}"
    if step.includes:
        yield f"all of {step.includes}"
    if step.meanwhile:
        yield "the run goes on meanwhile"
    if step.unattended:
        yield f"nobody need agree: {step.unattended}"
    elif step.effect:
        within = f" within {step.expires_s:g} s" if step.expires_s else ""
        yield f"{step.effect}, {step.people} agree{within}"
        if step.undoable:
            part = "" if step.undoable == step.changes else f"{' and '.join(step.undoable)} "
            yield f"{part}can be undone"
    if step.until:
        yield f"every {step.every_s:g} s for at most {step.lasting_s:g} s until {step.until}"
    if step.suggested_by:
        yield f"suggested by {' or '.join(step.suggested_by)}"
    if step.proofs and step.proofs != step.suggested_by:
        yield f"proved by {', '.join(step.proofs)}"
