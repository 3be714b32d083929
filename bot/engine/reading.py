"""Builds the record of a run from its rows. Reads only."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bot.access.acts import Frozen, Touched
from bot.engine.freezes import standing
from bot.engine.glass import glass_of
from bot.engine.locking import blocked_by
from bot.engine.made import made_by
from bot.engine.plans import Kinds, touched, what_to_type
from bot.engine.record import (
    ApprovalRecord,
    ChangeRecord,
    Decision,
    Origin,
    QuestionRecord,
    RunRecord,
    StepRecord,
)
from bot.engine.returning import moment_back, returns_of, takes_back
from bot.engine.state import RunState
from bot.engine.turned import news_of
from bot.engine.turns import UNDO, held_at, open_pick, spec_of, suggested, undoable
from bot.runbook.changes import Change, as_stored
from bot.runbook.errors import Outdated
from bot.runbook.outline import Outline
from bot.runbook.showing import details_from_json
from bot.store.rooms import room_of
from bot.store.tables import changes, decisions, events, plans, runs, steps, waits, work

QUESTIONS = ("ask", "confirm", "unsure", "gone")


def run_record(c: sa.Connection, run_id: str, kinds: Kinds) -> RunRecord | None:
    row = c.execute(sa.select(runs).where(runs.c.id == run_id)).first()
    return None if row is None else _run(c, row, kinds, standing(c))


def recent_runs(c: sa.Connection, limit: int, active: bool, kinds: Kinds) -> tuple[RunRecord, ...]:
    """Newest first."""
    query = sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.id).limit(limit)
    if active:
        query = query.where(runs.c.status.in_(("new", "running", "cancelling")))
    frozen = standing(c)
    return tuple(_run(c, row, kinds, frozen) for row in c.execute(query).all())


def was_here(c: sa.Connection, key: str) -> str:
    """What was answered to this delivery when it came before; a space when that was nothing."""
    answer = c.execute(sa.select(events.c.answer).where(events.c.key == key)).scalar()
    return "" if answer is None else answer or " "


def run_of_plan(c: sa.Connection, plan_id: str) -> str | None:
    return c.execute(sa.select(plans.c.run).where(plans.c.id == plan_id)).scalar()


def run_of_question(c: sa.Connection, question_id: str) -> str | None:
    query = sa.select(waits.c.run).where(waits.c.id == question_id, waits.c.kind.in_(QUESTIONS))
    return c.execute(query).scalar()


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def _run(c: sa.Connection, row: Any, kinds: Kinds, frozen: tuple[Frozen, ...]) -> RunRecord:
    outline = Outline.from_text(row.outline)
    state = RunState.from_json(json.loads(row.state))
    approvals = {one.id: one for one in _approvals(c, row.id, outline, kinds, frozen)}
    questions = {one.id: one for one in _questions(c, row.id, outline)}
    room = room_of(c, row.id)
    return RunRecord(
        id=row.id,
        outline=outline,
        inputs=json.loads(row.inputs),
        started_by=row.started_by,
        started_at=moment(row.started_at),
        origin=Origin(row.origin_channel, row.origin_name),
        status="running" if state.status == "new" else state.status,
        steps={one.key: one for one in _steps(c, row.id, outline, state, kinds)},
        approvals=approvals,
        questions=questions,
        held=held_at(outline, state) if state.status == "running" else (),
        suggested=suggested(outline, state),
        open_pick=open_pick(outline, state),
        undoable=tuple(_undoable(c, row.id, outline, state, kinds)),
        returns=returns_of(c, row.id) if state.lent else {},
        ended_at=_moment(row.ended_at),
        updated_at=_moment(row.updated_at),
        room_name=room.name if room else "",
        room_id=(room.channel or "") if room else "",
        dry=bool(row.dry),
        frozen=frozen,
        schedule=row.schedule or "",
        news=news_of(c, row.id) if outline.speaks != "as it goes" and state.is_over else (),
    )


def _undoable(
    c: sa.Connection, run_id: str, outline: Outline, state: RunState, kinds: Kinds
) -> Iterator[str]:
    """Actions of which something was really made, when all of that can be taken back."""
    for key in undoable(outline, state):
        try:
            made = made_by(c, run_id, key, kinds)
        except Outdated:
            continue
        if made and all(change.undo() for change in made):
            yield key


def _steps(
    c: sa.Connection, run_id: str, outline: Outline, state: RunState, kinds: Kinds
) -> Iterator[StepRecord]:
    stored = {row.key: row for row in c.execute(sa.select(steps).where(steps.c.run == run_id))}
    waiting, in_parts = _waiting_for_locks(c, run_id), {k for k, v in kinds.items() if v.in_parts}
    for section in outline.sections:
        for step in section.steps:
            for key in (step.key, step.key + UNDO):
                if key == step.key or key in state.steps:
                    one = _step(outline, section.key, key, state, stored.get(key), waiting)
                    yield replace(one, in_parts=not in_parts.isdisjoint(step.changes))


def _step(
    outline: Outline,
    section: str,
    key: str,
    state: RunState,
    row: Any,
    waiting: Mapping[str, str],
) -> StepRecord:
    spec = spec_of(outline, key)
    known = (
        {}
        if row is None
        else {
            "says": row.says,
            "details": details_from_json(json.loads(row.details)),
            "progress": row.progress,
            "started_at": _moment(row.started_at),
            "ended_at": _moment(row.ended_at),
        }
    )
    return StepRecord(
        key=key,
        title=spec.title,
        kind=spec.kind,
        section=section,
        status=state.status_of(key),
        attempt=state.step(key).attempt,
        wish=state.step(key).wish,
        wished_by=state.step(key).wished_by,
        lasting_s=spec.lasting_s,
        blocked_by=waiting.get(key, ""),
        **known,
    )


def _waiting_for_locks(c: sa.Connection, run_id: str) -> dict[str, str]:
    query = sa.select(work.c.id, work.c.step, work.c.targets)
    blocked = c.execute(query.where(work.c.run == run_id, work.c.status == "blocked")).all()
    return {row.step: blocked_by(c, json.loads(row.targets), row.id) for row in blocked}


def _approvals(
    c: sa.Connection, run_id: str, outline: Outline, kinds: Kinds, frozen: tuple[Frozen, ...]
) -> Iterator[ApprovalRecord]:
    query = sa.select(plans).where(plans.c.run == run_id).order_by(plans.c.asked_at, plans.c.id)
    for row in c.execute(query).all():
        calls, because, beware = json.loads(row.text)["plan"]
        planned = [(kind, fields, _known(kind, fields, kinds)) for kind, fields in calls]
        changes = [change for _, _, change in planned if change]
        strange = [Touched("DESTROY", kind) for kind, _, change in planned if change is None]
        touches = (*touched(changes), *strange)
        yield ApprovalRecord(
            id=row.id,
            step=row.step,
            title=spec_of(outline, row.step).title,
            effect=row.effect,
            changes=tuple(_changes(c, row.id, planned)),
            because=because,
            beware=beware,
            role=row.role,
            people=row.people,
            requested_by=row.requested_by,
            asked_at=moment(row.asked_at),
            expires_at=moment(row.expires_at),
            digest=row.digest,
            status=row.status,
            decisions=tuple(_decisions(c, row.id)),
            outcome=row.outcome,
            type_to_approve=what_to_type(changes) if row.effect == "DESTROY" else "",
            type_to_break=what_to_type(changes),
            touches=touches,
            frozen=next((one for one in frozen if any(map(one.covers, touches))), None),
            glass=glass_of(c, row.id),
            back_at=moment_back(row.text),
            takes_back=takes_back(row.text),
        )


def _known(kind: str, fields: Mapping[str, Any], kinds: Kinds) -> Change | None:
    """None for a change that this version of the bot does not make, or makes otherwise."""
    try:
        return as_stored(kind, fields, kinds)
    except Outdated:
        return None


def _changes(
    c: sa.Connection, plan_id: str, planned: Sequence[tuple[str, Mapping[str, Any], Change | None]]
) -> Iterator[ChangeRecord]:
    query = sa.select(changes).where(changes.c.plan == plan_id).order_by(changes.c.number)
    for (kind, fields, change), row in zip(planned, c.execute(query).all(), strict=True):
        undo = change.undo() if change else None
        yield ChangeRecord(
            kind=kind,
            target=change.target() if change else "",
            command=change.command() if change else f"{kind} {json.dumps(fields)}",
            now=row.now,
            then=change.then() if change else "",
            undo=undo.command() if undo else None,
            state=row.state,
            seen=row.seen,
            at=_moment(row.at),
            in_parts=bool(change and change.in_parts),
        )


def _decisions(c: sa.Connection, plan_id: str) -> Iterator[Decision]:
    query = sa.select(decisions).where(decisions.c.plan == plan_id).order_by(decisions.c.at)
    for row in c.execute(query).all():
        yield Decision(row.by, bool(row.approves), row.reason, moment(row.at))


def _questions(c: sa.Connection, run_id: str, outline: Outline) -> Iterator[QuestionRecord]:
    query = sa.select(waits).where(waits.c.run == run_id, waits.c.kind.in_(QUESTIONS))
    for row in c.execute(query.order_by(waits.c.id)).all():
        body = json.loads(row.body)
        yield QuestionRecord(
            id=row.id,
            step=row.step,
            kind=row.kind,
            title=spec_of(outline, row.step).title,
            text=body.get("text", ""),
            answer_schema=body.get("schema"),
            choices=tuple((label, value) for label, value in body.get("choices", ())),
            proposed=body.get("proposed"),
            due=_moment(body.get("by")),
            owner=body.get("owner", ""),
            reminded=body.get("reminded", 0),
            left_s=body.get("left_s"),
        )
