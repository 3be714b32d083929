"""
One event is one transaction: deduplicate, conduct, write what follows, and what is to be seen.

Nothing here waits or calls anything outside. What must be done next is left as rows of work; a
death right after the commit loses nothing, because a sweep finds them.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.engine import entries, locking
from bot.engine.audit import Note, note
from bot.engine.conductor import conduct
from bot.engine.glass import REVIEW
from bot.engine.plans import Kinds, compose, parse
from bot.engine.reading import run_record
from bot.engine.record import Announcer, Said, SaidKind
from bot.engine.reports import Report
from bot.engine.state import HAS_RESULT, NOT_OVER, Effect, Event, RunState
from bot.engine.turns import spec_of
from bot.runbook.errors import Outdated
from bot.runbook.outline import Outline
from bot.store.deliveries import Delivery
from bot.store.rooms import keep_to_origin
from bot.store.tables import changes, events, plans, runs, steps, waits, work

#: Writes deliveries into the outbox, in the transaction it is given.
PutDeliveries = Callable[[sa.Connection, str, Sequence[Delivery]], None]


class Fenced(Exception):
    """Somebody else owns this work now; what we know of it counts no more."""


@dataclass
class Taken:
    """What the transaction left to be done in memory."""

    is_new: bool = True  #: False: this event was here before, and nothing happened.
    moved: bool = False  #: False: the run did not wait for it.
    start: list[str] = field(default_factory=list)  #: Work that is due.
    stop: list[str] = field(default_factory=list)  #: Work that should stop if it still can.
    answer: str = ""  #: What the person was told, also when the event was here before.


@dataclass(frozen=True)
class Taker:
    """`expires_after_s` is how long an approval may be waited for, in seconds."""

    announcer: Announcer
    put: PutDeliveries
    kinds: Kinds
    expires_after_s: float

    def take(
        self,
        c: sa.Connection,
        now: float,
        run_id: str,
        key: str,
        event: Event,
        report: Report | None = None,
        *,
        of_work: tuple[str, int] | None = None,
        answer: str = "",
    ) -> Taken:
        """`of_work` is the id and fence of the work that reports. Raises Fenced, KeyError."""
        row = lock_run(c, run_id)
        if not _is_new(c, now, run_id, key, event, answer):
            told = sa.select(events.c.answer).where(events.c.key == key)
            return Taken(is_new=False, answer=c.execute(told).scalar_one())
        if of_work:
            _finish(c, *of_work)
        outline = Outline.from_json(json.loads(row.outline))
        before = RunState.from_json(json.loads(row.state))
        after, effects = conduct(outline, before, event)
        if after is before:
            return Taken(answer=answer)
        page = _Page(c, now, run_id, row, outline, after, self, event.outcome)
        return page.write(before, event, report or Report(), effects, answer)

    def tell(self, c: sa.Connection, run_id: str, said: Sequence[Said]) -> None:
        """Something that people may want to see happened, though the run did not move."""
        if record := run_record(c, run_id, self.kinds):
            self.put(c, run_id, self.announcer.announce(record, said))


def lock_run(c: sa.Connection, run_id: str) -> Any:
    """
    Its row. Whoever writes more than one row of a run locks this one first, then what it needs,
    and the head of the audit log last. Raises KeyError.
    """
    row = c.execute(sa.select(runs).where(runs.c.id == run_id).with_for_update()).first()
    if row is None:
        raise KeyError(run_id)
    return row


@dataclass
class _Page:
    """What one event writes."""

    c: sa.Connection
    now: float
    run_id: str
    row: Any  #: Of the run.
    outline: Outline
    run: RunState
    taker: Taker
    outcome: str  #: Of the event.
    taken: Taken = field(default_factory=lambda: Taken(moved=True))
    said: list[Said] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def write(
        self,
        before: RunState,
        event: Event,
        report: Report,
        effects: Sequence[Effect],
        answer: str,
    ) -> Taken:
        self.taken.answer = answer
        self.notes += entries.of_event(self.c, self.row, event, report, self.taker.kinds)
        self._write_steps(before, event, report)
        for effect in effects:
            getattr(self, f"_{effect.what}")(effect, report)
        self._write_run(before)
        if event.about in self.run.steps:
            self._settle_room(event.about)
        self.said.extend(_said(before, self.run, event))
        self.taker.tell(self.c, self.run_id, self.said)
        for one in self.notes:  # last: see bot/engine/audit.py
            note(self.c, self.now, self.run_id, one.what, one.about, one.by, **one.body)
        return self.taken

    def _write_run(self, before: RunState) -> None:
        ended = self.run.is_over and not before.is_over
        values = {
            "state": json.dumps(self.run.as_json()),
            "status": self.run.status,
            "updated_at": self.now,
            **({"ended_at": self.now} if ended else {}),
        }
        self.c.execute(sa.update(runs).where(runs.c.id == self.run_id).values(**values))

    def _settle_room(self, key: str) -> None:
        """A run whose channel could not be opened speaks where it was started."""
        kinds = map(self.taker.kinds.get, spec_of(self.outline, key).changes)
        opens = any(kind.opens_room for kind in kinds if kind)
        over = self.run.status_of(key) not in NOT_OVER
        if over and self.run.status_of(key) != "given" and opens:
            keep_to_origin(self.c, self.run_id)

    def _write_steps(self, before: RunState, event: Event, report: Report) -> None:
        for key, step in self.run.steps.items():
            was = before.step(key)
            if step == was and key != event.about:
                continue
            values: dict[str, object] = {"status": step.status, "attempt": step.attempt}
            if step.attempt != was.attempt:
                values |= {"started_at": self.now, "ended_at": None, "says": "", "progress": None}
            if step.status not in NOT_OVER and was.status in NOT_OVER:
                values["ended_at"] = self.now
            if key == event.about:
                values |= _reported(report)
            elif step.status == "blocked":
                values["says"] = f"Left out: {self._lacks(key)} gave nothing to go on"
            elif step.status == "cancelled":
                values["says"] = "Stopped: the run was cancelled"
            _write_step(self.c, self.run_id, key, values)

    def _lacks(self, key: str) -> str:
        needed = [n for n, must in spec_of(self.outline, key).after.items() if must]
        bare = [n for n in needed if self.run.status_of(n) not in NOT_OVER | HAS_RESULT]
        return spec_of(self.outline, bare[0]).title if bare else "an earlier step"

    # One function for each effect that the conductor knows.

    def _call(self, effect: Effect, _report: Report) -> None:
        suffix = f".{effect.reading}" if effect.reading > 1 else ""
        self._work(f"{self.run_id}/{effect.step}.call#{effect.attempt}{suffix}", effect, "call")

    def _apply(self, effect: Effect, _report: Report) -> None:
        work_id = f"{self.run_id}/{effect.step}.apply#{effect.attempt}"
        mine = work.c.id == work_id
        reopened = sa.update(work).where(mine).values(status="due")
        if self.c.execute(reopened).rowcount:  # A person has vouched for what was unsure.
            self.taken.start.append(work_id)
            return
        plan = self._plan(effect)
        try:
            loaded = parse(plan.text, self.taker.kinds).changes
        except Outdated:  # Whoever carries it out says so; it touches nothing.
            loaded = ()
        targets = sorted({change.target() for change in loaded})
        self._work(work_id, effect, "apply", plan.id, targets)

    def _vouch(self, effect: Effect, report: Report) -> None:
        mine = sa.and_(changes.c.plan == self._plan(effect).id, changes.c.state == "intended")
        happened = {"state": "applied", "seen": report.says, "at": self.now}
        self.c.execute(sa.update(changes).where(mine).values(**happened))

    def _propose(self, effect: Effect, report: Report) -> None:
        assert report.draft
        spec = spec_of(self.outline, effect.step)
        composed = compose(self.run_id, self.outline, effect.step, report.draft.plan)
        worst = max(change.effect for change in report.draft.plan.changes)
        unattended = spec.unattended is not None
        plan_id = secrets.token_urlsafe(16)
        expires_at = self.now + (spec.expires_s or self.taker.expires_after_s)
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
        self.c.execute(
            sa.insert(plans).values(
                id=plan_id, run=self.run_id, text=composed.text, asked_at=self.now,
                status="approved" if unattended else "pending", outcome="", **asked,
            )
        )  # fmt: skip
        self.notes.append(entries.of_request(plan_id, asked, report.draft, spec.unattended))
        for number, seen in enumerate(report.draft.now, start=1):
            self.c.execute(
                sa.insert(changes).values(
                    plan=plan_id, number=number, state="planned", now=seen, seen=seen, at=self.now
                )
            )
        if not unattended:
            self._wait(f"plan:{plan_id}", effect, "approval", {"plan": plan_id}, expires_at)
            self.said.append(Said("approval asked", plan_id))

    def _ask(self, effect: Effect, report: Report) -> None:
        question = dict(report.question or {})
        self._question(effect, question.pop("kind"), question)

    def _doubt(self, effect: Effect, report: Report) -> None:
        self._question(effect, "unsure", {"text": report.says})

    def _question(self, effect: Effect, kind: str, body: Mapping[str, object]) -> None:
        question_id = secrets.token_urlsafe(12)
        self._wait(question_id, effect, kind, body, None)
        self.said.append(Said("question asked", question_id))

    def _tick(self, effect: Effect, _report: Report) -> None:
        every = spec_of(self.outline, effect.step).every_s or 1.0
        wait_id = f"{self.run_id}/{effect.step}.tick#{effect.attempt}.{effect.reading}"
        self._wait(wait_id, effect, "tick", {}, self.now + every)

    def _stop(self, effect: Effect, _report: Report) -> None:
        mine = sa.and_(
            work.c.run == self.run_id,
            work.c.step == effect.step,
            work.c.attempt == effect.attempt,
            work.c.status != "finished",
        )
        self.c.execute(sa.update(work).where(mine).values(stop=1))
        woken = sa.update(work).where(mine, work.c.status == "blocked").values(status="due")
        self.c.execute(woken)  # only to say that it was cancelled
        for row in self.c.execute(sa.select(work.c.id, work.c.status).where(mine)).all():
            (self.taken.start if row.status == "due" else self.taken.stop).append(row.id)

    def _close(self, effect: Effect, _report: Report) -> None:
        mine = sa.and_(
            waits.c.run == self.run_id,
            waits.c.step == effect.step,
            waits.c.attempt == effect.attempt,
            waits.c.kind != REVIEW,
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

    def _free(self, effect: Effect, report: Report) -> None:
        plan = self._plan(effect)
        is_anew = self.run.status_of(effect.step) in ("waiting", "working")
        status = "outdated" if is_anew else "frozen" if self.outcome == "frozen" else None
        self.c.execute(
            sa.update(plans)
            .where(plans.c.id == plan.id)
            .values(outcome=report.says, **({"status": status} if status else {}))
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


def _is_new(
    c: sa.Connection, now: float, run_id: str, key: str, event: Event, answer: str
) -> bool:
    insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
    made = insert(events).values(
        key=key, run=run_id, kind=event.kind, about=event.about, by=event.by, answer=answer, at=now
    )
    return c.execute(made.on_conflict_do_nothing()).rowcount == 1


def _finish(c: sa.Connection, work_id: str, fence: int) -> None:
    owned = sa.and_(work.c.id == work_id, work.c.fence == fence, work.c.status == "taken")
    if c.execute(sa.update(work).where(owned).values(status="finished")).rowcount == 0:
        raise Fenced(work_id)


def _reported(report: Report) -> dict[str, object]:
    values: dict[str, object] = {"progress": report.progress}
    if report.says:
        values["says"] = report.says
    if report.has_result:
        values["result"] = json.dumps(report.result)
        values["details"] = json.dumps(report.details)
    return values


def _write_step(c: sa.Connection, run_id: str, key: str, values: Mapping[str, object]) -> None:
    mine = sa.and_(steps.c.run == run_id, steps.c.key == key)
    if c.execute(sa.update(steps).where(mine).values(**values)).rowcount == 0:
        blank = {"says": "", "details": "{}", "attempt": 0}
        c.execute(sa.insert(steps).values(run=run_id, key=key, **{**blank, **values}))


def _said(before: RunState, after: RunState, event: Event) -> Iterator[Said]:
    if event.kind == "started":
        yield Said("run started")
    for key, step in after.steps.items():
        was = before.step(key)
        if kind := _changed(was.status, step.status, step.attempt != was.attempt):
            yield Said(kind, key)
        elif key == event.about and event.kind == "returned":
            yield Said("step progressed", key)
    if after.is_over and not before.is_over:
        yield Said("run ended")


def _changed(was: str, now: str, anew: bool) -> SaidKind | None:
    if now == was and not anew:
        return None
    if now not in NOT_OVER:
        return "step ended"
    return "step started" if anew else "step progressed"
