"""
Who may do what, for the engine: the person and the moment are brought to the one function that
decides (bot/access/deciding.py). Asked at every intent and again before a change is made.

Payloads are never authority: a person is looked up by immutable id, and what cannot be read is a
refusal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bot.access.acts import (
    Act,
    Allowed,
    Approve,
    BreakGlass,
    Denied,
    Frozen,
    Moment,
    Review,
    Touched,
)
from bot.access.deciding import frozen_by, may
from bot.access.member import Member
from bot.access.policy import Policy
from bot.engine.clock import Clock
from bot.engine.freezes import switch
from bot.engine.intents import Directory, Refusal
from bot.engine.made import DONE
from bot.engine.plans import Kinds, is_readable, touched
from bot.engine.reading import moment
from bot.engine.record import GLASS_BROKEN, ApprovalRecord, OpenReview, RunRecord
from bot.runbook.changes import Change, digest
from bot.runbook.errors import StepError
from bot.runbook.mrkdwn import named
from bot.runbook.values import letters
from bot.store.store import Store

LONGEST_TARGET = 255  #: Characters of a name that is to be typed; ECS has none longer.


@dataclass(frozen=True)
class Lapsed:
    """Why an approval is not used; `frozen`: because nothing is to be changed now."""

    why: str
    frozen: bool = False


@dataclass(frozen=True)
class Access:
    policy: Policy
    directory: Directory
    environment: str
    clock: Clock

    async def member(self, user_id: str) -> Member | Refusal:
        try:
            return await self.directory.member(user_id)
        except StepError as error:
            why = named(str(error), 300)
            return Refusal(
                f"Roles cannot be read now, so nobody is let through: {why.rstrip('.')}."
                " Try again."
            )

    def moment(self, stopped: Frozen | None = None) -> Moment:
        return Moment(moment(self.clock.now()), self.environment, stopped)

    def may(self, member: Member, act: Act, stopped: Frozen | None = None) -> Allowed | Denied:
        """`stopped` is the switch when it is thrown; it is needed for what approves only."""
        return may(self.policy, member, act, self.moment(stopped))

    def frozen(self, c: sa.Connection, change: Change) -> str:
        """
        Why this change is not to be made now; or ''. Within the transaction that writes its
        intent: a switch that was thrown before that commits is seen.
        """
        return self.freeze_of(c, touched((change,)))

    def freeze_of(self, c: sa.Connection, touches: Iterable[Touched]) -> str:
        now = self.moment(switch(c, "shared"))
        found = frozen_by(self.policy, touches, now)
        return found.says(now.at) if found else ""

    async def lapsed(self, store: Store, approval: ApprovalRecord) -> Lapsed | None:
        """
        Why an approval does not count any more, just before it is used for what is left of its
        plan. Raises what the directory raises.
        """
        if approval.status == GLASS_BROKEN:
            return await self._unbroken(approval)
        if approval.status != "approved":
            return Lapsed(f"it is {approval.status}")
        if not approval.people:
            ours = all(one.ours for one in approval.touches)
            return None if ours else Lapsed("nobody was asked for it")
        agreed = [one.by for one in approval.decisions if one.approves]
        members = [await self.directory.member(user_id) for user_id in agreed]
        now = self.moment(await store.read(switch))
        left = replace(approval, touches=_left(approval))
        if frozen := frozen_by(self.policy, left.touches, now):
            return Lapsed(frozen.says(now.at), frozen=True)
        return self._too_few(left, members, now)

    async def _unbroken(self, approval: ApprovalRecord) -> Lapsed | None:
        """No quorum, and no freeze: whoever broke the glass must still be one who may."""
        if approval.glass is None:
            return Lapsed("nobody is known to have broken the glass")
        member = await self.directory.member(approval.glass.by)
        answer = self.may(member, BreakGlass())
        if isinstance(answer, Allowed):
            return None
        return Lapsed(f"whoever broke it may not now ({member.name}: {answer.why})")

    def _too_few(
        self, approval: ApprovalRecord, members: Sequence[Member], now: Moment
    ) -> Lapsed | None:
        """Each is judged as at their click, as roles, rules and aliases are now."""
        valid: list[str] = []
        refused: list[str] = []
        agreed_at = {one.by: one.at for one in approval.decisions if one.approves}
        for member in members:
            if approval.takes_back:  # Its time was agreed to: rules' hours are those of then.
                now = replace(now, at=agreed_at[member.user_id], stopped=None)
            answer = may(self.policy, member, to_approve(approval, valid), now)
            if isinstance(answer, Allowed):
                valid.append(member.user_id)
            else:
                refused.append(f"{member.name}: {answer.why}")
        if len(valid) >= approval.people:
            return None
        why = f" ({' '.join(refused)})" if refused else ""
        return Lapsed(f"{len(valid)} of {approval.people} who must approve it may do so now{why}")


def _left(approval: ApprovalRecord) -> tuple[Touched, ...]:
    """What is not made yet. A change that cannot be read any more is never left out."""
    states = [change.state for change in approval.changes]
    if len(states) != len(approval.touches):
        return approval.touches
    both = zip(approval.touches, states, strict=True)
    return tuple(one for one, state in both if state not in DONE)


def to_approve(approval: ApprovalRecord, approved_by: Sequence[str] | None = None) -> Approve:
    """`approved_by`: else whoever has agreed so far."""
    agreed = [one.by for one in approval.decisions if one.approves]
    before = agreed if approved_by is None else approved_by
    return Approve(approval.role, approval.touches, approval.requested_by, tuple(before))


def to_review(review: ApprovalRecord | OpenReview) -> Review:
    return Review(review.glass.by if review.glass else "", review.requested_by)


def may_decide(
    approval: ApprovalRecord,
    answer: Allowed | Denied,
    *,
    approves: bool,
    reason: str,
    typed: str,
    now: float,
) -> Refusal | None:
    """Whether this click counts, in the order of the rules. `answer`: whether this person may."""
    if late := too_late(approval, now):
        return late
    if isinstance(answer, Denied):
        return refusal(answer)
    if not approves:
        return None if letters(reason) else Refusal("Say why: a denial needs a reason.")
    if approval.type_to_approve and typed.strip() != approval.type_to_approve:
        name = named(approval.type_to_approve, LONGEST_TARGET)
        return Refusal(
            f"Type {name} exactly to approve this.", {"typed": f"This must be exactly {name}"}
        )
    return None


def too_late(approval: ApprovalRecord, now: float) -> Refusal | None:
    """Nothing is to be decided any more."""
    if approval.glass:
        return Refusal("The glass was broken for this already.", decided_by=(approval.glass.by,))
    if approval.status == "frozen":
        return Refusal("A freeze kept this from being made. Ask for a new plan after it.")
    if approval.status != "pending":
        deciders = tuple(decision.by for decision in approval.decisions)
        return Refusal(f"This was {approval.status} already.", decided_by=deciders)
    if now >= approval.expires_at.timestamp():
        return Refusal("This request has expired. Ask for a new plan; nothing was changed.")
    return None


def not_as_shown(record: RunRecord, plan: Any, kinds: Kinds) -> Refusal | None:
    """Why nothing is to be made of a plan (its row), whoever wants it."""
    if refused := not_awaited(record, plan):
        return refused
    if not is_readable(plan.text, kinds):
        return Refusal(
            "This plan was made by another version of the bot, and this one cannot read it."
            " While the bot is being replaced, press again in a moment; else deny it and ask for"
            " it anew."
        )
    return None


def not_awaited(record: RunRecord, plan: Any) -> Refusal | None:
    if record.steps[plan.step].status != "planned":
        return Refusal("The run does not wait for this any more. See its card.")
    if digest(plan.text) != plan.digest:
        return Refusal("The stored plan is not what was shown. Ask for a new plan.")
    return None


def refusal(denied: Denied) -> Refusal:
    return Refusal(denied.why, fields=denied.fields)
