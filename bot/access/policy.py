"""
The policy file as data: who has which role, who may start and lead and approve what, and when
nothing is changed. Nothing is allowed unless a rule allows it; a freeze only takes away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from bot.access.acts import Frozen
from bot.access.hours import Hours
from bot.access.inputs import Schema, wrong_input
from bot.access.patterns import matches
from bot.access.table import Table

ROLES = (
    "viewer",
    "responder",
    "operator",
    "approver",
    "dba",
    "security",
    "leadership",
    "admin",
)
#: Who reviews a broken glass when the policy says nothing of it.
REVIEWERS = ("approver", "security", "leadership", "admin")
#: Written in a list of roles: every active, full member of the workspace.
ANYONE = "anyone"


@dataclass(frozen=True)
class Known:
    """What a policy may name: handed to the models as pydantic's context."""

    roles: frozenset[str]
    books: Mapping[str, Schema | None]  #: Id -> JSON schema of its inputs; None: only prose.


def _known(info: ValidationInfo) -> Known | None:
    known = info.context
    return known if isinstance(known, Known) else None


def among(words: Iterable[str]) -> str:
    return ", ".join(words)


def meant(strange: str, words: Iterable[str]) -> str:
    nearest = get_close_matches(strange, list(words), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _words(value: Any) -> Any:
    """One word where a list is wanted is a mistake that would be read as its letters."""
    if not isinstance(value, list | tuple):
        raise ValueError('is a list, such as ["one", "two"]')
    if twice := sorted({str(one) for one in value if value.count(one) > 1}):
        raise ValueError(f"has {among(twice)} twice")
    return tuple(value)


def _real_roles(roles: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if known := _known(info):
        there = sorted(known.roles | {ANYONE})
        if strange := [role for role in roles if role not in there]:
            raise ValueError(
                f"has {among(strange)}, and there are the roles {among(there)}"
                f"{meant(strange[0], there)}"
            )
    return roles


def _real_books(patterns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if known := _known(info):
        strange = [p for p in patterns if not any(matches(p, book) for book in known.books)]
        if strange:
            raise ValueError(
                f"has {among(strange)}, and no runbook is called so"
                f"{meant(strange[0], known.books)}"
            )
    return patterns


Word = Annotated[str, StringConstraints(min_length=1)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_words)]
Roles = Annotated[Words, AfterValidator(_real_roles)]
SomeRoles = Annotated[Roles, Field(min_length=1)]
Patterns = Annotated[Words, Field(min_length=1)]
Books = Annotated[Patterns, AfterValidator(_real_books)]
UserId = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9-]+$")]
GroupId = Annotated[str, StringConstraints(pattern=r"^S[A-Z0-9-]+$")]


class RoleMembers(Table):
    """Who has a role: by user id, or as a member of a Slack user group."""

    users: Annotated[tuple[UserId, ...], BeforeValidator(_words)] = ()
    groups: Annotated[tuple[GroupId, ...], BeforeValidator(_words)] = ()


Allowed = Annotated[tuple[str | int | float | bool, ...], BeforeValidator(_words)]


def _real_inputs(inputs: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    known, patterns = _known(info), info.data.get("runbooks", ())
    wrong = [
        why
        for book, schema in (known.books if known else {}).items()
        if schema is not None and any(matches(pattern, book) for pattern in patterns)
        for field, values in inputs.items()
        if (why := wrong_input(book, schema, field, values))
    ]
    if wrong:
        raise ValueError(f"cannot be: {'; '.join(wrong)}")
    return inputs


class RunRule(Table):
    """Who may start, or lead, which runbooks, with which inputs."""

    roles: SomeRoles
    runbooks: Books
    #: Field -> what it may be: values, or patterns.
    inputs: Annotated[dict[str, Allowed], AfterValidator(_real_inputs)] = Field(
        default_factory=dict, validation_alias="with"
    )
    environments: Patterns = ("*",)
    hours: Hours | None = None


class ApproveRule(Table):
    """Who may approve which effect on which targets. It narrows what a step demands."""

    roles: SomeRoles
    effects: Annotated[
        tuple[Literal["CHANGE", "DESTROY"], ...], BeforeValidator(_words), Field(min_length=1)
    ] = ("CHANGE", "DESTROY")
    targets: Patterns = ("*",)
    environments: Patterns = ("*",)
    hours: Hours | None = None


def _written(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError("is a date and time such as 2026-11-26T00:00:00Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_written)]


class FreezeWindow(Table):
    """A time in which nothing is changed at its targets."""

    name: Word
    why: str = ""
    targets: Patterns = ("*",)
    environments: Patterns = ("*",)
    begins: Instant | None = Field(default=None, validation_alias="from")
    ends: Instant | None = Field(default=None, validation_alias="until")
    hours: Hours | None = None

    @model_validator(mode="after")
    def _is_one_time(self) -> "FreezeWindow":
        dated = self.begins is not None and self.ends is not None
        if dated == (self.hours is not None) or (self.begins is None) != (self.ends is None):
            raise ValueError("has either from and until, or hours")
        if self.begins and self.ends and self.begins >= self.ends:
            raise ValueError("ends before it begins")
        return self

    def holds(self, at: datetime) -> bool:
        if self.hours:
            return self.hours.hold(at)
        assert self.begins and self.ends
        return self.begins <= at < self.ends

    def frozen(self) -> Frozen:
        if self.hours:
            lasts = self.hours.says()
        else:
            lasts = f"{self.begins:%Y-%m-%d %H:%M %Z} to {self.ends:%Y-%m-%d %H:%M %Z}"
        return Frozen(self.why, self.name, lasts, self.targets)


def _not_anyone(roles: tuple[str, ...]) -> tuple[str, ...]:
    if ANYONE in roles:
        raise ValueError(f"cannot be for {ANYONE}: name the roles")
    return roles


class May(Table):
    """Who may do what is done to no runbook. An empty list: nobody."""

    read: Roles = (ANYONE,)
    freeze: Roles = ()
    read_audit: Roles = ()
    break_glass: Annotated[Roles, AfterValidator(_not_anyone)] = ()
    #: Look at it afterwards: never whoever broke the glass, or had asked for the change.
    review: Annotated[Roles, AfterValidator(_not_anyone)] = REVIEWERS


def _each_once(rules: tuple[Any, ...]) -> tuple[Any, ...]:
    for number, rule in enumerate(rules, start=1):
        if (first := rules.index(rule) + 1) < number:
            raise ValueError(f"rule {number} says the same as rule {first}")
    return rules


def _each_its_name(windows: tuple[FreezeWindow, ...]) -> tuple[FreezeWindow, ...]:
    names = [window.name for window in windows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two windows are called {among(twice)}")
    return windows


def _not_everybodys(roles: dict[str, RoleMembers]) -> dict[str, RoleMembers]:
    if ANYONE in roles:
        raise ValueError(f"{ANYONE} is no role to give: it is everybody's already")
    return roles


class Policy(Table):
    roles: Annotated[dict[Word, RoleMembers], AfterValidator(_not_everybodys)] = Field(
        default_factory=dict
    )
    #: User ids that are the same human.
    aliases: tuple[Annotated[tuple[UserId, ...], Field(min_length=2)], ...] = ()
    may: May = May()
    start: Annotated[tuple[RunRule, ...], AfterValidator(_each_once)] = ()
    lead: Annotated[tuple[RunRule, ...], AfterValidator(_each_once)] = ()
    approve: Annotated[tuple[ApproveRule, ...], AfterValidator(_each_once)] = ()
    freeze: Annotated[tuple[FreezeWindow, ...], AfterValidator(_each_its_name)] = ()

    def freezes(self, at: datetime, environment: str) -> tuple[Frozen, ...]:
        """The windows that are on."""
        return tuple(
            window.frozen()
            for window in self.freeze
            if window.holds(at) and any(matches(p, environment) for p in window.environments)
        )


_LEADERS = tuple(role for role in ROLES if role != "viewer")
_EVERY_RUN = RunRule(roles=_LEADERS, runbooks=("*",))

#: What holds when there is no policy file: every role but viewer starts, leads and can stop
#: everything, and whoever has the role that a step demands approves it. Nobody has a role.
DEFAULT = Policy(
    may=May(freeze=_LEADERS, read_audit=("security", "leadership", "admin")),
    start=(_EVERY_RUN,),
    lead=(_EVERY_RUN,),
    approve=(ApproveRule(roles=(ANYONE,)),),
)
