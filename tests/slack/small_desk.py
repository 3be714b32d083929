"""
A desk in memory: it notes what listeners ask for and answers as it was told to.

Like the engine it does nothing twice for the same key, and refuses without forgetting.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from bot.access.acts import Act, Denied, Frozen, Moment, Touched
from bot.access.deciding import may
from bot.access.member import Member
from bot.access.policy import DEFAULT, Policy
from bot.engine.intents import (
    Actor,
    NewSchedule,
    Noted,
    NotedStart,
    Refusal,
    Started,
    StartRun,
    Truth,
)
from bot.engine.record import (
    ApprovalRecord,
    ChangeRecord,
    Glass,
    OpenReview,
    Origin,
    QuestionRecord,
    RunRecord,
    StepRecord,
)
from bot.engine.scheduled import ScheduleRecord, Way
from bot.runbook import RunbookInputs, Secret
from bot.runbook.errors import Unreachable
from bot.runbook.findings import NextHop
from bot.runbook.outline import Outline, SectionOutline, StepOutline
from bot.store.chain import Entry
from bot.store.verifying import Verdict, verify

AT = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


class OutageInputs(RunbookInputs):
    brief_desc: str = Field(title="Brief description", pattern=r"^[a-z0-9-]{3,40}$")
    services: tuple[str, ...] = Field(title="Services", default=("complyai-core",))
    severity: Literal["P1", "P2"] = Field(title="Severity", default="P1")


class RestoreInputs(RunbookInputs):
    database: str = Field(title="Database")


class NoInputs(RunbookInputs):
    pass


class TokenInputs(RunbookInputs):
    value: Secret


def outline(book: str, title: str, inputs: type[RunbookInputs], *menus: str) -> Outline:
    steps = (
        StepOutline("services", "Check the services", "check", {}, ("Ecs",)),
        StepOutline("roll_back", "Roll back", "action", {}, (), ("UpdateService",), "CHANGE"),
    )
    sections = (
        SectionOutline("diagnosis", "Diagnosis", "together", False, steps[:1]),
        SectionOutline("recovery", "Recovery", "pick", False, steps[1:]),
    )
    schema = inputs.model_json_schema()
    return Outline(book, title, "P1", "Incident", schema, menus, (), sections)


BOOKS = {
    one.book: one
    for one in (
        outline("RB-INC-001", "Service Outage", OutageInputs, "services"),
        outline("RB-REC-001", "Database Restore", RestoreInputs),
        outline("DAILY-001", "Morning Health Check", NoInputs),
        outline("RB-SYNC-002", "Token Refresh", TokenInputs),
    )
}


def run(run_id: str = "7F3K") -> RunRecord:
    hop = NextHop("RB-REC-001", "The database is gone", {"database": "complyai-prod"})
    found = StepRecord(
        "services", "Check the services", "check", "diagnosis", "problem",
        says="0 of 4 tasks", details={"next_hops": (hop,)}, started_at=AT, ended_at=AT, attempt=1,
    )  # fmt: skip
    action = StepRecord("roll_back", "Roll back", "action", "recovery", "planned", attempt=1)
    return RunRecord(
        run_id, BOOKS["RB-INC-001"], {"brief_desc": "core-down"}, "U0DANA", AT,
        Origin("C0GENERAL", "general"), "running", {"services": found, "roll_back": action},
    )  # fmt: skip


def approval(effect: Literal["CHANGE", "DESTROY"]) -> ApprovalRecord:
    change = ChangeRecord(
        "UpdateService", "ecs/core", "aws ecs update-service", "core:42", "core:41", None
    )
    return ApprovalRecord(
        id="ap1", step="roll_back", title="Roll back complyai-core", effect=effect,
        changes=(change,), because="it is down", beware="", role="operator", people=1,
        requested_by="U0DANA", asked_at=AT, expires_at=AT + timedelta(minutes=15),
        digest="0" * 64, status="pending",
        type_to_approve="complyai-prod" if effect == "DESTROY" else "",
        type_to_break="complyai-prod",
        touches=(Touched(effect, "ecs/core"),),
    )  # fmt: skip


@dataclass
class SmallDesk:
    """`noted` is every intent that took effect, as (name, arguments)."""

    directory: "SmallDirectory"
    policy: Policy = DEFAULT
    frozen: tuple[Frozen, ...] = ()
    scheduled: tuple[ScheduleRecord, ...] = ()
    noted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    starts: dict[str, StartRun] = field(default_factory=dict)  #: Noted, and not begun.
    waited: timedelta = timedelta(seconds=1)  #: How long they have been there.
    strange: Refusal | None = None  #: What a start is refused with before it is noted.
    refusal: Refusal | None = None
    says: str = ""
    breaks: Exception | None = None  #: What the store does to every intent.
    held: asyncio.Event | None = None  #: Every intent waits for this.
    runs: dict[str, RunRecord] = field(default_factory=lambda: {"7F3K": run()})
    asked: dict[str, QuestionRecord] = field(default_factory=dict)
    effect: Literal["CHANGE", "DESTROY"] = "CHANGE"
    text: str = "aws ecs update-service"
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    away: list[tuple[str, str, int]] = field(default_factory=list)  #: What was turned away.
    log: list[Entry] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    being_replaced: bool = False
    glass: Glass | None = None  #: Of the approval.
    to_review: tuple[OpenReview, ...] = ()
    _keys: dict[str, str] = field(default_factory=dict)

    @property
    def books(self) -> Mapping[str, Outline]:
        return BOOKS

    @property
    def last(self) -> tuple[str, dict[str, Any]]:
        return self.noted[-1]

    @property
    def on_paper(self) -> Mapping[str, str]:
        return {"RB-INC-003": "Database Performance Degradation"}

    async def judge(self, by: Actor, act: Act, about: str = "") -> Member | Refusal:
        try:
            member = await self.directory.member(by.user_id)
        except Unreachable as error:
            return Refusal(f"Roles cannot be read, so nobody is let through: {error}")
        why = self.why_not(member, act)
        if why:
            self.refused.append((type(act).__name__, by.user_id, why))
        return Refusal(why) if why else member

    def why_not(self, member: Member, act: Act) -> str:
        answer = may(self.policy, member, act, Moment(AT))
        return answer.why if isinstance(answer, Denied) else ""

    async def schedules(self) -> Sequence[ScheduleRecord]:
        return self.scheduled

    async def add_schedule(self, wanted: NewSchedule) -> Noted | Refusal:
        return self.strange or await self._note(
            "add schedule", wanted.key, wanted.by, wanted=wanted
        )

    async def change_schedule(
        self, way: Way, schedule_id: str, by: Actor, key: str
    ) -> Noted | Refusal:
        return await self._note(f"{way} schedule", key, by, run=schedule_id)

    async def freeze(self, by: Actor, reason: str, key: str) -> Noted | Refusal:
        return await self._note("freeze", key, by, reason=reason)

    async def thaw(self, by: Actor, reason: str, key: str) -> Noted | Refusal:
        return await self._note("thaw", key, by, reason=reason)

    async def is_being_replaced(self) -> bool:
        return self.being_replaced

    async def freezes(self) -> Sequence[Frozen]:
        return self.frozen

    async def note_start(self, intent: StartRun) -> Noted | Refusal:
        if self.breaks:
            raise self.breaks
        if self.strange:
            return self.strange
        self.starts[intent.key] = intent
        return Noted()

    async def forget_start(self, key: str) -> None:
        self.starts.pop(key, None)

    async def noted_starts(self) -> Sequence[NotedStart]:
        return [NotedStart(intent, self.waited) for intent in self.starts.values()]

    async def start_run(self, intent: StartRun) -> Started | Refusal:
        refusal = await self._meet() or self.strange
        if refusal:
            return refusal
        self.starts.pop(intent.key, None)
        if intent.key in self._keys:
            return Started(self._keys[intent.key], is_new=False)
        self._keys[intent.key] = f"RUN{len(self._keys) + 1}"
        self.noted.append(("start", {"intent": intent}))
        return Started(self._keys[intent.key])

    async def pick(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("pick", key, by, run=run_id, step=step)

    async def undo(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("undo", key, by, run=run_id, step=step)

    async def close(self, run_id: str, section: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("close", key, by, run=run_id, section=section)

    async def again(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("again", key, by, run=run_id, step=step)

    async def go_on(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("go on", key, by, run=run_id, step=step)

    async def pause(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("pause", key, by, run=run_id, step=step)

    async def resume(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("resume", key, by, run=run_id, step=step)

    async def halt(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("halt", key, by, run=run_id, step=step)

    async def cancel(self, run_id: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._note("cancel", key, by, run=run_id)

    async def decide(
        self, approval_id: str, by: Actor, approves: bool, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        return await self._note(
            "decide", key, by, id=approval_id, approves=approves, reason=reason, typed=typed
        )

    async def break_glass(
        self, approval_id: str, by: Actor, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        return await self._note("break", key, by, id=approval_id, reason=reason, typed=typed)

    async def review(self, approval_id: str, by: Actor, found: str, key: str) -> Noted | Refusal:
        return await self._note("review", key, by, id=approval_id, found=found)

    async def reviews(self) -> Sequence[OpenReview]:
        return self.to_review

    async def answer(
        self, question_id: str, by: Actor, answer: Mapping[str, Any], key: str
    ) -> Noted | Refusal:
        if question_id not in self.asked:
            return Refusal("This question was answered already, or its run is over.")
        return await self._note("answer", key, by, id=question_id, answer=dict(answer))

    async def resolve(
        self, question_id: str, by: Actor, truth: Truth, key: str
    ) -> Noted | Refusal:
        return await self._note("resolve", key, by, id=question_id, truth=truth)

    async def look(self) -> None:
        """As a read of the store."""
        if self.breaks:
            raise self.breaks

    async def turned_away(self, why: str, by: str, more: int) -> None:
        self.away.append((why, by, more))

    async def record(self, run_id: str) -> RunRecord | None:
        return self.runs.get(run_id)

    async def recent(self, limit: int = 20, active: bool = False) -> Sequence[RunRecord]:
        return list(self.runs.values())[:limit]

    async def approval(self, approval_id: str) -> tuple[ApprovalRecord, RunRecord] | None:
        if approval_id != "ap1":
            return None
        asked = approval(self.effect)
        if self.glass:
            asked = replace(asked, glass=self.glass, status="glass broken")
        return asked, run()

    async def plan_text(self, approval_id: str, by: Actor) -> str | None:
        return self.text if approval_id == "ap1" else None

    async def audit(self, run_id: str, by: Actor) -> Sequence[Entry] | Refusal:
        if refusal := await self._meet():
            return refusal
        entries = [one for one in self.log if one.run == run_id]
        return entries or Refusal(f"The audit log has no run {run_id}.")

    async def verdict_until(self, seq: int) -> Verdict:
        return verify([one for one in self.log if one.seq <= seq])

    async def question(self, question_id: str) -> tuple[QuestionRecord, RunRecord] | None:
        asked = self.asked.get(question_id)
        return (asked, run()) if asked else None

    async def menus(self, book_id: str) -> Mapping[str, Sequence[str]]:
        return {name: self.choices[name] for name in BOOKS[book_id].menus if name in self.choices}

    async def _note(self, name: str, key: str, by: Actor, **what: Any) -> Noted | Refusal:
        if refusal := await self._meet():
            return refusal
        if key not in self._keys:
            self._keys[key] = self.says
            self.noted.append((name, {"by": by.user_id, **what}))
        return Noted(self._keys[key])

    async def _meet(self) -> Refusal | None:
        if self.held:
            await self.held.wait()
        if self.breaks:
            raise self.breaks
        return self.refusal


@dataclass
class SmallDirectory:
    """Everybody is an operator; `members` are the exceptions."""

    members: dict[str, Member] = field(default_factory=dict)
    is_down: bool = False

    async def member(self, user_id: str) -> Member:
        if self.is_down:
            raise Unreachable("Slack did not answer users.info")
        everyone = Member(user_id, user_id.lower(), frozenset({"operator"}))
        return self.members.get(user_id, everyone)

    def make_guest(self, user_id: str) -> None:
        self.members[user_id] = replace(Member(user_id, "guest", frozenset()), is_guest=True)
