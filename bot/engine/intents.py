"""
What people want, and what they are told at once.

Each intent is durable when the engine answers; a duplicate (same `key`) answers the same and does
nothing. A refusal consumes nothing and is said to that person alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol

from bot.access.acts import Act, Frozen
from bot.access.member import Member
from bot.engine.record import ApprovalRecord, OpenReview, Origin, QuestionRecord, RunRecord
from bot.engine.scheduled import ScheduleRecord, Way
from bot.runbook.outline import Outline
from bot.store.chain import Entry
from bot.store.verifying import Verdict

#: Said of what this version of the bot does not know while another one runs beside it.
BEING_REPLACED = (
    "The bot is being replaced by another version just now: if this is new, type it again in a"
    " moment."
)
Truth = Literal["done", "not done", "stop"]


@dataclass(frozen=True)
class Actor:
    """A person, by immutable ids. `via` is the alias they came by: slack or terminal."""

    user_id: str
    team_id: str
    via: str = "slack"


@dataclass(frozen=True)
class Started:
    run_id: str
    is_new: bool = True  #: False: the same intent was delivered before.


@dataclass(frozen=True)
class Refusal:
    """
    Why not, and what to do. `fields` names the inputs that are wrong, for a modal; `nearest` are
    ids that may have been meant; `decided_by` are the ids of those who were first.
    """

    why: str
    fields: Mapping[str, str] = field(default_factory=dict)
    nearest: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Noted:
    """It was taken in. `says` is what the person is told."""

    says: str = ""


@dataclass(frozen=True)
class StartRun:
    book_id: str
    inputs: Mapping[str, Any]
    by: Actor
    origin: Origin
    key: str  #: The delivery's own id: a trigger id, a view's id.
    dry: bool = False


@dataclass(frozen=True)
class NewSchedule:
    """What somebody wants to be started by the clock. `zone`: empty is the company's."""

    book: str
    inputs: Mapping[str, Any]
    cron: str
    zone: str
    by: Actor
    origin: Origin
    key: str


@dataclass(frozen=True)
class NotedStart:
    """A start that was acknowledged and is not begun, and for how long."""

    intent: StartRun
    waited: timedelta


class Directory(Protocol):
    """Who is who. It fails closed: what cannot be read is Unreachable, never an empty answer."""

    async def member(self, user_id: str) -> Member: ...


class Desk(Protocol):
    """What Slack's listeners and the terminal ask of the engine."""

    @property
    def books(self) -> Mapping[str, Outline]: ...

    @property
    def on_paper(self) -> Mapping[str, str]:
        """Runbooks that people still follow in prose: title by id."""

    async def is_being_replaced(self) -> bool:
        """Whether another version of the bot runs beside this one, which may know other books."""

    async def judge(self, by: Actor, act: Act, about: str = "") -> Member | Refusal:
        """Whether they may do this now. A refusal is an entry in the audit log, with `about`."""

    def why_not(self, member: Member, act: Act) -> str:
        """For menus, which offer only what one may do: '' when they may. Nothing is written."""

    async def note_start(self, intent: StartRun) -> Noted | Refusal:
        """
        Durable when it answers, and not judged: `start_run` does that. Refused is what can be seen
        to be wrong without asking anybody.
        """

    async def start_run(self, intent: StartRun) -> Started | Refusal:
        """Judged now. Once begun, it is noted no more."""

    async def forget_start(self, key: str) -> None:
        """It was refused, and its person told."""

    async def noted_starts(self) -> Sequence[NotedStart]:
        """Left by an earlier life, oldest first."""

    async def pick(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        """Ask for the plan of an action of a pick or standby section."""

    async def undo(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal: ...

    async def close(self, run_id: str, section: str, by: Actor, key: str) -> Noted | Refusal:
        """Nothing more is to be picked from this section: the run goes on."""

    async def again(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        """Do a step again that is over: a re-check, or a new plan for what was not applied."""

    async def go_on(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        """Go on over a step that holds the run."""

    async def pause(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        """What is being applied in parts waits after the one that it is at."""

    async def resume(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        """What was paused goes on where it was."""

    async def halt(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        """What is being applied in parts, or paused, ends there."""

    async def cancel(self, run_id: str, by: Actor, key: str) -> Noted | Refusal: ...

    async def decide(
        self, approval_id: str, by: Actor, approves: bool, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        """`typed`: what was typed to approve a DESTROY. A denial needs a reason."""

    async def break_glass(
        self, approval_id: str, by: Actor, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        """A pending plan goes through without its quorum, and also while changes are frozen."""

    async def review(self, approval_id: str, by: Actor, found: str, key: str) -> Noted | Refusal:
        """Somebody else has looked at a broken glass, and says what they found."""

    async def reviews(self) -> Sequence[OpenReview]:
        """Broken glass that nobody else has looked at yet, the oldest first."""

    async def answer(
        self, question_id: str, by: Actor, answer: Mapping[str, Any], key: str
    ) -> Noted | Refusal:
        """`answer` by field; empty for a confirm. A wrong field is a Refusal with `fields`."""

    async def resolve(
        self, question_id: str, by: Actor, truth: Truth, key: str
    ) -> Noted | Refusal:
        """A person says whether an unsure change happened."""

    async def schedules(self) -> Sequence[ScheduleRecord]:
        """What is started by the clock: first what goes on, in the order in which it comes."""

    async def add_schedule(self, wanted: NewSchedule) -> Noted | Refusal: ...

    async def change_schedule(
        self, way: Way, schedule_id: str, by: Actor, key: str
    ) -> Noted | Refusal: ...

    async def freeze(self, by: Actor, reason: str, key: str) -> Noted | Refusal:
        """Stops all changes to outside systems at once."""

    async def thaw(self, by: Actor, reason: str, key: str) -> Noted | Refusal: ...

    async def freezes(self) -> Sequence[Frozen]:
        """What is not to be changed now, and why."""

    async def turned_away(self, why: str, by: str, more: int) -> None:
        """Notes what was refused at the door, and how many more there were before it."""

    async def record(self, run_id: str) -> RunRecord | None: ...

    async def recent(self, limit: int = 20, active: bool = False) -> Sequence[RunRecord]:
        """Runs, newest first."""

    async def approval(self, approval_id: str) -> tuple[ApprovalRecord, RunRecord] | None: ...

    async def plan_text(self, approval_id: str, by: Actor) -> str | None:
        """The stored text that the digest is of. Who looks is written down."""

    async def question(self, question_id: str) -> tuple[QuestionRecord, RunRecord] | None: ...

    async def audit(self, run_id: str, by: Actor) -> Sequence[Entry] | Refusal:
        """What the audit log has of a run, in its order. Who looks is written down."""

    async def verdict_until(self, seq: int) -> Verdict:
        """Whether the audit log is whole from its beginning to this entry."""

    async def menus(self, book_id: str) -> Mapping[str, Sequence[str]]:
        """Live choices for input fields. A field that cannot be read is left out."""
