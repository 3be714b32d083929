"""
A broken glass: said loudly before, and afterwards wherever the change is shown, with who and why,
until somebody else has looked at it and for ever after. It is never called approved.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from datetime import datetime

from bot.engine.record import ApprovalRecord, Glass, OpenReview, RunRecord
from bot.slack.views import names
from bot.slack.views.changes import fitting, targets
from bot.slack.views.escape import CHANNEL_ID, cut, mention, mrkdwn, one_line
from bot.slack.views.kit import (
    Element,
    Rendered,
    actions,
    button,
    context,
    header,
    person,
    plain,
    preformatted,
    rich,
    section,
    text,
)
from bot.slack.views.kit import (
    mrkdwn as mrkdwn_text,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.words import clock, count, day_and_clock

BROKEN = "GLASS BROKEN"
OPEN_REVIEW = "NOT REVIEWED YET"
REVIEWED = "REVIEWED"
OPEN_REVIEWS = "Broken glass that nobody else has looked at yet"
SHORT = 250  #: Of a reason and of what was found, beside other things.
LISTED_REASON = 100
WHOLE = 1000  #: As long as the forms let them be.
LISTED = 3  #: On a run's card and beside a run in a list.
REVIEWS = 20
MENTIONED = 20
NOBODY = "Nobody has a role that may review it. Whoever keeps the bot's policy gives roles."

When = Callable[[datetime], str]


def broken_of(run: RunRecord) -> list[tuple[str, Glass]]:
    """With the title of what it was broken for, the oldest first."""
    return [(one.title, one.glass) for one in run.approvals.values() if one.glass]


def glass_line(glass: Glass, when: When = clock, long: int = SHORT) -> list[Element]:
    said = text(f" {when(glass.at)}: {cut(one_line(glass.reason), long)}")
    return [text(BROKEN, bold=True), text(" by "), person(glass.by), said]


def review_line(glass: Glass, long: int = SHORT) -> list[Element]:
    if glass.reviewed_at is None:
        return [text(OPEN_REVIEW, bold=True)]
    said = text(f" {day_and_clock(glass.reviewed_at)}: {cut(one_line(glass.review), long)}")
    return [text(REVIEWED, bold=True), text(" by "), person(glass.reviewed_by), said]


def glass_text(glass: Glass, when: When = clock) -> str:
    """For a text that is read alone; mrkdwn."""
    why = mrkdwn(glass.reason, SHORT)
    return f"{BROKEN} by {mention(glass.by)} {when(glass.at)}: {why} · {_review_text(glass)}"


def _review_text(glass: Glass) -> str:
    if glass.reviewed_at is None:
        return OPEN_REVIEW
    at, found = day_and_clock(glass.reviewed_at), mrkdwn(glass.review, SHORT)
    return f"{REVIEWED} by {mention(glass.reviewed_by)} {at}: {found}"


def _both(glass: Glass, when: When) -> list[Element]:
    return [*glass_line(glass, when), text(" · "), *review_line(glass)]


def run_glass(run: RunRecord) -> Iterator[list[Element]]:
    """For a run's card and its result: which step, who, why, and whether it is reviewed."""
    broken = broken_of(run)
    for title, glass in broken[-LISTED:]:
        yield [text(f"{cut(one_line(title), 150)}: "), *_both(glass, clock)]
    if (more := len(broken) - LISTED) > 0:
        yield [text(f"and {more} before; the timeline has them")]


def run_glass_text(run: RunRecord) -> list[str]:
    broken = broken_of(run)[-LISTED:]
    return [f"{mrkdwn(title, 150)}: {glass_text(glass)}" for title, glass in broken]


def run_mark(run: RunRecord) -> Iterator[list[Element]]:
    """For a list of runs: the newest, and whether all of them are reviewed."""
    broken = [glass for _, glass in broken_of(run)]
    if broken:
        state = _state(broken)
        yield [
            text("    "),
            *glass_line(broken[-1], day_and_clock, LISTED_REASON),
            text(f" {state}"),
        ]


def run_mark_text(run: RunRecord) -> list[str]:
    broken = [glass for _, glass in broken_of(run)]
    return [f"{BROKEN} by {mention(broken[-1].by)} {_state(broken)}"] if broken else []


def _state(broken: Sequence[Glass]) -> str:
    open_now = sum(glass.is_open for glass in broken)
    more = f", {count(len(broken), 'time')}" if len(broken) > 1 else ""
    return f"({OPEN_REVIEW if open_now else REVIEWED}{more})"


def went_through(approval: ApprovalRecord, glass: Glass) -> str:
    """What it went through without."""
    despite = f" Changes were {glass.despite}." if glass.despite else ""
    said = f"Went through without approval: {approval.lacking} had to give it.{despite}"
    return cut(one_line(said), 600)


# Where everybody reads it.


def glass_card(approval: ApprovalRecord, run: RunRecord, reviewers: Sequence[str]) -> Rendered:
    """`reviewers`: ids of the people and groups who may review it; the new card notifies them."""
    return _told(f"{BROKEN} · {approval.effect} · {approval.title}", approval, run, reviewers)


def review_due(approval: ApprovalRecord, run: RunRecord, reviewers: Sequence[str]) -> Rendered:
    """Said once a day, until it is reviewed."""
    is_open = approval.glass is not None and approval.glass.is_open
    head = "REVIEW STILL OPEN" if is_open else REVIEWED
    return _told(f"{head} · {approval.title}", approval, run, reviewers)


def _told(
    heading: str, approval: ApprovalRecord, run: RunRecord, reviewers: Sequence[str]
) -> Rendered:
    glass = approval.glass
    assert glass
    what = [text(went_through(approval, glass))]
    first = rich(glass_line(glass, day_and_clock, WHOLE), what, _where(approval, run))
    outcome = [text(cut(one_line(approval.outcome) or "It is being applied.", 1000))]
    then = rich(outcome, review_line(glass, WHOLE))
    blocks = [header(heading), first, *_commands(approval), then]
    if glass.is_open:
        blocks.append(section(mrkdwn_text(_for(reviewers))))
    tail = actions(_buttons(approval, run))
    return Rendered(_text(heading, approval, run, reviewers), fit_blocks(blocks, tail=tail))


def _text(heading: str, approval: ApprovalRecord, run: RunRecord, reviewers: Sequence[str]) -> str:
    glass = approval.glass
    assert glass
    of = f"run {mrkdwn(run.id)} ({mrkdwn(run.outline.book)} {mrkdwn(run.outline.title, 200)})"
    what = mrkdwn(" ; ".join(change.command for change in approval.changes), 800)
    who = f" {_for(reviewers)}" if glass.is_open else ""
    said = f"{mrkdwn(heading, 300)}, {of}: {what}. {glass_text(glass, day_and_clock)}"
    return fit_message(f"{said} · {mrkdwn(went_through(approval, glass))}{who}")


def _for(reviewers: Sequence[str]) -> str:
    if not reviewers:
        return NOBODY
    return f"To be reviewed by somebody else: {', '.join(map(mention, reviewers[:MENTIONED]))}"


def _where(approval: ApprovalRecord, run: RunRecord) -> list[Element]:
    found = [text(f"run {one_line(run.id)} ({one_line(run.outline.book)}), asked by ")]
    found.append(person(approval.requested_by))
    if CHANNEL_ID.fullmatch(run.room_id):
        found += [text(", in "), {"type": "channel", "channel_id": run.room_id}]
    return found


def _commands(approval: ApprovalRecord) -> Iterator[Block]:
    """Each whole or not at all."""
    shown = fitting(approval)
    yield from (preformatted(change.command) for change in shown)
    if left := approval.changes[len(shown) :]:
        where = cut(one_line(", ".join(targets(left))), 500)
        yield rich([text(f"{count(len(left), 'command')} more, to {where}: see the whole plan")])


def _buttons(approval: ApprovalRecord, run: RunRecord) -> Iterator[Element]:
    if approval.glass and approval.glass.is_open:
        yield button("Reviewed…", names.REVIEW, approval.id)
    yield button("Show the whole plan", names.WHOLE_PLAN, approval.id)
    yield button("Show the run", names.SHOW_RUN, run.id)


# What is open.


def open_lines(found: Sequence[OpenReview]) -> list[Block]:
    """One block, or none."""
    if not found:
        return []
    lines = [_open_line(one) for one in found[:LISTED]]
    more = f", and {len(found) - LISTED} more" if len(found) > LISTED else ""
    told = [text("/runbook reviews", code=True), text(f" shows each with what can be done{more}")]
    return [rich([text(OPEN_REVIEWS, bold=True)], *lines, told)]


def open_text(found: Sequence[OpenReview]) -> str:
    if not found:
        return ""
    lines = [
        f"{mrkdwn(one.title, 150)}, run {mrkdwn(one.run)}: {glass_text(one.glass, day_and_clock)}"
        for one in found[:LISTED]
    ]
    more = f"; and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return f"{OPEN_REVIEWS}: {'; '.join(lines)}{more}"


def reviews(found: Sequence[OpenReview], able: Container[str]) -> Rendered:
    """For one person: with a button where they may review. `able`: the plans' ids."""
    if not found:
        said = "No broken glass waits for a review."
        return Rendered(said, [section(plain(said, 100))])
    blocks: list[Block] = [header(OPEN_REVIEWS)]
    for one in found[:REVIEWS]:
        blocks.append(rich(_open_line(one)))
        can = [button("Reviewed…", names.REVIEW, one.plan, one.plan)] if one.plan in able else []
        show = button("Show the whole plan", names.WHOLE_PLAN, one.plan, one.plan)
        run = button(f"Show {one.run}", names.SHOW_RUN, one.run, one.plan)
        blocks += actions([*can, show, run])
    if (more := len(found) - REVIEWS) > 0:
        blocks.append(context(plain(f"and {more} more", 100)))
    return Rendered(fit_message(open_text(found)), fit_blocks(blocks))


def _open_line(one: OpenReview) -> list[Element]:
    of = f"{cut(one_line(one.title), 150)}, run {one_line(one.run)} ({one_line(one.book)}): "
    return [text(of), *glass_line(one.glass, day_and_clock)]
