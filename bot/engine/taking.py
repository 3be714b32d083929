"""
One event is one transaction: deduplicate, conduct, write what follows, and what is to be seen.

Nothing here waits or calls anything outside. What must be done next is left as rows of work; a
death right after the commit loses nothing, because a sweep finds them.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.engine import entries
from bot.engine.audit import note
from bot.engine.conductor import conduct
from bot.engine.effects import Effects, Taken
from bot.engine.plans import Kinds
from bot.engine.reading import run_record
from bot.engine.record import Announcer, Said, SaidKind
from bot.engine.reports import Report
from bot.engine.state import HAS_RESULT, NOT_OVER, Effect, Event, RunState
from bot.engine.telling import tell_news
from bot.engine.turns import spec_of
from bot.runbook.outline import Outline
from bot.store.deliveries import Delivery
from bot.store.rooms import keep_to_origin
from bot.store.tables import events, runs, steps, work

#: Writes deliveries into the outbox, in the transaction it is given.
PutDeliveries = Callable[[sa.Connection, str, Sequence[Delivery]], None]


class Fenced(Exception):
    """Somebody else owns this work now; what we know of it counts no more."""


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
        outline = Outline.from_text(row.outline)
        before = RunState.from_json(json.loads(row.state))
        after, effects = conduct(outline, before, event)
        if after is before:
            return Taken(answer=answer)
        page = _Page(
            c, now, run_id, row, outline, after, self.kinds, self.expires_after_s, event.outcome
        )
        tell = partial(self.tell, c, run_id)
        return page.write(before, event, report or Report(), effects, answer, tell)

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


class _Page(Effects):
    """All that one event writes."""

    def write(
        self,
        before: RunState,
        event: Event,
        report: Report,
        effects: Sequence[Effect],
        answer: str,
        tell: Callable[[Sequence[Said]], None],
    ) -> Taken:
        self.taken.answer = answer
        self.notes += entries.of_event(self.c, self.row, event, report, self.kinds)
        self._write_steps(before, event, report)
        for effect in effects:
            getattr(self, effect.what)(effect, report)
        self._write_run(before)
        if self.run.is_over and not before.is_over:
            tell_news(self.c, self.now, self.row, self.outline, self.run)
        if event.about in self.run.steps:
            self._settle_room(event.about)
        self.said.extend(_said(before, self.run, event))
        tell(self.said)
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
        self.c.execute(sa.update(runs).where(runs.c.id == self.run_id), values)

    def _settle_room(self, key: str) -> None:
        """A run whose channel could not be opened speaks where it was started."""
        kinds = map(self.kinds.get, spec_of(self.outline, key).changes)
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
            if step.status == "blocked":
                values["says"] = f"Left out: {self._lacks(key)} gave nothing to go on"
            elif step.status == "cancelled" and was.status != "paused":
                values["says"] = "Stopped: the run was cancelled"
            if key == event.about:
                values |= _reported(report)
            _write_step(self.c, self.run_id, key, values)

    def _lacks(self, key: str) -> str:
        needed = [n for n, must in spec_of(self.outline, key).after.items() if must]
        bare = [n for n in needed if self.run.status_of(n) not in NOT_OVER | HAS_RESULT]
        return spec_of(self.outline, bare[0]).title if bare else "an earlier step"


def _is_new(
    c: sa.Connection, now: float, run_id: str, key: str, event: Event, answer: str
) -> bool:
    insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
    row = {
        "key": key, "run": run_id, "kind": event.kind, "about": event.about, "by": event.by,
        "answer": answer, "at": now,
    }  # fmt: skip
    return c.execute(insert(events).on_conflict_do_nothing(), row).rowcount == 1


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
    if c.execute(sa.update(steps).where(mine), values).rowcount == 0:
        blank = {"says": "", "details": "{}", "attempt": 0}
        c.execute(sa.insert(steps), {"run": run_id, "key": key, **blank, **values})


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
