"""
What somebody wants to do, the moment they want it in, and the answer. Plain data.

An act names what it is done to and nothing else: no payload, no button, no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.access.patterns import any_matches


@dataclass(frozen=True)
class Read:
    """Look at runbooks, runs, plans and timelines."""


@dataclass(frozen=True)
class Start:
    """`inputs` as JSON; None: with whichever inputs, which is what a menu asks."""

    book: str
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Lead:
    """Pick, take back, do again, go on, finish, cancel. `inputs` are those of the run."""

    book: str
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """Answer what a run asks, or say whether something happened."""

    book: str
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Schedule:
    """
    Have a runbook started by the clock; with `added_by`, pause, resume or remove the schedule that
    this person added, or (empty) that the runbook itself declares.
    """

    book: str
    inputs: Mapping[str, Any] | None = None
    added_by: str | None = None


@dataclass(frozen=True)
class Touched:
    """What one change of a plan is done to."""

    effect: str  #: CHANGE or DESTROY.
    target: str
    ours: bool = False  #: Nothing but our own channel, pager or tickets.


@dataclass(frozen=True)
class Approve:
    """`approved_by`: who agreed to the same plan before, in that order."""

    role: str  #: Which the runbook's step demands. The policy can only narrow it.
    touches: tuple[Touched, ...]
    requested_by: str = ""
    approved_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deny:
    role: str


@dataclass(frozen=True)
class Freeze:
    """Throw the stop switch, or release it."""


@dataclass(frozen=True)
class ReadAudit:
    """Read the audit log."""


@dataclass(frozen=True)
class BreakGlass:
    """Have a change made that nobody else approved, or that a freeze is in the way of."""


@dataclass(frozen=True)
class Review:
    """Look afterwards at a glass that was broken, and say so. Empty: at any."""

    broken_by: str = ""
    requested_by: str = ""  #: Who had asked for the change.


Act = (
    Read
    | Start
    | Lead
    | Answer
    | Schedule
    | Approve
    | Deny
    | Freeze
    | ReadAudit
    | BreakGlass
    | Review
)


@dataclass(frozen=True)
class Frozen:
    """Changes are not to be made: by the stop switch, or by a window of the policy."""

    why: str = ""
    window: str = ""  #: Its name; empty: the stop switch.
    lasts: str = ""  #: Of a window, in words.
    targets: tuple[str, ...] = ("*",)
    by: str = ""  #: Who threw the switch, by immutable id;
    by_name: str = ""  #: and as they were called then.
    since: datetime | None = None

    def says(self, at: datetime) -> str:
        """`frozen by @dana at 14:02 UTC: the primary is odd`."""
        why = f": {self.why}" if self.why else ""
        if self.window:
            return f"frozen by the change freeze {self.window} ({self.lasts}){why}"
        since = self.since or at
        day = "" if since.astimezone(UTC).date() == at.astimezone(UTC).date() else "%Y-%m-%d "
        return f"frozen by @{self.by_name} at {since.astimezone(UTC):{day}%H:%M} UTC{why}"

    def covers(self, touched: Touched) -> bool:
        return not touched.ours and any_matches(self.targets, touched.target)


@dataclass(frozen=True)
class Moment:
    """When and where it is wanted. `at` is aware; `stopped` is the switch, when it is thrown."""

    at: datetime
    environment: str = "production"
    stopped: Frozen | None = None


@dataclass(frozen=True)
class Allowed:
    rule: str  #: Which one, as the file names it: `[[start]] rule 2`.


@dataclass(frozen=True)
class Denied:
    """`why` is told to that person; `fields` are the inputs that stand in the way."""

    why: str
    fields: Mapping[str, str] = field(default_factory=dict)
