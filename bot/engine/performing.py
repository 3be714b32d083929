"""
Does one claimed piece of work and says what came of it, as an event and a report. May be begun any
number of times for the same work, anywhere; what it alters goes through bot/engine/applying.py.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bot.engine.access import Access, Lapsed
from bot.engine.applying import Applier, Job
from bot.engine.calling import (
    Answered,
    Surroundings,
    call_within,
    check_ours,
    check_promise,
    is_final,
    read_answer,
    report_of,
)
from bot.engine.claiming import Claimed
from bot.engine.clock import Clock
from bot.engine.ended import Ended, kept_back, unread
from bot.engine.made import made_by
from bot.engine.plans import calls_of, parse
from bot.engine.reading import run_record
from bot.engine.record import ApprovalRecord
from bot.engine.reports import Report
from bot.engine.results import Results, read_results, undo_of
from bot.engine.returning import (
    NOT_BACK,
    back_at,
    resting_on,
    something_was_made,
    takes_back,
)
from bot.engine.state import Event
from bot.engine.turns import UNDO
from bot.engine.versions import (
    Books,
    OfAnotherVersion,
    asks_more,
    check_attended,
    gate_of,
    step_of,
    without,
)
from bot.engine.watching import watch_so_far
from bot.runbook import Found, Plan
from bot.runbook.changes import digest
from bot.runbook.errors import Outdated, StepError
from bot.runbook.findings import NotYet
from bot.runbook.outline import Outline
from bot.runbook.step import Step
from bot.store.store import Store
from bot.store.tables import plans, runs

#: For so long roles that cannot be read are asked for again before an approval counts no more.
DIRECTORY_PATIENCE_S, DIRECTORY_AGAIN_S = 60.0, 2.0
MADE_ELSEWHERE = "Another version of the runbook made this plan, and this one cannot read it."


@dataclass(frozen=True)
class Performer:
    store: Store
    books: Books
    around: Surroundings
    applier: Applier
    access: Access
    clock: Clock

    async def perform(self, work: Claimed) -> tuple[Event, Report]:
        """
        Raises Fenced when the work is no longer ours, and OfAnotherVersion when this version
        cannot do it.
        """
        if work.phase == "apply":
            ended, lends = await self._apply(work)
            event = Event("applied", work.step, work.attempt, ended.outcome, lends=lends)
            return event, ended.report
        try:
            answered = await self._call(work)
        except OfAnotherVersion:
            raise
        except StepError as error:
            answered = Answered("failed", Report(says=str(error)))
        return Event("returned", work.step, work.attempt, answered.outcome), answered.report

    async def give_up(self, work: Claimed, why: str) -> tuple[Event, Report]:
        """What comes of work that no version of the bot that lives can do."""
        if work.phase == "call":
            return Event("returned", work.step, work.attempt, "gone"), without(why)
        assert work.plan
        text = (await self.store.read(_plan_row, work.plan)).text
        ended = unread(await self.applier.rows(work.plan), calls_of(text), why)
        ended, lends = await self._with_return(work.plan, text, ended)
        event = Event("applied", work.step, work.attempt, ended.outcome, lends=lends)
        return event, ended.report

    async def _call(self, work: Claimed) -> Answered:
        row = await self.store.read(_run_row, work.run)
        plan, systems = Outline.from_json(json.loads(row.outline)), self.around.systems
        if work.step.endswith(UNDO):
            return await self._undo(work, plan)
        step = step_of(self.books, plan, work.step)
        results = await self.store.read(
            read_results, work.run, self.books[plan.book], step, plan, systems.kinds
        )
        if step.timing:
            return await self._read_watch(work, step, results, bool(row.dry))
        answer = await call_within(step, results, self.around)
        check_promise(step, answer)
        answered = await read_answer(answer, systems, step.gate)
        return _as_dry(answered, step) if row.dry else answered

    async def _undo(self, work: Claimed, plan: Outline) -> Answered:
        """Of what was made, by the rows: the step itself need not be there any more."""
        key, systems = work.step.removesuffix(UNDO), self.around.systems
        spec, gate = plan.step(key), gate_of(self.books, plan.book, key)
        check_attended(spec, gate)
        try:
            undo = undo_of(await self.store.read(made_by, work.run, key, systems.kinds))
        except Outdated as error:
            raise OfAnotherVersion(f"It cannot be taken back here: {error}.") from error
        if spec.unattended and isinstance(undo, Plan):
            check_ours(undo)
        return await read_answer(undo, systems, gate)

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
        assert step.timing
        so_far = await self.store.read(watch_so_far, work.run, step, work.attempt)
        so_far = so_far.with_reading(reading, self.clock.now())
        left = step.timing.lasting.total_seconds() - so_far.lasted_s
        if left < step.timing.every.total_seconds():
            final = so_far.verdict(step, reading)
            return Answered(final.verdict, report_of(final))
        return Answered("not yet", so_far.report(reading))

    async def _apply(self, work: Claimed) -> tuple[Ended, bool]:
        """And whether what was made of it is to be taken back by itself."""
        assert work.plan
        row = await self.store.read(_plan_row, work.plan)
        if digest(row.text) != row.digest:
            says = "Not applied: the stored plan is not what was approved"
            return Ended("failed", Report(says)), False
        try:
            plan = parse(row.text, self.around.systems.kinds)
        except Outdated as error:
            raise OfAnotherVersion(MADE_ELSEWHERE) from error

        async def permit() -> Ended | None:
            return await self._permit(work)

        job = Job(work.id, work.fence, work.plan, plan, work.targets, permit)
        return await self._with_return(work.plan, row.text, await self.applier.carry_out(job))

    async def _with_return(self, plan: str, text: str, ended: Ended) -> tuple[Ended, bool]:
        if takes_back(text):
            return _of_return(ended), False
        return ended, back_at(text) is not None and await self.store.read(something_was_made, plan)

    async def _permit(self, work: Claimed) -> Ended | None:
        """Why the next change of the plan may not be made any more; asked before each of them."""
        approval = await self._approval(work)
        lapsed = await self._lapsed(approval)  # may take its time
        if self.clock.now() > approval.good_until.timestamp():
            given = "the glass was broken" if approval.glass else "it was approved"
            return Ended("outdated", Report(f"Not applied: {given} too long ago"))
        if more := await self._asks_more(work, approval):
            return Ended("outdated", Report(f"Not applied: {more}"))
        if lapsed is None:
            return None
        if lapsed.frozen:
            return kept_back(lapsed.why, {one.state for one in approval.changes})
        basis = "broken glass" if approval.glass else "approval"
        why = f"the {basis} does not hold any more, {lapsed.why}"
        says = f"Not applied: {why}. Nothing was changed."
        return Ended("failed", Report(says))

    async def _asks_more(self, work: Claimed, approval: ApprovalRecord) -> str:
        """Why an approval is not enough for this version; a broken glass does without."""
        if approval.glass:
            return ""
        row = await self.store.read(_run_row, work.run)
        return asks_more(gate_of(self.books, row.book, work.step), approval)

    async def _approval(self, work: Claimed) -> ApprovalRecord:
        assert work.plan
        record = await self.store.read(run_record, work.run, self.around.systems.kinds)
        assert record
        own = record.approvals[work.plan]
        return resting_on(record.approvals[own.takes_back], own) if own.takes_back else own

    async def _lapsed(self, approval: ApprovalRecord) -> Lapsed | None:
        """A directory that is away for a moment does not cost an approval."""
        until = self.clock.monotonic() + DIRECTORY_PATIENCE_S
        while True:
            try:
                return await self.access.lapsed(self.store, approval)
            except StepError as error:
                if self.clock.monotonic() >= until:
                    return Lapsed(f"roles cannot be read ({error})")
            await self.clock.sleep(DIRECTORY_AGAIN_S)


def _of_return(ended: Ended) -> Ended:
    """Why it was not made stands on a message of its own, long after the change."""
    if ended.outcome in ("given", "unsure"):
        return ended
    return replace(ended, report=replace(ended.report, says=f"{NOT_BACK} {ended.report.says}"))


def _run_row(c: sa.Connection, run_id: str) -> Any:
    return c.execute(
        sa.select(runs.c.book, runs.c.outline, runs.c.dry).where(runs.c.id == run_id)
    ).one()


def _plan_row(c: sa.Connection, plan_id: str) -> Any:
    return c.execute(sa.select(plans.c.text, plans.c.digest).where(plans.c.id == plan_id)).one()


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
