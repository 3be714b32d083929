"""
Who may do what. Asked at every intent and again before a change is applied.

Payloads are never authority: a person is looked up by immutable id, and what cannot be read is a
refusal.
"""

from collections.abc import Sequence

from bot.engine.intents import Actor, Directory, Member, Refusal
from bot.engine.record import ApprovalRecord
from bot.runbook.errors import StepError
from bot.runbook.mrkdwn import named

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
LONGEST_TARGET = 255  #: Characters of a name that is to be typed; ECS has none longer.
#: May start runs and lead them; who may approve is said by each step.
LEADS = frozenset(ROLES) - {"viewer"}
#: May read the audit log.
AUDITS = frozenset({"security", "admin", "leadership", "approver"})


async def known(directory: Directory, by: Actor) -> Member | Refusal:
    """The person behind an intent, if they may do anything here at all."""
    try:
        member = await directory.member(by.user_id)
    except StepError as error:
        why = named(str(error), 300)
        return Refusal(f"Roles cannot be read now, so nobody is let through: {why}. Try again.")
    if member.is_bot or not member.is_active or member.is_guest:
        return Refusal("Only active, full members of this workspace can do this.")
    return member


def may_lead(member: Member) -> Refusal | None:
    """Start, pick, answer, re-check, go on, cancel."""
    if member.roles & LEADS:
        return None
    return Refusal(
        "You need a role that may act, such as responder, to do this. Ask whoever keeps the bot's"
        " settings to add you to a user group that has one."
    )


def may_audit(member: Member) -> Refusal | None:
    """Read a run's entries in the audit log."""
    if member.roles & AUDITS:
        return None
    return Refusal(f"The audit log is read by the roles {', '.join(sorted(AUDITS))}.")


def may_decide(
    approval: ApprovalRecord,
    member: Member,
    *,
    approves: bool,
    reason: str,
    typed: str,
    now: float,
) -> Refusal | None:
    """Whether this click counts, in the order of the rules."""
    if approval.status != "pending":
        return Refusal(f"This was {approval.status} already{_who(approval)}.")
    if now >= approval.expires_at.timestamp():
        return Refusal("This request has expired. Ask for a new plan; nothing was changed.")
    if approval.role not in member.roles:
        return Refusal(f"Only people with the role {approval.role} decide this.")
    if not approves:
        return None if reason.strip() else Refusal("Say why: a denial needs a reason.")
    if is_same_human(member, approval.requested_by):
        return Refusal("You asked for this change, so somebody else must approve it.")
    if any(is_same_human(member, decision.by) for decision in approval.decisions):
        return Refusal("You approved this already. It needs somebody else as well.")
    if approval.type_to_approve and typed.strip() != approval.type_to_approve:
        name = named(approval.type_to_approve, LONGEST_TARGET)
        return Refusal(
            f"Type {name} exactly to approve this.", {"typed": f"This must be exactly {name}"}
        )
    return None


async def still_approved(directory: Directory, approval: ApprovalRecord) -> str:
    """
    Why the approval does not count any more, just before it is used; or ''. Raises what the
    directory raises.
    """
    if approval.status != "approved":
        return f"it is {approval.status}"
    if not approval.people:
        return ""
    valid = 0
    for decision in approval.decisions:
        member = await directory.member(decision.by)
        if decision.approves and member.is_active and approval.role in member.roles:
            valid += 1
    if valid < approval.people:
        return f"{valid} of {approval.people} who approved it still have the role {approval.role}"
    return ""


def is_same_human(member: Member, user_id: str) -> bool:
    return user_id == member.user_id or user_id in member.same_human_as


def _who(approval: ApprovalRecord) -> str:
    deciders: Sequence[str] = [f"<@{decision.by}>" for decision in approval.decisions]
    return f" by {', '.join(deciders)}" if deciders else ""
