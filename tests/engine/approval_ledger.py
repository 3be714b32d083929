"""
What the approval machine writes down of what people did and of the papers that came of it, and the
rows of the store as they are at one moment.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import sqlalchemy as sa

from bot.engine.applying import NAMESPACE
from bot.engine.freezes import SWITCH
from bot.engine.intents import Noted, Refusal, Started
from bot.engine.state import RunState
from bot.store.tables import (
    audit,
    broken_glass,
    changes,
    decisions,
    freezes,
    locks,
    plans,
    runs,
    waits,
    work,
)
from tests.engine.approval_book import NEEDS
from tests.engine.approval_town import name

Answer = Noted | Refusal | Started | None
Deed = Literal["yes", "no", "broken glass", "review"]
Now = tuple[float, int]


@dataclass(eq=False)
class Click:
    """
    Somebody pressed a button of a request. No answer: the bot died over it. `number` and `ended`
    are in the order of all that happened.
    """

    number: int
    life: str
    by: str
    approval: str
    does: Deed
    reason: str  #: Of a review: what was found.
    typed: str
    key: str
    label: str  #: Of the approval.
    repeats: bool = False  #: The same delivery, once more.
    task: asyncio.Task[Any] | None = None
    answer: Answer = None
    ended: int = 0
    ended_at: float = 0.0  #: By the loop.

    @property
    def says(self) -> str:
        return f"{name(self.by)}'s {self.does} {'to' if self.decides else 'of'} {self.label}"

    @property
    def decides(self) -> bool:
        """By being one of those who are asked."""
        return self.does in ("yes", "no")


@dataclass(eq=False)
class Wish:
    """
    Anything else that somebody asked for. `number` and `ended` are in the order of all that
    happened, `began_at` and `at` (when it was answered) by the loop.
    """

    kind: str
    by: str
    run: str = ""
    step: str = ""
    number: int = 0
    ended: int = 0
    began_at: float = 0.0
    at: float = 0.0
    task: asyncio.Task[Any] | None = None
    answer: Answer = None

    @property
    def says(self) -> str:
        return f"{name(self.by)}'s {self.kind} {self.step}".rstrip()


@dataclass
class Paper:
    """A plan as it was when it was first seen."""

    id: str
    run: str
    step: str
    text: str
    digest: str
    requested_by: str
    expires_at: float
    status: str
    decisions: Sequence[Any] = ()
    tampered: bool = False
    glass: Any = None  #: The row of its broken glass.
    over_at: float | None = None  #: By the loop, from when nothing of it may be made.

    @classmethod
    def of(cls, row: Any) -> "Paper":
        return cls(
            row.id, row.run, row.step, row.text, row.digest, row.requested_by, row.expires_at,
            row.status,
        )  # fmt: skip

    @property
    def says(self) -> str:
        return f"{self.step} of {self.run} ({', '.join(kind for kind, _ in self.calls)})"

    @property
    def base(self) -> str:
        return self.step.removesuffix(".undo")

    @cached_property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        return [(kind, fields) for kind, fields in json.loads(self.text)["plan"][0]]

    @cached_property
    def keys(self) -> list[str]:
        return [key_of(self.id, number) for number in range(1, len(self.calls) + 1)]

    @property
    def type_to_approve(self) -> str:
        return next((fields["lamp"] for kind, fields in self.calls if kind == "Scrap"), "")

    def to_type(self, does: Deed) -> str:
        """'' when nothing need be typed."""
        if does == "broken glass":
            return self.type_to_approve or str(self.calls[0][1].get("lamp", ""))
        return self.type_to_approve if does == "yes" else ""

    @property
    def is_reviewed(self) -> bool:
        return self.glass is not None and self.glass.reviewed_at is not None

    @property
    def agreed(self) -> list[str]:
        return [one.by for one in self.decisions if one.approves]

    def deciders(self, otherwise: str) -> tuple[str, str]:
        """Two who have to do with it."""
        broken = [self.glass.by] if self.glass else []
        involved = [*broken, *self.agreed, otherwise, otherwise]
        return involved[0], involved[1]

    @property
    def role(self) -> str:
        """'' when nobody need agree."""
        return NEEDS.get(self.base, ("", 0))[0]

    @property
    def people(self) -> int:
        """0: nobody need agree."""
        if self.base not in NEEDS:
            return 0
        return max(NEEDS[self.base][1], 2 if self.type_to_approve else 1)


def key_of(plan_id: str, number: int) -> str:
    """The key that a call of this change carries."""
    return str(uuid.uuid5(NAMESPACE, f"{plan_id}/{number}"))


@dataclass(frozen=True)
class Rows:
    """
    `audit` are the entries that are new, `work` what is not finished; `at` is by the loop,
    `number` in the order of all that happened.
    """

    at: float
    number: int
    plans: Mapping[str, Any]
    decisions: Mapping[str, list[Any]]
    glass: Mapping[str, Any]
    changes: Mapping[str, list[Any]]
    work: Mapping[str, Any]
    waits: Sequence[Any]
    locks: Sequence[Any]
    audit: Sequence[Any]
    runs: Mapping[str, RunState]  #: Those that are not over.
    is_stopped: bool  #: The switch is thrown.

    def holders(self, waiting: Any) -> list[str]:
        targets = json.loads(waiting.targets)
        return [one.holder for one in self.locks if one.target in targets and one.holder]

    def locks_of(self, run: str, step: str) -> list[str]:
        work = f"{run}/{step}.apply#"
        return [one.target for one in self.locks if (one.holder or "").startswith(work)]

    def is_open(self, click: Click, paper: Paper) -> bool:
        """There is something to do for it."""
        if click.does == "review":
            return not paper.is_reviewed
        run = self.runs.get(paper.run)
        is_waiting = run is not None and run.status_of(paper.step) == "planned"
        return is_waiting and paper.status == "pending"

    def led_to(self, click: Click) -> list[Any]:
        """Rows that say that this person did that."""
        if click.decides:
            decided = self.decisions.get(click.approval, ())
            wanted = (click.by, click.does == "yes")
            return [one for one in decided if (one.by, bool(one.approves)) == wanted]
        glass = self.glass.get(click.approval)
        by = glass and (glass.by if click.does == "broken glass" else glass.reviewed_by)
        return [glass] if by == click.by else []


def read_rows(c: sa.Connection, after: int, now: Callable[[], Now]) -> Rows:
    """As they are at one moment."""
    if c.dialect.name == "postgresql":
        c.execute(sa.text("set transaction isolation level repeatable read"))
    going = runs.c.status.not_in(("finished", "cancelled"))
    states = c.execute(sa.select(runs.c.id, runs.c.state).where(going)).all()
    return Rows(
        *now(),
        {row.id: row for row in c.execute(sa.select(plans).order_by(plans.c.asked_at))},
        _by_plan(c, decisions.select().order_by(decisions.c.at)),
        {row.plan: row for row in c.execute(broken_glass.select())},
        _by_plan(c, changes.select().order_by(changes.c.number)),
        {row.id: row for row in c.execute(work.select().where(work.c.status != "finished"))},
        list(c.execute(waits.select().order_by(waits.c.run, waits.c.step))),
        list(c.execute(locks.select())),
        list(c.execute(audit.select().where(audit.c.seq > after).order_by(audit.c.seq))),
        {row.id: RunState.from_json(json.loads(row.state)) for row in states},
        bool(c.execute(sa.select(freezes.c.stands).where(freezes.c.name == SWITCH)).scalar_one()),
    )


def _by_plan(c: sa.Connection, query: sa.Select[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in c.execute(query):
        found.setdefault(row.plan, []).append(row)
    return found
