"""
What of a run is noted in the audit log, and with what: what was asked and shown, what people said,
how each plan ended. The readings of a watch are no entries; what came of it is.

A plan's decisions are noted where they are judged (bot/engine/desk/deciding.py), and each change
where it is made (bot/engine/applying.py).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bot.engine.audit import Note
from bot.engine.plans import Kinds, parse
from bot.engine.reports import Draft, Report
from bot.engine.state import Event
from bot.runbook.errors import StepError
from bot.store.chain import moment
from bot.store.tables import changes, plans

#: What is noted elsewhere, or shown by what follows from it: a request for approval.
ELSEWHERE = {("due", ""), ("returned", "not yet"), ("returned", "planned")}
ENDED = {
    "given": "plan applied",
    "outdated": "change drifted",
    "unsure": "change unsure",
    "failed": "change failed",
    "frozen": "change frozen",
    "cancelled": "change cancelled",
    "paused": "change paused",
}
UNMADE = frozenset(ENDED) - {"given"}


def of_event(
    c: sa.Connection, run: Any, event: Event, report: Report, kinds: Kinds
) -> Sequence[Note]:
    """`run` is its row."""
    if (event.kind, event.outcome) in ELSEWHERE or event.kind == "decided":
        return ()
    outcome = "" if event.kind == "applied" else event.outcome  # Which names the note itself.
    body: dict[str, object] = {"attempt": event.attempt or None, "outcome": outcome}
    if event.kind == "started":
        body |= {"book": run.book, "inputs": json.loads(run.inputs), "dry": bool(run.dry)}
        body |= {"channel": run.origin_channel}
    body |= {"says": report.says, "team": event.team}
    if event.kind in ("applied", "resolved"):
        plan = _plan(c, run.id, event)
        body |= {"plan": plan.id, "digest": plan.digest}
        if event.outcome in UNMADE:
            body |= _stopped_at(c, plan, kinds)
    what = ENDED[event.outcome] if event.kind == "applied" else event.kind
    return (Note(what, event.about, event.by, _told(body)),)


def of_request(
    plan_id: str, asked: Mapping[str, Any], draft: Draft, unattended: str | None
) -> Note:
    """With all that is shown to whoever decides it. `unattended`: why nobody need be asked."""
    shown = [
        _shown(change, now) for change, now in zip(draft.plan.changes, draft.now, strict=True)
    ]
    said = {"because": draft.plan.because, "beware": draft.plan.beware, "unattended": unattended}
    until = moment(asked["expires_at"]) if unattended is None else None
    back = {"back_at": moment(asked["back_at"])} if "back_at" in asked else {}
    told = _told({**asked, **said, **back, "expires_at": until})
    what = "approval asked" if unattended is None else "unattended"
    body = {"plan": plan_id, **told, "shown": shown}
    return Note(what, asked["step"], asked["requested_by"], body)


def of_return(plan_id: str, asked: Mapping[str, Any], draft: Draft, given: Any) -> Note:
    """`given`: the row of the plan with which it was approved."""
    shown = [
        _shown(change, now) for change, now in zip(draft.plan.changes, draft.now, strict=True)
    ]
    approved = {"approved_with": given.id, "approved_digest": given.digest}
    body = {"plan": plan_id, "digest": asked["digest"], **approved, "shown": shown}
    return Note("taken back by itself", asked["step"], asked["requested_by"], body)


def _shown(change: Any, now: str) -> dict[str, object]:
    undo = change.undo()
    shown = {"command": change.command(), "target": change.target(), "now": now}
    shown |= {"then": change.then()}
    return shown | {"undo": undo.command() if undo else "cannot be undone"}


def _plan(c: sa.Connection, run_id: str, event: Event) -> Any:
    mine = sa.and_(
        plans.c.run == run_id, plans.c.step == event.about, plans.c.attempt == event.attempt
    )
    return c.execute(sa.select(plans.c.id, plans.c.digest, plans.c.text).where(mine)).one()


def _stopped_at(c: sa.Connection, plan: Any, kinds: Kinds) -> dict[str, object]:
    """The first change that is not made."""
    is_open = changes.c.state.not_in(("applied", "already so"))
    first = sa.select(sa.func.min(changes.c.number)).where(changes.c.plan == plan.id, is_open)
    number = c.execute(first).scalar()
    try:
        change = parse(plan.text, kinds).changes[number - 1] if number else None
    except StepError:
        change = None  # It was planned by another version of the bot.
    return {"number": number, "command": change.command() if change else ""}


def _told(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if value not in ("", None)}
