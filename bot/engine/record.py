"""
What is known of a run, as plain data: the one thing that Slack's views, the terminal, the
timeline and the tests read. Built from rows; holds nothing that could alter anything.

Times are aware UTC datetimes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from bot.access.acts import Frozen, Touched
from bot.engine.turned import Turn
from bot.runbook.findings import Details
from bot.runbook.outline import Outline
from bot.store.deliveries import Delivery

RunStatus = Literal["running", "cancelling", "finished", "stopped", "cancelled"]
StepStatus = Literal[
    "waiting",  # its turn has not come
    "working",  # its function is being called; a watch also waits in it between two readings
    "asked",  # a person is asked
    "planned",  # its plan waits for approval
    "applying",  # approved; waits for the target's lock, or is being applied
    "paused",  # a person has paused it, between two parts of its change
    "unsure",  # it is not known whether a change happened; a person must say
    "ok",
    "warning",
    "problem",
    "unknown",
    "given",  # applied, answered, ticked off, or mapped: later steps can have its result
    "nothing",  # nothing to do here, for a good reason
    "blocked",  # what it needs did not come
    "denied",
    "expired",
    "failed",
    "cancelled",
]
ApprovalStatus = Literal[
    "pending",
    "approved",
    "denied",
    "expired",
    "outdated",
    "cancelled",
    "frozen",  # approved, and not applied because of a freeze
    "glass broken",  # goes through without its quorum; never called approved
]
GLASS_BROKEN: ApprovalStatus = "glass broken"
#: Who has started what nobody has started: a schedule that the runbook declares. No person's id.
BY_THE_CLOCK = "schedule"


@dataclass(frozen=True)
class Origin:
    """Where a run was started from. `channel_id` is None for the terminal."""

    channel_id: str | None
    channel_name: str = ""


@dataclass(frozen=True)
class ChangeRecord:
    """One change of a plan, and how far it is."""

    kind: str  #: The class of the change, such as UpdateService.
    target: str  #: The lock's name, such as ecs/production/complyai-core.
    command: str
    now: str  #: What was seen there when the plan was made.
    then: str  #: What is to be there afterwards; '': its command says it.
    undo: str | None  #: The command that takes it back; None: it cannot be undone.
    state: Literal["planned", "intended", "applied", "already so"] = "planned"
    seen: str = ""  #: What was seen there last.
    at: datetime | None = None  #: When it was last looked at, or seen going on.
    in_parts: bool = False  #: It can be paused, and goes on where it was.


@dataclass(frozen=True)
class Decision:
    by: str  #: The immutable user id.
    approves: bool
    reason: str
    at: datetime


@dataclass(frozen=True)
class Glass:
    """A plan went through without its quorum, and somebody else has to look at that."""

    by: str  #: The immutable user id.
    reason: str
    at: datetime
    despite: str = ""  #: The freeze that stood in the way, in words.
    reminded: int = 0  #: How often it was said that the review is open.
    reviewed_by: str = ""
    review: str = ""  #: What they found.
    reviewed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.reviewed_at is None

    def says(self, missing: str) -> Iterator[str]:
        """For a text that is no message. `missing`: who else would have had to approve."""
        yield f"GLASS BROKEN by {self.by} at {self.at:%Y-%m-%d %H:%M} UTC: {self.reason}"
        yield f"went through without approval: {missing} had to give it"
        if self.despite:
            yield f"changes were {self.despite}"
        if self.reviewed_at:
            at = f"{self.reviewed_at:%Y-%m-%d %H:%M} UTC"
            yield f"REVIEWED by {self.reviewed_by} at {at}: {self.review}"
        else:
            yield "NOT REVIEWED YET"


@dataclass(frozen=True)
class OpenReview:
    """A broken glass that nobody else has looked at yet."""

    plan: str
    run: str
    book: str
    title: str  #: Of the step.
    requested_by: str
    glass: Glass


@dataclass(frozen=True)
class ApprovalRecord:
    id: str  #: Opaque; the only thing that a button carries.
    step: str
    title: str
    effect: Literal["CHANGE", "DESTROY"]
    changes: tuple[ChangeRecord, ...]
    because: str
    beware: str
    role: str  #: Who may decide.
    people: int  #: How many of them must approve.
    requested_by: str
    asked_at: datetime
    expires_at: datetime
    digest: str  #: sha-256 of the stored plan text.
    status: ApprovalStatus
    decisions: tuple[Decision, ...] = ()
    outcome: str = ""  #: Afterwards, in a sentence: applied when, seen done when; or why not.
    type_to_approve: str = ""  #: DESTROY: what an approver types, such as complyai-prod.
    type_to_break: str = ""  #: What is typed to break the glass, whatever the effect.
    touches: tuple[Touched, ...] = ()  #: What its changes are done to, as the policy judges them.
    frozen: Frozen | None = None  #: Why it cannot be approved now.
    glass: Glass | None = None  #: It was broken for this.
    back_at: datetime | None = None  #: It is taken back by itself then.
    takes_back: str = ""  #: The id of the plan whose approval it rests on, as its return.

    @property
    def missing(self) -> int:
        return max(0, self.people - sum(decision.approves for decision in self.decisions))

    @property
    def lacking(self) -> str:
        """Who must approve it still, or would have had to."""
        more = " more" if any(decision.approves for decision in self.decisions) else ""
        return f"{self.missing}{more} of role {self.role}"

    @property
    def good_until(self) -> datetime:
        """
        When it counts no more: it is as short-lived given as asked. The rest of a plan follows
        upon what was made of it, and not upon what was made long ago; what is made in parts, upon
        its last part, or upon the person who let it go on.
        """
        if not self.people:
            return datetime.max.replace(tzinfo=UTC)
        given = [decision.at for decision in self.decisions if decision.approves]
        given += [self.glass.at] if self.glass else []
        given += [one.at for one in self.changes if one.at and one.state == "applied"]
        begun = [one for one in self.changes if one.in_parts and one.state == "intended"]
        given += [one.at for one in begun if one.at]
        return max([self.asked_at, *given]) + (self.expires_at - self.asked_at)


@dataclass(frozen=True)
class QuestionRecord:
    """
    A person is asked something; or must say whether a change happened, or what to do without a
    step that this version of the bot cannot do.
    """

    id: str
    step: str
    kind: Literal["ask", "confirm", "unsure", "gone"]
    title: str
    text: str
    answer_schema: Mapping[str, Any] | None = None  #: JSON schema, one field per modal field.
    choices: tuple[tuple[str, Mapping[str, Any]], ...] = ()  #: Label and the answer it stands for.
    proposed: Mapping[str, Any] | None = None
    due: datetime | None = None
    owner: str = ""  #: The immutable user id of who is to do it.
    reminded: int = 0  #: How often it was said again.
    left_s: float | None = None  #: From when it was said again until it is due, in seconds.


@dataclass(frozen=True)
class StepRecord:
    """`key` of an undo is the action's key and `.undo`."""

    key: str
    title: str
    kind: str
    section: str
    status: StepStatus
    says: str = ""  #: The finding's summary, the plan's reason, the answer, or why it failed.
    details: Details = field(default_factory=Details)
    progress: float | None = None  #: 0 to 1, of a watch or a long change.
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempt: int = 0
    lasting_s: float | None = None  #: Of a watch: how long it lasts at most, in seconds.
    in_parts: bool = False  #: Of an action: what it changes can be paused.
    wish: Literal["", "pause", "stop"] = ""  #: What a person wants of it, or has: it is paused.
    wished_by: str = ""  #: Their immutable id.
    blocked_by: str = ""  #: While it waits for a target's lock: who holds it, since when.


@dataclass(frozen=True)
class RunRecord:
    id: str
    outline: Outline
    inputs: Mapping[str, Any]
    started_by: str
    started_at: datetime
    origin: Origin
    status: RunStatus
    steps: Mapping[str, StepRecord]  #: In the order of the book; undos after their actions.
    approvals: Mapping[str, ApprovalRecord] = field(default_factory=dict)  #: By id, oldest first.
    questions: Mapping[str, QuestionRecord] = field(default_factory=dict)  #: Open ones, by id.
    held: tuple[str, ...] = ()  #: Steps that keep the run from going on until a person says so.
    suggested: tuple[str, ...] = ()  #: Actions to offer, because a check found something wrong.
    open_pick: str | None = None  #: The section that a person is to pick from or to close.
    undoable: tuple[str, ...] = ()  #: Actions that were applied and can be taken back.
    #: Actions whose changes are taken back by themselves, and when; the next one first.
    returns: Mapping[str, datetime] = field(default_factory=dict)
    ended_at: datetime | None = None
    ended_because: str = ""
    updated_at: datetime | None = None
    room_name: str = ""  #: The channel's name once it is open, without #.
    room_id: str = ""  #: Its id, so that people can be led there.
    dry: bool = False  #: Nothing is asked and nothing is applied.
    frozen: tuple[Frozen, ...] = ()  #: What is not to be changed now, in any run.
    schedule: str = ""  #: The id of the one that has started it.
    news: tuple[Turn, ...] = ()  #: Of one that speaks once and is over.

    @property
    def speaks_once(self) -> bool:
        """It has one report, at its end, instead of a card."""
        return self.outline.speaks != "as it goes" and not self.dry

    @property
    def speaks_on_change(self) -> bool:
        """A person who has started it is always told."""
        return self.speaks_once and self.outline.speaks == "on change" and bool(self.schedule)

    def section_steps(self, section_key: str) -> tuple[StepRecord, ...]:
        return tuple(step for step in self.steps.values() if step.section == section_key)


SaidKind = Literal[
    "run started",
    "run ended",
    "step started",
    "step progressed",  # a watch read again, or a long change went on
    "step ended",
    "approval asked",
    "approval changed",  # decided by somebody, expired, outdated, or applied
    "review due",  # of a broken glass, for as long as nobody has reviewed it
    "glass reviewed",
    "question asked",
    "question closed",
    "reminder due",  # of something that a person has not ticked off yet
    "freeze changed",  # changes are frozen, or go on
    "room opened",
]


@dataclass(frozen=True)
class Said:
    """Something that happened in a run and that people may want to see."""

    kind: SaidKind
    about: str = ""  #: The step's key, the approval's id or the question's id.


@dataclass(frozen=True)
class Thaw:
    """The end of a freeze. A window ends by itself."""

    at: datetime
    why: str = ""
    by: str = ""
    by_name: str = ""


@dataclass(frozen=True)
class Trouble:
    """A schedule did not start its run, and somebody should know."""

    schedule: str
    book: str
    by: str  #: Who added it; empty: the runbook itself declares it.
    channel: str | None
    due: datetime
    says: str
    is_paused: bool = False  #: It will not try again by itself.


class Announcer(Protocol):
    """
    Turns what happened into what is to be seen. Called within the transaction that makes it true,
    so it must be pure and quick.
    """

    def announce(self, run: RunRecord, said: Sequence[Said]) -> Sequence[Delivery]: ...

    def announce_freeze(self, frozen: Frozen, thaw: Thaw | None = None) -> Sequence[Delivery]:
        """That it began; or, with `thaw`, that it is over."""

    def announce_trouble(self, trouble: Trouble) -> Sequence[Delivery]: ...
