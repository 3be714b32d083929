"""
The card on which people decide, and the modals behind its buttons.

It shows what will be run, line for line, and is never cut short. Its buttons carry the approval's
opaque id and are gone from every copy as soon as nothing is to be decided any more.
"""

from collections.abc import Iterator, Sequence

from bot.engine.record import GLASS_BROKEN, ApprovalRecord, Decision, RunRecord
from bot.slack.views import names
from bot.slack.views.changes import change_blocks, fits, labelled, targets
from bot.slack.views.escape import command_line, mention, mrkdwn, one_line
from bot.slack.views.freezes import freeze_text
from bot.slack.views.glass import (
    BROKEN,
    WHOLE,
    glass_line,
    glass_text,
    review_line,
    went_through,
)
from bot.slack.views.kit import (
    Element,
    Rendered,
    actions,
    button,
    confirm,
    context,
    header,
    person,
    rich,
    section,
    text,
)
from bot.slack.views.kit import (
    mrkdwn as mrkdwn_text,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.words import OPEN, WELL, by_itself, clock, count, exact, lasted

NOT_NOW = "It cannot be approved now."
LONG = 700  #: Of a reason or a warning on the card; the whole of it is in the plan's file.


def approval_card(
    approval: ApprovalRecord,
    run: RunRecord,
    deciders: Sequence[str] = (),
    breakable: bool = False,
) -> Rendered:
    """
    `deciders`: ids of the people and user groups who may decide; a new card notifies them.
    `breakable`: the policy lets somebody break the glass.
    """
    blocks = [
        header(f"{_heading(approval)} · {approval.effect} · {approval.title}"),
        *_asked(approval, run, deciders),
        *_what_moved(approval, run),
        *change_blocks(approval),
        rich(*what_it_means(approval)),
    ]
    tail = [*_decided(approval), *actions(_buttons(approval, run, breakable))]
    return Rendered(fit_message(_text(approval, run)), fit_blocks(blocks, tail=tail))


def needs_file(approval: ApprovalRecord) -> bool:
    """Whether the whole plan has to be attached, because the card cannot show all of it."""
    return not fits(approval) or len(approval.because) > LONG or len(approval.beware) > LONG


def missing_people(approval: ApprovalRecord) -> str:
    return f"{approval.lacking} must approve"


def _heading(approval: ApprovalRecord) -> str:
    return {
        "pending": "APPROVAL NEEDED",
        "approved": "APPROVED",
        "denied": "DENIED",
        "expired": "EXPIRED",
        "outdated": "NOT APPLIED",
        "cancelled": "WITHDRAWN",
        "frozen": "NOT APPLIED",
        GLASS_BROKEN: BROKEN,
    }[approval.status]


def _asked(approval: ApprovalRecord, run: RunRecord, deciders: Sequence[str]) -> Iterator[Block]:
    asked_by = mention(approval.requested_by)
    line = f"asked by {asked_by} for run {mrkdwn(run.id, 40)} ({mrkdwn(run.outline.book, 40)})"
    if approval.status != "pending":
        yield context(mrkdwn_text(f"{line} at {clock(approval.asked_at)}"))
        return
    for_long = lasted(approval.expires_at - approval.asked_at)
    line += f" · expires {clock(approval.expires_at)} ({for_long})"
    role = mrkdwn(missing_people(approval), 300)
    yield context(mrkdwn_text(f"{line} · {role}; {asked_by} does not count"))
    if approval.frozen:
        yield section(mrkdwn_text(f"*{NOT_NOW}* {freeze_text(approval.frozen)}."))
    if deciders:
        yield section(mrkdwn_text("For " + ", ".join(map(mention, deciders[:20]))))


def outdated_by(approval: ApprovalRecord, run: RunRecord) -> ApprovalRecord | None:
    """The request in whose place this one stands, because the world had moved."""
    of_step = [one for one in run.approvals.values() if one.step == approval.step]
    earlier = [one for one in of_step if one.asked_at < approval.asked_at][-1:]
    return earlier[0] if earlier and earlier[0].status == "outdated" else None


def _what_moved(approval: ApprovalRecord, run: RunRecord) -> Iterator[Block]:
    """What is not the same as in the request before: it was approved, and this is another one."""
    earlier = outdated_by(approval, run)
    if earlier is None or approval.status != "pending":
        return
    asked = {change.command for change in approval.changes}
    gone = [change.command for change in earlier.changes if change.command not in asked]
    lines = [[text(f"Asked again. {_short(outcome(earlier))}", bold=True)]]
    lines += [[text("no longer  ", bold=True), text(one, code=True, strike=True)] for one in gone]
    if not gone:
        lines.append([text("The commands are the same; what is there now is not.")])
    yield rich(*lines)


def what_it_means(approval: ApprovalRecord) -> Iterator[list[Element]]:
    """What it touches, what to expect of it, and why it is asked."""
    touched = targets(approval.changes)
    named = ", ".join(touched[:8]) + (f" and {len(touched) - 8} more" if len(touched) > 8 else "")
    yield labelled("affects", f"{count(len(touched), 'target')}: {one_line(named)}")
    if approval.back_at:
        yield labelled("back", f"{by_itself(approval.back_at)}, which is approved with it")
    if approval.beware:
        yield labelled("beware", _short(approval.beware))
    if approval.because:
        yield labelled("why", _short(approval.because))


def _short(words: str) -> str:
    words = one_line(words)
    if len(words) <= LONG:
        return words
    return f"{words[:LONG].rstrip()}… (all of it is in the attached plan)"


def _decided(approval: ApprovalRecord) -> Iterator[Block]:
    """In place of the buttons: who decided, when and why, and what came of it."""
    lines = [_decision(decision) for decision in approval.decisions]
    if glass := approval.glass:
        lines += [glass_line(glass, long=WHOLE), [text(went_through(approval, glass))]]
        lines.append(review_line(glass, WHOLE))
    if approval.status != "pending":
        lines.append([text(outcome(approval), bold=True)])
    if lines:
        yield rich(*lines)


def _decision(decision: Decision) -> list[Element]:
    word = "Approved by " if decision.approves else "Denied by "
    reason = f" (reason: {_short(decision.reason)})" if decision.reason else ""
    return [text(word), person(decision.by), text(f" {exact(decision.at)}{reason}.")]


def outcome(approval: ApprovalRecord) -> str:
    """What came of it, in a plain sentence."""
    said = one_line(approval.outcome)
    untouched = "Nothing was changed."
    if approval.status == "expired":
        more = "more " if approval.decisions else ""
        had = f"{approval.missing} {more}of role {approval.role} had to approve"
        late = f"Expired at {clock(approval.expires_at)}: {had}."
        return f"{said or late} {untouched}"
    if approval.status == "denied":
        return f"{said or 'It was denied.'} {untouched}"
    if approval.status == "cancelled":
        return f"{said or 'Withdrawn: the run no longer needs it.'} {untouched}"
    if approval.status == "outdated":
        return said or "Not applied: what is there changed since this was asked."
    begun = "It is being applied."
    return said or (begun if approval.glass else f"Approved; {begun.lower()}")


def _buttons(approval: ApprovalRecord, run: RunRecord, breakable: bool) -> Iterator[Element]:
    is_open = approval.status == "pending" and run.status == "running"
    if is_open:
        if approval.frozen is None:
            yield _approve(approval)
        yield button("Deny…", names.DENY, approval.id, style="danger")
    yield button("Show the whole plan", names.WHOLE_PLAN, approval.id)
    if _may_be_planned_again(approval, run):
        yield button("Plan again", names.AGAIN, names.value(run.id, approval.step))
    if is_open and breakable:
        yield button("Break glass…", names.BREAK_GLASS, approval.id, style="danger")


def _approve(approval: ApprovalRecord) -> Element:
    if approval.effect == "DESTROY":
        return button("Approve…", names.APPROVE_DESTROY, approval.id)
    first = command_line(approval.changes[0].command) if approval.changes else approval.title
    more = len(approval.changes) - 1
    named = f"{count(len(approval.changes), 'change')} to {', '.join(targets(approval.changes))}"
    fitting = first if not more and len(one_line(first)) <= 250 else named
    asked = confirm(f"Approve: {approval.title}", fitting, "Approve", "Not now")
    return button("Approve…", names.APPROVE, approval.id, style="primary", confirm=asked)


def _may_be_planned_again(approval: ApprovalRecord, run: RunRecord) -> bool:
    newest = [one.id for one in run.approvals.values() if one.step == approval.step][-1:]
    step = run.steps.get(approval.step)
    over = step is not None and step.status not in OPEN | WELL
    ended = approval.status in ("denied", "expired", "outdated", "frozen")
    return run.status == "running" and ended and over and newest in ([], [approval.id])


def _text(approval: ApprovalRecord, run: RunRecord) -> str:
    of = f"run {mrkdwn(run.id)} ({mrkdwn(run.outline.book)} {mrkdwn(run.outline.title, 200)})"
    what = mrkdwn(" ; ".join(change.command for change in approval.changes), 1500)
    start = f"{_heading(approval)} · {approval.effect} · {mrkdwn(approval.title, 300)}, {of}"
    if approval.status != "pending":
        said = [
            f"{'approved' if one.approves else 'denied'} by {mention(one.by)}"
            for one in approval.decisions
        ]
        said += [glass_text(approval.glass)] if approval.glass else []
        people = f" ({', '.join(said)})" if said else ""
        return f"{start}: {mrkdwn(outcome(approval), 1000)}{people}"
    who = f"{mrkdwn(missing_people(approval), 300)}, not {mention(approval.requested_by)}"
    now = f" {NOT_NOW} {freeze_text(approval.frozen)}." if approval.frozen else ""
    earlier = outdated_by(approval, run)
    anew = f" Asked again. {mrkdwn(outcome(earlier), 500)}" if earlier else ""
    back = f" Back {by_itself(approval.back_at)}." if approval.back_at else ""
    return f"{start}: {what}. {who}, until {clock(approval.expires_at)}.{back}{anew}{now}"
