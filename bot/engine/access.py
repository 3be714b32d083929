"""
Who may do what, for the engine: the person and the moment are brought to the one function that
decides (bot/access/deciding.py). Asked at every intent and again before a change is made.

Payloads are never authority: a person is looked up by immutable id, and what cannot be read is a
refusal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from bot.access.acts import Act, Allowed, Approve, Denied, Frozen, Moment, Touched
from bot.access.deciding import frozen_by, may
from bot.access.member import Member
from bot.access.policy import Policy
from bot.engine.clock import Clock
from bot.engine.freezes import switch
from bot.engine.intents import Directory, Refusal
from bot.engine.made import DONE
from bot.engine.plans import touched
from bot.engine.reading import moment
from bot.engine.record import ApprovalRecord
from bot.runbook.changes import Change
from bot.runbook.errors import StepError
from bot.store.store import Store


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
            return Refusal(
                f"Roles cannot be read now, so nobody is let through: {error}. Try again."
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
        now = self.moment(switch(c, "shared"))
        found = frozen_by(self.policy, touched((change,)), now)
        return found.says(now.at) if found else ""

    async def lapsed(self, store: Store, approval: ApprovalRecord) -> Lapsed | None:
        """
        Why an approval does not count any more, just before it is used for what is left of its
        plan. Raises what the directory raises.
        """
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

    def _too_few(
        self, approval: ApprovalRecord, members: Sequence[Member], now: Moment
    ) -> Lapsed | None:
        """Each is judged as at their click, as roles, rules and aliases are now."""
        valid: list[str] = []
        refused: list[str] = []
        for member in members:
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
    if approval.status == "frozen":
        return Refusal("A freeze kept this from being made. Ask for a new plan after it.")
    if approval.status != "pending":
        deciders = tuple(decision.by for decision in approval.decisions)
        return Refusal(f"This was {approval.status} already.", decided_by=deciders)
    if now >= approval.expires_at.timestamp():
        return Refusal("This request has expired. Ask for a new plan; nothing was changed.")
    if isinstance(answer, Denied):
        return refusal(answer)
    if not approves:
        return None if reason.strip() else Refusal("Say why: a denial needs a reason.")
    if approval.type_to_approve and typed.strip() != approval.type_to_approve:
        return Refusal(
            f"Type {approval.type_to_approve} exactly to approve this.",
            fields={"typed": f"This must be exactly {approval.type_to_approve}"},
        )
    return None


def refusal(denied: Denied) -> Refusal:
    return Refusal(denied.why, fields=denied.fields)
