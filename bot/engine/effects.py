"""
What follows from an event, as rows: work that is due, plans that are put before people, questions,
the time of the next reading. Nothing here waits or calls anything outside.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bot.engine import entries, locking
from bot.engine.audit import Note
from bot.engine.glass import REVIEW
from bot.engine.plans import Kinds, compose, parse
from bot.engine.record import Said
from bot.engine.reminding import next_reminder
from bot.engine.reports import Draft, Report
from bot.engine.returning import BACK, approved_before, back_at
from bot.engine.state import Effect, RunState
from bot.engine.turns import spec_of
from bot.engine.versions import strictest
from bot.runbook.errors import Outdated
from bot.runbook.outline import Outline
from bot.store.others import tell_others
from bot.store.tables import changes, plans, waits, work

#: What `work.stop` says: go on; end here; or end here until somebody lets it go on.
CANCEL, PAUSE = 1, 2
HALTED = "Stopped while it was paused."


@dataclass
class Taken:
    """What the transaction left to be done in memory."""

    is_new: bool = True  #: False: this event was here before, and nothing happened.
    moved: bool = False  #: False: the run did not wait for it.
    start: list[str] = field(default_factory=list)  #: Work that is due.
    stop: list[str] = field(default_factory=list)  #: Work that should stop if it still can.
    answer: str = ""  #: What the person was told, also when the event was here before.


@dataclass
class Effects:
    """
    Writes what the conductor wants to follow from one event: one function for each effect that it
    knows, called by its name.
    """

    c: sa.Connection
    now: float
    run_id: str
    row: Any  #: Of the run.
    outline: Outline
    run: RunState
    kinds: Kinds
    expires_after_s: float
    outcome: str  #: Of the event.
    taken: Taken = field(default_factory=lambda: Taken(moved=True))
    said: list[Said] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def call(self, effect: Effect, _report: Report) -> None:
        suffix = f".{effect.reading}" if effect.reading > 1 else ""
        self._work(f"{self.run_id}/{effect.step}.call#{effect.attempt}{suffix}", effect, "call")

    def apply(self, effect: Effect, _report: Report) -> None:
        work_id = f"{self.run_id}/{effect.step}.apply#{effect.attempt}"
        mine = work.c.id == work_id
        reopened = sa.update(work).where(mine).values(status="due", stop=self._wanted(effect))
        plan = self._plan(effect)
        if self.c.execute(reopened).rowcount:  # A person vouched for it, or lets it go on.
            begun = sa.and_(changes.c.plan == plan.id, changes.c.state == "intended")
            self.c.execute(sa.update(changes).where(begun).values(at=self.now))
            self.taken.start.append(work_id)
            return
        try:
            loaded = parse(plan.text, self.kinds).changes
        except Outdated:  # Whoever carries it out says so; it touches nothing.
            loaded = ()
        targets = sorted({change.target() for change in loaded})
        self._work(work_id, effect, "apply", plan.id, targets)

    def _wanted(self, effect: Effect) -> int:
        """What was said of it before a person let it go on with the rest of its plan."""
        step = self.run.step(effect.step)
        if self.run.status == "cancelling" and not step.returns:
            return CANCEL
        return {"": 0, "pause": PAUSE, "stop": CANCEL}[step.wish]

    def vouch(self, effect: Effect, report: Report) -> None:
        mine = sa.and_(changes.c.plan == self._plan(effect).id, changes.c.state == "intended")
        happened = {"state": "applied", "seen": report.says}  # when it was intended, not now
        self.c.execute(sa.update(changes).where(mine).values(**happened))

    def propose(self, effect: Effect, report: Report) -> None:
        assert report.draft
        if self.run.step(effect.step).returns:
            self._propose_return(effect, report.draft)
            return
        spec = strictest(spec_of(self.outline, effect.step), report.draft.gate)
        after = report.draft.plan.back_after
        back = {"back_at": self.now + after.total_seconds()} if after else {}
        composed = compose(self.run_id, self.outline, effect.step, report.draft.plan, **back)
        worst = max(change.effect for change in report.draft.plan.changes)
        unattended = spec.unattended is not None
        expires_at = self.now + (spec.expires_s or self.expires_after_s)
        asked = {
            "step": effect.step,
            "attempt": effect.attempt,
            "digest": composed.digest,
            "effect": worst.name,
            "people": 0 if unattended else max(spec.people, worst.people),
            "role": spec.role or "",
            "requested_by": self._requester(effect.step),
            "expires_at": expires_at,
        }
        plan_id = self._put_plan(composed.text, asked, report.draft, unattended)
        asked |= back
        self.notes.append(entries.of_request(plan_id, asked, report.draft, spec.unattended))
        if not unattended:
            self._wait(f"plan:{plan_id}", effect, "approval", {"plan": plan_id}, expires_at)
            self.said.append(Said("approval asked", plan_id))

    def _propose_return(self, effect: Effect, draft: Draft) -> None:
        """Nobody is asked: it rests on what was approved with the change, and is judged by it."""
        given = approved_before(self.c, self.run_id, effect.step)
        composed = compose(self.run_id, self.outline, effect.step, draft.plan, takes_back=given.id)
        asked = {
            "step": effect.step,
            "attempt": effect.attempt,
            "digest": composed.digest,
            "effect": max(change.effect for change in draft.plan.changes).name,
            "people": 0,
            "role": given.role,
            "requested_by": given.requested_by,
            "expires_at": self.now + self.expires_after_s,
        }
        plan_id = self._put_plan(composed.text, asked, draft, approved=True)
        self.notes.append(entries.of_return(plan_id, asked, draft, given))

    def _put_plan(self, text: str, asked: Mapping[str, Any], draft: Draft, approved: bool) -> str:
        plan_id = secrets.token_urlsafe(16)
        status = "approved" if approved else "pending"
        row = {"id": plan_id, "run": self.run_id, "text": text, "asked_at": self.now}
        self.c.execute(sa.insert(plans), {**row, "status": status, "outcome": "", **asked})
        for number, seen in enumerate(draft.now, start=1):
            self.c.execute(
                sa.insert(changes).values(
                    plan=plan_id, number=number, state="planned", now=seen, seen=seen, at=self.now
                )
            )
        return plan_id

    def lend(self, effect: Effect, report: Report) -> None:
        self.keep(effect, report)
        at = back_at(self._plan(effect).text)
        wait_id = f"{self.run_id}/{effect.step}.{BACK}#{effect.attempt}"
        self._wait(wait_id, effect, BACK, {"at": at}, at)

    def keep(self, effect: Effect, _report: Report) -> None:
        mine = sa.and_(
            waits.c.run == self.run_id, waits.c.step == effect.step, waits.c.kind == BACK
        )
        self.c.execute(sa.delete(waits).where(mine))

    def ask(self, effect: Effect, report: Report) -> None:
        question = dict(report.question or {})
        self._question(effect, question.pop("kind"), question, next_reminder(question, self.now))

    def doubt(self, effect: Effect, report: Report) -> None:
        self._question(effect, "unsure", {"text": report.says})

    def _question(
        self,
        effect: Effect,
        kind: str,
        body: Mapping[str, Any],
        remind_at: float | None = None,
    ) -> None:
        question_id = secrets.token_urlsafe(12)
        self._wait(question_id, effect, kind, body, remind_at)
        self.said.append(Said("question asked", question_id))

    def tick(self, effect: Effect, _report: Report) -> None:
        every = spec_of(self.outline, effect.step).every_s or 1.0
        wait_id = f"{self.run_id}/{effect.step}.tick#{effect.attempt}.{effect.reading}"
        self._wait(wait_id, effect, "tick", {}, self.now + every)

    def stop(self, effect: Effect, _report: Report) -> None:
        mine = sa.and_(
            work.c.run == self.run_id,
            work.c.step == effect.step,
            work.c.attempt == effect.attempt,
            work.c.status != "finished",
        )
        is_paused = self.run.step(effect.step).wish == "pause" and self.run.status == "running"
        stop = PAUSE if is_paused else CANCEL
        self.c.execute(sa.update(work).where(mine).values(stop=stop))
        woken = sa.update(work).where(mine, work.c.status == "blocked").values(status="due")
        self.c.execute(woken)  # only to say that it was cancelled
        for row in self.c.execute(sa.select(work.c.id, work.c.status).where(mine)).all():
            if row.status == "due":
                self.taken.start.append(row.id)
            else:
                self.taken.stop.append(row.id)
                tell_others(self.c, row.id)

    def close(self, effect: Effect, _report: Report) -> None:
        mine = sa.and_(
            waits.c.run == self.run_id,
            waits.c.step == effect.step,
            waits.c.attempt == effect.attempt,
            waits.c.kind.not_in((REVIEW, BACK)),
        )
        for row in self.c.execute(sa.select(waits.c.id, waits.c.kind, waits.c.body).where(mine)):
            if row.kind == "approval":
                self._close_plan(json.loads(row.body)["plan"], effect.step)
            elif row.kind != "tick":
                self.said.append(Said("question closed", row.id))
        self.c.execute(sa.delete(waits).where(mine))

    def _close_plan(self, plan_id: str, step: str) -> None:
        pending = sa.and_(plans.c.id == plan_id, plans.c.status == "pending")
        withdrawn = sa.update(plans).where(pending).values(status="cancelled")
        digest = self.c.execute(withdrawn.returning(plans.c.digest)).scalar()
        if digest:
            body = {"plan": plan_id, "digest": digest}
            self.notes.append(Note("approval withdrawn", step, body=body))
        self.said.append(Said("approval changed", plan_id))

    def free(self, effect: Effect, report: Report) -> None:
        plan = self._plan(effect)
        is_anew = self.run.status_of(effect.step) in ("waiting", "working")
        status = "outdated" if is_anew else "frozen" if self.outcome == "frozen" else None
        halted = "" if self.outcome else HALTED
        self.c.execute(
            sa.update(plans)
            .where(plans.c.id == plan.id)
            .values(
                outcome=report.says or halted,
                **({"status": status} if status else {}),
            )
        )
        self.said.append(Said("approval changed", plan.id))
        holder = f"{self.run_id}/{effect.step}.apply#{effect.attempt}"
        self.taken.start += locking.free(self.c, holder, self.now)

    # Rows.

    def _plan(self, effect: Effect) -> Any:
        query = sa.select(plans.c.id, plans.c.text).where(
            plans.c.run == self.run_id,
            plans.c.step == effect.step,
            plans.c.attempt == effect.attempt,
        )
        return self.c.execute(query).one()

    def _requester(self, step: str) -> str:
        """Whoever picked it, else whoever started the run."""
        return self.run.step(step).by or str(self.row.started_by)

    def _work(
        self,
        work_id: str,
        effect: Effect,
        phase: str,
        plan: str | None = None,
        targets: Sequence[str] = (),
    ) -> None:
        granted = not targets or locking.grant(self.c, work_id, targets, self.now)
        self.c.execute(
            sa.insert(work).values(
                id=work_id, run=self.run_id, step=effect.step, phase=phase,
                attempt=effect.attempt, plan=plan, targets=json.dumps(list(targets)),
                status="due" if granted else "blocked", fence=0, stop=0, born_at=self.now,
            )
        )  # fmt: skip
        if granted:
            self.taken.start.append(work_id)

    def _wait(
        self,
        wait_id: str,
        effect: Effect,
        kind: str,
        body: Mapping[str, object],
        deadline: float | None,
    ) -> None:
        self.c.execute(
            sa.insert(waits).values(
                id=wait_id, run=self.run_id, step=effect.step, attempt=effect.attempt,
                kind=kind, body=json.dumps(body), deadline=deadline,
            )
        )  # fmt: skip
