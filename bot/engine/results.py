"""What a run knows so far: what each step gave and found, read back from its rows by type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from bot.engine.made import made_by
from bot.engine.plans import Kinds
from bot.engine.reading import moment
from bot.engine.state import HAS_RESULT
from bot.runbook import Found, Nothing, Plan, Run, Runbook, RunbookInputs
from bot.runbook.changes import Change, Done
from bot.runbook.errors import Outdated
from bot.runbook.findings import WORST_FIRST
from bot.runbook.showing import details_from_json
from bot.runbook.step import Step
from bot.store.tables import runs, steps


@dataclass
class Results:
    inputs: RunbookInputs
    run: Run
    given: dict[str, Any] = field(default_factory=dict)
    #: By action: what the run has made through it and not taken back; not what was so already.
    made: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    found: dict[str, Found[Any]] = field(default_factory=dict)

    def find(self, key: str, found: Found[Any]) -> None:
        self.found[key] = found
        self.given[key] = found.facts

    def apply(self, key: str, plan: Plan[Change], at: datetime) -> None:
        self.given[key], self.made[key] = Done(plan.changes, at), plan.changes

    def undo_of(self, key: str) -> Plan[Change] | Nothing:
        made = self.made.get(key, ())
        back = tuple(undo for change in reversed(made) if (undo := change.undo()))
        if not made or len(back) < len(made):
            return Nothing("Not all of it can be taken back" if made else "Nothing was changed")
        return Plan(back, because="Takes back what was applied before")


def read_results(c: sa.Connection, run_id: str, book: Runbook, kinds: Kinds) -> Results:
    """Raises Outdated when the book's values changed since the run wrote them."""
    row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one()
    run = Run(id=row.id, started_at=moment(row.started_at), started_by=row.started_by)
    try:
        results = Results(book.inputs.model_validate_json(row.inputs), run)
        stored = c.execute(sa.select(steps).where(steps.c.run == run_id)).all()
        for one in stored:
            if one.key in book.steps and one.status in (*HAS_RESULT, *WORST_FIRST):
                _read(results, book.steps[one.key], one, kinds)
        for step in book.steps.values():
            if step.kind == "action":
                results.made[step.key] = made_by(c, run_id, step.key, kinds)
    except (ValidationError, KeyError) as error:
        raise Outdated(
            "this run was started on an older version of the runbook, and what it found then"
            " cannot be read by this one. Start the runbook anew."
        ) from error
    return results


def _read(results: Results, step: Step, row: Any, kinds: Kinds) -> None:
    stored: Any = None if row.result is None else json.loads(row.result)
    if step.kind in ("check", "watch"):
        facts = None if stored is None else _value(step, stored)
        details = details_from_json(json.loads(row.details))
        results.find(step.key, Found(row.status, row.says, facts, details))
    elif step.kind == "action":
        results.given[step.key] = done_from_json(stored, kinds)
    elif stored is not None and step.gives.result is not None:
        results.given[step.key] = _value(step, stored)


def _value(step: Step, stored: Any) -> Any:
    kind: Any = step.gives.result
    return kind.model_validate_json(json.dumps(stored))


def done_as_json(plan: Plan[Change], at: float) -> dict[str, Any]:
    calls = [[type(change).__name__, change.model_dump(mode="json")] for change in plan.changes]
    return {"changes": calls, "at": at}


def done_from_json(stored: Mapping[str, Any], kinds: Kinds) -> Done[Change]:
    calls = tuple(kinds[kind](**fields) for kind, fields in stored["changes"])
    return Done(calls, moment(stored["at"]))
