"""What a piece of work, or a person, brings along with an event: stored with the step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.runbook.changes import Change, Plan
from bot.runbook.step import Gate
from bot.runbook.values import all_storable, storable


@dataclass(frozen=True)
class Draft:
    """A plan as an action made it, and what was seen at each of its targets."""

    plan: Plan[Change]
    now: tuple[str, ...]
    gate: Gate | None = None  #: Who must agree to it, as this version of the runbook has it.


@dataclass(frozen=True)
class Report:
    says: str = ""
    result: Any = None  #: JSON: what later steps get.
    has_result: bool = False  #: Whether `result` replaces what an earlier attempt gave.
    details: Mapping[str, Any] = field(default_factory=dict)
    progress: float | None = None
    draft: Draft | None = None
    question: Mapping[str, Any] | None = None  #: JSON of what a person is asked.

    def __post_init__(self) -> None:
        object.__setattr__(self, "says", storable(self.says))
        object.__setattr__(self, "result", all_storable(self.result))
        object.__setattr__(self, "details", all_storable(self.details))
