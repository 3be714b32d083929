"""
Calls a step's function with what it asks for, within its time limit, and reads its answer.

The step boundary: whatever a book's code raises ends here, as a sentence on its own step. A check
that could not finish is unknown, never ok; its siblings go on.
"""

import asyncio
import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.engine.reminding import reminders
from bot.engine.reports import Draft, Report
from bot.engine.results import Results
from bot.engine.returning import check_returns
from bot.engine.systems import Systems
from bot.runbook import Company, Findings, Found, Nothing, Plan, RunbookInputs, Seen, Thresholds
from bot.runbook.changes import Change
from bot.runbook.errors import Refused, StepError
from bot.runbook.findings import Watched
from bot.runbook.questions import Question, Todo
from bot.runbook.showing import details_as_json, duration_text
from bot.runbook.step import Gate, Need, Step
from bot.runbook.values import storable
from bot.secrets.redaction import REDACTOR
from bot.store.store import StoreAway

log = logging.getLogger(__name__)

#: Seconds that a step's function has when the book sets no limit, and one look at a target.
CALL_LIMIT_S = 60.0
LOOK_LIMIT_S = 20.0


@dataclass(frozen=True)
class Surroundings:
    """What steps may ask for by type besides their run: outside systems, names, thresholds."""

    systems: Systems
    company: Company = field(default_factory=Company)
    thresholds: Mapping[type[Thresholds], Thresholds] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """`outcome` is one that the conductor knows, or `not yet`, `planned`, `asked`."""

    outcome: str
    report: Report


async def call(step: Step, results: Results, around: Surroundings) -> Any:
    """What the function answers. Raises what it raises."""
    answer = step.run(**{need.name: value_of(need, results, around) for need in step.needs})
    return await answer if inspect.isawaitable(answer) else answer


async def call_within(step: Step, results: Results, around: Surroundings) -> Any:
    """As `call`, but a check or watch that could not finish is unknown. Raises StepError."""
    limit = step.limit.total_seconds() if step.limit else CALL_LIMIT_S
    try:
        async with asyncio.timeout(limit):
            return await call(step, results, around)
    except StepError as error:
        failure = error
    except TimeoutError:
        failure = StepError(f"No answer within {limit:g} s: what was asked may be down or slow")
    except asyncio.CancelledError:
        if is_cancelled_here():
            raise
        failure = StepError("What was asked broke off without an answer")
    except Exception:
        log.exception("%s failed in its own code", step.key)
        failure = StepError(
            f"The step {step.key} failed in its own code. The bot's log says where; nothing was"
            " changed by it."
        )
    if step.kind in ("check", "watch"):
        return Found("unknown", str(failure), None)
    raise failure


def value_of(need: Need, results: Results, around: Surroundings) -> Any:
    if need.source == "result":
        assert need.step
        return results.given.get(need.step)
    if need.source == "adapter":
        return around.systems.adapter(need.wanted)
    if need.source == "thresholds":
        return around.thresholds.get(need.wanted) or need.wanted()
    by_type: Mapping[str, Any] = {
        "inputs": results.inputs,
        "run": results.run,
        "findings": Findings(dict(results.found)),
        "company": around.company,
    }
    return by_type[need.source]


def is_final(step: Step, reading: Watched[Any]) -> bool:
    """Whether a watch ends with this reading."""
    assert step.timing
    if not isinstance(reading, Found):
        return False
    return reading.verdict == "problem" or reading.verdict == step.timing.until


def check_promise(step: Step, answer: Any) -> None:
    """
    Raises StepError for a plan that is more than the step's signature says: people saw the
    outline, and rely on who must agree to what.
    """
    if not isinstance(answer, Plan):
        return
    if step.gate and step.gate.unattended:
        check_ours(answer)
    for change in answer.changes:
        if type(change) not in step.gives.changes:
            raise StepError(f"Not done: {step.key} does not announce {type(change).__name__}")


def check_ours(plan: Plan[Change]) -> None:
    """Of a plan that nobody has to approve. Raises StepError."""
    for change in plan.changes:
        if not change.ours:
            raise StepError(f"Not done: {change.command()} needs an approval, and none is asked")


async def read_answer(answer: Any, systems: Systems, gate: Gate | None = None) -> Answered:
    """
    Any answer but a watch's reading, as an outcome and what is stored of it. `gate`: who must
    agree, if it is a plan.
    """
    if isinstance(answer, Nothing):
        return Answered("nothing", Report(says=answer.reason, has_result=True))
    if isinstance(answer, Found):
        return Answered(answer.verdict, report_of(answer))
    if isinstance(answer, Plan):
        return await _planned(answer, systems, gate)
    if isinstance(answer, RunbookInputs):
        stored = answer.model_dump(mode="json")
        return Answered("mapped", Report(result=stored, has_result=True))
    if isinstance(answer, Question):
        return Answered("asked", Report(says=answer.text, question=_question(answer)))
    assert isinstance(answer, Todo)
    return Answered("asked", Report(says=answer.text, question=_todo(answer)))


def report_of(found: Found[Any]) -> Report:
    facts = None if found.facts is None else found.facts.model_dump(mode="json")
    details = details_as_json(found.details)
    return Report(says=found.summary, result=facts, has_result=True, details=details)


def time_is_up(step: Step, reading: Watched[Any], worst: Found[Any] | None) -> Found[Any]:
    """The verdict of a watch whose time ran out."""
    assert step.timing
    if step.timing.until == "problem" and worst:
        return worst
    verdict = reading.verdict if isinstance(reading, Found) else "problem"
    if step.timing.until == "ok" and verdict != "unknown":
        verdict = "problem"
    says = f"Not within {duration_text(step.timing.lasting)}: {reading.summary}"
    details = reading.details if isinstance(reading, Found) else {}
    return Found(verdict, says, reading.facts, details)


async def look(change: Change, systems: Systems) -> Seen:
    """
    What is at a change's target now; unreadable, with the reason, when that cannot be told. Raises
    StoreAway when the bot's own store does not answer.
    """
    seen = await _look(change, systems)
    return Seen(seen.state, storable(seen.now))


async def _look(change: Change, systems: Systems) -> Seen:
    try:
        async with asyncio.timeout(LOOK_LIMIT_S):
            return await systems.hand(change).observe(change)
    except StepError as error:
        return Seen("unreadable", str(error))
    except TimeoutError:
        return Seen("unreadable", f"{change.target()} did not answer within {LOOK_LIMIT_S:g} s")
    except asyncio.CancelledError:
        if is_cancelled_here():
            raise
        return Seen("unreadable", f"reading {change.target()} was cut short")
    except StoreAway:
        raise  # what is our own is looked for there; without it nothing can be told or noted
    except Exception:
        log.exception("looking at %s failed in its own code", change.target())
        return Seen("unreadable", f"{change.target()} could not be read; the bot's log says why")


def is_cancelled_here() -> bool:
    """False for a CancelledError that an outside system's client let slip: nobody stops us."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _planned(plan: Plan[Change], systems: Systems, gate: Gate | None) -> Answered:
    check_returns(plan)
    plan = _without_secrets(plan)
    seen = [await look(change, systems) for change in plan.changes]
    if all(one.state == "applied" for one in seen):
        says = "Already so: " + "; ".join(one.now for one in seen)
        return Answered("nothing", Report(says=says, has_result=True))
    draft = Draft(plan, tuple(one.now for one in seen), gate)
    return Answered("planned", Report(says=plan.because, draft=draft))


def _without_secrets(plan: Plan[Change]) -> Plan[Change]:
    """
    What is only said is redacted; what is to be done cannot be done otherwise than as it is shown.
    Raises Refused.
    """
    for change in plan.changes:
        if REDACTOR.holds(change.model_dump_json()):
            raise Refused(
                f"{type(change).__name__} of {REDACTOR.text(change.target())} would put a secret"
                " before everybody who may see this plan. Nothing was changed: do it by hand."
            )
    because, beware = REDACTOR.text(plan.because), REDACTOR.text(plan.beware)
    return replace(plan, because=because, beware=beware)


def _todo(asked: Todo) -> dict[str, Any]:
    owner = asked.owner.user_id if asked.owner else ""
    return {"kind": "confirm", "text": asked.text, "owner": owner, **_clock(asked)}


def _clock(asked: Todo | Question[Any]) -> dict[str, Any]:
    if asked.by is None:
        return {"by": None}
    by = asked.by.timestamp()
    return {"by": by, "remind": reminders(by, asked.remind)}


def _question(asked: Question[Any]) -> dict[str, Any]:
    proposed = asked.proposed.model_dump(mode="json") if asked.proposed else None
    return {
        **_clock(asked),
        "kind": "ask",
        "text": asked.text,
        "schema": asked.answer.model_json_schema(),
        "choices": [[one.label, one.value.model_dump(mode="json")] for one in asked.choices],
        "proposed": proposed,
    }
