"""
The one function that decides who may do what: for commands, buttons, forms, Home, the terminal,
and once more just before a change is made.

Nothing is allowed unless a rule allows it. A refusal says in a sentence or two what would be
needed, by the rule that is nearest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.access.acts import (
    Act,
    Allowed,
    Answer,
    Approve,
    BreakGlass,
    Denied,
    Deny,
    Freeze,
    Frozen,
    Lead,
    Moment,
    Read,
    ReadAudit,
    Review,
    Schedule,
    Start,
    Touched,
)
from bot.access.inputs import allows
from bot.access.member import Member
from bot.access.patterns import any_matches
from bot.access.policy import ANYONE, ApproveRule, Policy, RunRule

STRANGER = "Only active, full members of this workspace can do this."
OWN = "You asked for this change, so somebody else must approve it."
OWN_GLASS = "You broke this glass or asked for the change, so somebody else must review it."
TWICE = "You approved this already. It needs somebody else as well."
KEEPER = "Whoever keeps the bot's policy gives roles."


def may(policy: Policy, member: Member, act: Act, moment: Moment) -> Allowed | Denied:
    if member.is_bot or member.is_guest or not member.is_active:
        return Denied(STRANGER)
    match act:
        case Read():
            return _by_role(member, "read", policy.may.read, "look at runbooks and runs")
        case Freeze():
            return _by_role(member, "freeze", policy.may.freeze, "stop changes or let them go on")
        case ReadAudit():
            return _by_role(member, "read_audit", policy.may.read_audit, "read the audit log")
        case BreakGlass():
            return _by_role(member, "break_glass", policy.may.break_glass, "break the glass")
        case Review():
            return _review(policy, member, act)
        case Start():
            return _of_run(policy.start, "start", member, act, moment)
        case Lead() | Answer():
            return _of_run(policy.lead, "lead", member, act, moment)
        case Schedule():
            return _schedule(policy, member, act, moment)
        case Deny():
            return _with_role(member, act.role) or Allowed(_demanded(act.role))
        case Approve():
            return _approve(policy, member, act, moment)
    assert_never(act)


def frozen_by(policy: Policy, touches: Iterable[Touched], moment: Moment) -> Frozen | None:
    """What keeps these changes from being made now: the stop switch, else a window."""
    touched = tuple(touches)
    windows = policy.freezes(moment.at, moment.environment)
    standing = (moment.stopped, *windows) if moment.stopped else windows
    return next((one for one in standing if any(map(one.covers, touched))), None)


@dataclass(frozen=True)
class _Lack:
    """What one rule wants and does not have. The least weight together is the nearest rule."""

    weight: int
    says: str
    field: str = ""


ROLE, ENVIRONMENT, HOURS, INPUT = 8, 4, 2, 1


def _by_role(member: Member, name: str, roles: Sequence[str], what: str) -> Allowed | Denied:
    if _has(member, roles):
        return Allowed(f"[may] {name}")
    if not roles:
        return Denied(f"The policy lets nobody {what}.")
    return Denied(f"You need {_roles(roles)} to {what}. {KEEPER}")


def _schedule(policy: Policy, member: Member, act: Schedule, moment: Moment) -> Allowed | Denied:
    """Adding one is starting: who may not start is stopped at each firing as well."""
    if act.added_by is None:
        return _of_run(policy.start, "start", member, act, moment)
    if member.is_same_human(act.added_by):
        return Allowed("it is their own schedule")
    return _of_run(policy.lead, "lead", member, act, moment)


def _of_run(
    rules: Sequence[RunRule],
    table: str,
    member: Member,
    act: Start | Lead | Answer | Schedule,
    moment: Moment,
) -> Allowed | Denied:
    what = f"{VERBS[type(act)]} {act.book}"
    meant = [
        (n, rule) for n, rule in enumerate(rules, start=1) if any_matches(rule.runbooks, act.book)
    ]
    lacks = []
    for number, rule in meant:
        missing = [*_lacks(rule, member, moment), *_lacks_inputs(rule, act)]
        if not missing:
            return Allowed(f"[[{table}]] rule {number}")
        lacks.append(missing)
    return _refused(lacks, what)


VERBS = {
    Start: "start",
    Lead: "lead a run of",
    Answer: "answer in a run of",
    Schedule: "keep a schedule of",
}


def _approve(policy: Policy, member: Member, act: Approve, moment: Moment) -> Allowed | Denied:
    if not act.touches:
        return Denied("There is nothing to approve.")
    if refused := _with_role(member, act.role):
        return refused
    if act.requested_by and member.is_same_human(act.requested_by):
        return Denied(OWN)
    if any(member.is_same_human(other) for other in act.approved_by):
        return Denied(TWICE)
    if frozen := frozen_by(policy, act.touches, moment):
        return Denied(f"This cannot be approved now: {frozen.says(moment.at)}.")
    used = []
    for touched in dict.fromkeys(act.touches):
        covered = _covered(policy.approve, member, touched, moment)
        if isinstance(covered, Denied):
            return covered
        used.append(covered.rule)
    return Allowed(f"{_demanded(act.role)}; {', '.join(dict.fromkeys(used))}")


def _review(policy: Policy, member: Member, act: Review) -> Allowed | Denied:
    answer = _by_role(member, "review", policy.may.review, "review a broken glass")
    involved = filter(None, (act.broken_by, act.requested_by))
    if isinstance(answer, Allowed) and any(map(member.is_same_human, involved)):
        return Denied(OWN_GLASS)
    return answer


def _covered(
    rules: Sequence[ApproveRule], member: Member, touched: Touched, moment: Moment
) -> Allowed | Denied:
    lacks = []
    for number, rule in enumerate(rules, start=1):
        if touched.effect not in rule.effects or not any_matches(rule.targets, touched.target):
            continue
        missing = list(_lacks(rule, member, moment))
        if not missing:
            return Allowed(f"[[approve]] rule {number}")
        lacks.append(missing)
    return _refused(lacks, f"approve {touched.effect} on {touched.target}")


def _lacks(rule: RunRule | ApproveRule, member: Member, moment: Moment) -> Iterable[_Lack]:
    if not _has(member, rule.roles):
        yield _Lack(ROLE, _roles(rule.roles))
    if not any_matches(rule.environments, moment.environment):
        named = _or(rule.environments)
        yield _Lack(ENVIRONMENT, f"in {named}, and this bot serves {moment.environment}")
    if rule.hours and not rule.hours.hold(moment.at):
        now = rule.hours.now(moment.at)
        yield _Lack(HOURS, f"{rule.hours.says()}, and it is {now} there")


def _lacks_inputs(rule: RunRule, act: Start | Lead | Answer | Schedule) -> Iterable[_Lack]:
    if act.inputs is None:
        return
    for field, allowed in rule.inputs.items():
        if not allows(allowed, act.inputs.get(field)):
            named = _or([str(one) or "nothing" for one in allowed])
            yield _Lack(INPUT, f"with {field} {named}", field)


def _refused(lacks: Sequence[Sequence[_Lack]], what: str) -> Denied:
    if not lacks:
        return Denied(f"No rule of the bot's policy lets anybody {what}.")
    nearest = min(lacks, key=lambda missing: sum(lack.weight for lack in missing))
    needed = [lack for lack in nearest if lack.weight == ROLE]
    only = [lack for lack in nearest if lack.weight != ROLE]
    conditions = " and ".join(lack.says for lack in only)
    fields = {lack.field: f"Only {lack.says}." for lack in only if lack.field}
    if not needed:
        return Denied(f"You may {what} only {conditions}.", fields)
    why = f"You need {needed[0].says} to {what}"
    return Denied(f"{why}, and then only {conditions}." if only else f"{why}. {KEEPER}")


def _with_role(member: Member, role: str) -> Denied | None:
    if role in member.roles:
        return None
    return Denied(f"Only people with the role {role} decide this.")


def _has(member: Member, roles: Sequence[str]) -> bool:
    return ANYONE in roles or not member.roles.isdisjoint(roles)


def _demanded(role: str) -> str:
    return f"the role {role}, which the step demands"


def _roles(roles: Sequence[str]) -> str:
    return f"the role {_or(roles)}"


def _or(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
