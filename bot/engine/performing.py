"""
Does one claimed piece of work and says what came of it, as an event and a report. May be begun any
number of times for the same work, anywhere; what it alters goes through bot/engine/applying.py.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.engine.access import Access
from bot.engine.applying import Applier, Ended, Job
from bot.engine.calling import (
    Answered,
    Surroundings,
    call_within,
    is_final,
    read_answer,
    report_of,
    time_is_up,
)
from bot.engine.clock import Clock
from bot.engine.conductor import UNDO
from bot.engine.plans import parse
from bot.engine.reading import run_record
from bot.engine.reports import Report
from bot.engine.results import Results, read_results
from bot.engine.state import Event
from bot.runbook import Found, Runbook
from bot.runbook.changes import digest
from bot.runbook.errors import StepError
from bot.runbook.findings import WORST_FIRST, NotYet, Watched
from bot.runbook.showing import details_from_json
from bot.runbook.step import Step
from bot.store.store import Store
from bot.store.tables import plans, runs, steps


@dataclass(frozen=True)
class Claimed:
    """A row of work that is ours."""

    id: str
    run: str
    step: str
    phase: str
    attempt: int
    plan: str | None
    targets: tuple[str, ...]
    fence: int


@dataclass(frozen=True)
class Performer:
    store: Store
    books: Mapping[str, Runbook]
    around: Surroundings
    applier: Applier
    access: Access
    clock: Clock

    async def perform(self, work: Claimed) -> tuple[Event, Report]:
        """Raises Fenced when the work is no longer ours."""
        if work.phase == "apply":
            ended = await self._apply(work)
            event = Event("applied", work.step, work.attempt, ended.outcome)
            return event, ended.report
        try:
            answered = await self._call(work)
        except StepError as error:
            answered = Answered("failed", Report(says=str(error)))
        return Event("returned", work.step, work.attempt, answered.outcome), answered.report

    async def _call(self, work: Claimed) -> Answered:
        row = await self.store.read(_run_row, work.run)
        book = self.books.get(row.book)
        if book is None or work.step.removesuffix(UNDO) not in book.steps:
            raise StepError(
                f"This version of the bot has no step {work.step} in {row.book}. Start it anew."
            )
        kinds = self.around.systems.kinds
        results = await self.store.read(read_results, work.run, book, kinds)
        if work.step.endswith(UNDO):
            undo = results.undo_of(work.step.removesuffix(UNDO))
            return await read_answer(undo, self.around.systems)
        step = book.steps[work.step]
        if step.timing:
            return await self._read_watch(work, step, results, bool(row.dry))
        answered = await read_answer(
            await call_within(step, results, self.around), self.around.systems
        )
        return _as_dry(answered, step) if row.dry else answered

    async def _read_watch(
        self, work: Claimed, step: Step, results: Results, dry: bool
    ) -> Answered:
        reading = await call_within(step, results, self.around)
        if not isinstance(reading, Found | NotYet):
            return await read_answer(reading, self.around.systems)
        if is_final(step, reading):
            assert isinstance(reading, Found)
            return Answered(reading.verdict, report_of(reading))
        if dry:
            return Answered("nothing", Report(f"Looked once: {reading.summary}", has_result=True))
        began, worst = await self.store.read(_watch_so_far, work, step)
        worst = _worse(worst, reading)
        assert step.timing
        if step.timing.lasting:
            left = began + step.timing.lasting.total_seconds() - self.clock.now()
            if left < step.timing.every.total_seconds():
                final = time_is_up(step, reading, worst)
                return Answered(final.verdict, report_of(final))
        return Answered("not yet", _progress(work, reading, worst))

    async def _apply(self, work: Claimed) -> Ended:
        assert work.plan
        kinds = self.around.systems.kinds
        record = await self.store.read(run_record, work.run, kinds)
        row = await self.store.read(_plan_row, work.plan)
        assert record
        approval = record.approvals[work.plan]
        if digest(row.text) != row.digest:
            return Ended("failed", Report("Not applied: the stored plan is not what was approved"))
        begun = any(change.state != "planned" for change in approval.changes)
        if not begun and (lapsed := await self.access.lapsed(self.store, approval)):
            why = "" if lapsed.frozen else "the approval does not hold any more, "
            says = f"Not applied: {why}{lapsed.why}. Nothing was changed."
            return Ended("frozen" if lapsed.frozen else "failed", Report(says))
        try:
            plan = parse(row.text, kinds)
        except StepError as error:
            return Ended("outdated", Report(f"Not applied: {error}"))
        job = Job(work.id, work.fence, work.plan, plan, work.targets)
        return await self.applier.carry_out(job)


def _run_row(c: sa.Connection, run_id: str) -> Any:
    return c.execute(sa.select(runs.c.book, runs.c.dry).where(runs.c.id == run_id)).one()


def _plan_row(c: sa.Connection, plan_id: str) -> Any:
    return c.execute(sa.select(plans.c.text, plans.c.digest).where(plans.c.id == plan_id)).one()


def _watch_so_far(c: sa.Connection, work: Claimed, step: Step) -> tuple[float, Found[Any] | None]:
    """When this attempt began, and the worst reading of it."""
    query = sa.select(steps.c.started_at, steps.c.details)
    row = c.execute(query.where(steps.c.run == work.run, steps.c.key == step.key)).one()
    stored = json.loads(row.details).get("worst")
    if stored is None or stored["attempt"] != work.attempt:
        return row.started_at, None
    kind: Any = step.gives.result
    facts = None if stored["facts"] is None else kind.model_validate_json(stored["facts"])
    details = details_from_json(stored["details"])
    return row.started_at, Found(stored["verdict"], stored["says"], facts, details)


def _worse(worst: Found[Any] | None, reading: Watched[Any]) -> Found[Any] | None:
    if not isinstance(reading, Found):
        return worst
    if worst and WORST_FIRST.index(worst.verdict) <= WORST_FIRST.index(reading.verdict):
        return worst
    return reading


def _progress(work: Claimed, reading: Watched[Any], worst: Found[Any] | None) -> Report:
    progress = None if isinstance(reading, Found) else reading.progress
    report = report_of(Found("ok", reading.summary, reading.facts))
    return Report(
        says=report.says,
        result=report.result,
        has_result=True,
        details={"worst": {"attempt": work.attempt, **_stored(worst)}} if worst else {},
        progress=progress,
    )


def _stored(worst: Found[Any]) -> dict[str, Any]:
    report = report_of(worst)
    facts = None if report.result is None else json.dumps(report.result)
    return {
        "verdict": worst.verdict,
        "says": worst.summary,
        "facts": facts,
        "details": report.details,
    }


def _as_dry(answered: Answered, step: Step) -> Answered:
    """What it would do, instead of doing it."""
    draft = answered.report.draft
    if answered.outcome == "planned" and draft:
        people = step.gate.people if step.gate else 0
        who = (
            f"once {people} of role {step.gate.role} approve"
            if step.gate and people
            else "at once"
        )
        commands = "; ".join(change.command() for change in draft.plan.changes)
        return Answered("planned", Report(f"Would run, {who}: {commands}"))
    if answered.outcome == "asked":
        return Answered("asked", Report(f"A person would be asked: {answered.report.says}"))
    return answered
