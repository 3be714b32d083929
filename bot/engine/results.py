"""What a run knows so far: what each step gave and found, read back from its rows by type."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from bot.engine.plans import Kinds
from bot.engine.reading import moment
from bot.engine.state import HAS_RESULT
from bot.engine.versions import OfAnotherVersion
from bot.runbook import Found, Nothing, Plan, Run, Runbook, RunbookInputs
from bot.runbook.changes import Change, Done
from bot.runbook.findings import WORST_FIRST
from bot.runbook.outline import Outline
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


def undo_of(made: Sequence[Change]) -> Plan[Change] | Nothing:
    """What takes back what was made, the last of it first."""
    back = tuple(undo for change in reversed(made) if (undo := change.undo()))
    if not made or len(back) < len(made):
        return Nothing("Not all of it can be taken back" if made else "Nothing was changed")
    return Plan(back, because="Takes back what was applied before")


def read_results(
    c: sa.Connection, run_id: str, book: Runbook, step: Step, plan: Outline, kinds: Kinds
) -> Results:
    """
    What the step asks for, and nothing else. `plan`: the outline that the run was started with.
    Raises OfAnotherVersion for what another version of the bot wrote and this one cannot read.
    """
    row = c.execute(sa.select(runs).where(runs.c.id == run_id)).one()
    run = Run(id=row.id, started_at=moment(row.started_at), started_by=row.started_by)
    results = Results(RunbookInputs(), run)
    sources = {need.source for need in step.needs}
    if "inputs" in sources:
        with _readable("what the run was started with"):
            results.inputs = book.inputs.model_validate_json(row.inputs)
    wanted = {need.step for need in step.needs}
    was = {one.key: one for section in plan.sections for one in section.steps}
    for one in c.execute(sa.select(steps).where(steps.c.run == run_id)).all():
        giver = book.steps.get(one.key)
        if giver is None or one.status not in (*HAS_RESULT, *WORST_FIRST):
            continue
        if one.key in wanted or ("findings" in sources and giver.kind in ("check", "watch")):
            with _readable(f'what "{was[one.key].title}" gave'):
                if giver.kind != was[one.key].kind:
                    raise KeyError(giver.kind)
                _read(results, giver, one, kinds)
    _check_whole(results, step, plan)
    return results


def _check_whole(results: Results, step: Step, plan: Outline) -> None:
    """That the run waited for all that this version of the step needs."""
    waited_for = plan.step(step.key).after
    for need in step.needs:
        is_sure = need.step is None or need.optional or waited_for.get(need.step)
        if not is_sure and results.given.get(need.step or "") is None:
            raise OfAnotherVersion(
                f"In this version of the runbook {step.key} needs what {need.step} gives, and"
                " this run has nothing of it."
            )


@contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except (ValidationError, KeyError, TypeError) as error:
        raise OfAnotherVersion(
            f"Another version of the bot wrote down {what}, and this one cannot read it. What was"
            " found by a check can be read anew: re-check it, then try again."
        ) from error


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


def done_as_json(calls: Sequence[Any], at: float) -> dict[str, Any]:
    """`calls`: kind and fields of each change."""
    return {"changes": list(calls), "at": at}


def done_from_json(stored: Mapping[str, Any], kinds: Kinds) -> Done[Change]:
    calls = tuple(kinds[kind](**fields) for kind, fields in stored["changes"])
    return Done(calls, moment(stored["at"]))
