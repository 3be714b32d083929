"""
The text of a plan: what is shown, approved, stored and applied are one and the same text.

Its digest names the run, the runbook and its version, the step, and every change with its
arguments and what it expects to replace.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.access.acts import Touched
from bot.runbook.changes import Change, Plan, digest, dump, load
from bot.runbook.errors import Outdated
from bot.runbook.outline import Outline

#: Every kind of change that can be made here, by its name.
Kinds = Mapping[str, type[Change]]


@dataclass(frozen=True)
class PlanText:
    text: str
    digest: str


def compose(
    run_id: str, outline: Outline, step: str, plan: Plan[Change], **more: object
) -> PlanText:
    """`more`: when it is taken back by itself, or what it takes back."""
    version = digest(json.dumps(outline.as_json(), sort_keys=True))
    text = json.dumps(
        {
            "run": run_id,
            "book": outline.book,
            "version": version,
            "step": step,
            "plan": json.loads(dump(plan)),
            **more,
        },
        sort_keys=True,
    )
    return PlanText(text, digest(text))


def calls_of(text: str) -> list[Any]:
    """Kind and fields of each change, whether or not this version of the bot can read them."""
    calls: list[Any] = json.loads(text)["plan"][0]
    return calls


def parse(text: str, kinds: Kinds) -> Plan[Change]:
    """Raises Outdated when the plan was made by a version whose changes read otherwise."""
    return load(json.dumps(json.loads(text)["plan"]), kinds)


def what_to_type(changes: Sequence[Change]) -> str:
    """The name of the target an approver types: the last part of the worst change's lock."""
    worst = max(changes, key=lambda change: change.effect, default=None)
    target = worst.target() if worst else ""
    return target.rsplit("/", 1)[-1].strip() or target.strip()


def touched(changes: Iterable[Change]) -> tuple[Touched, ...]:
    """What the policy judges of them."""
    return tuple(Touched(one.effect.name, one.target(), one.ours) for one in changes)


def is_readable(text: str, kinds: Kinds) -> bool:
    """Whether this version of the bot would carry out the plan as it was made."""
    try:
        return bool(parse(text, kinds).changes)
    except Outdated:
        return False
