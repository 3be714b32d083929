"""
What is said once: that a run started, and how it ended. New messages, because edits are silent.
"""

from collections.abc import Iterator

from bot.engine.record import RunRecord, StepRecord
from bot.slack.views import limits, names
from bot.slack.views.card import named, severity
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
    rich,
    text,
)
from bot.slack.views.limits import fit_message
from bot.slack.views.sections import line, title, unwell
from bot.slack.views.words import RUN_WORD, age, clock, count

LISTED = 10
EACH = 300
NOTHING_CHANGED = "Nothing was changed."


def started(run: RunRecord) -> Rendered:
    """For the channel it was started from."""
    dry = " as a dry run" if run.dry else ""
    room = f"It goes on in #{run.room_name}." if run.room_name else ""
    begun = f"{severity(run)} · {run.outline.book} {run.outline.title}"
    blocks = [
        rich(
            [text(f"{begun} ", bold=True), text("started by "), person(run.started_by)],
            [text(f"at {clock(run.started_at)}{dry}, run "), text(run.id, code=True)],
            _room(run),
        ),
        *actions([button("Show how it is", names.SHOW_RUN, run.id)]),
    ]
    by = f"started by {mention(run.started_by)} at {clock(run.started_at)}"
    summary = f"{mrkdwn(severity(run))} {named(run)}, {by}. {mrkdwn(room)}".strip()
    return Rendered(fit_message(summary), blocks)


def _room(run: RunRecord) -> list[Element]:
    if CHANNEL_ID.fullmatch(run.room_id):
        return [text("It goes on in "), {"type": "channel", "channel_id": run.room_id}]
    return [text(f"It goes on in #{run.room_name}")] if run.room_name else []


def finished(run: RunRecord) -> Rendered:
    """How it ended, what was changed, and what stays open."""
    head = f"{run.outline.book} {RUN_WORD[run.status].lower()} after {age(run)}"
    lines = list(_lines(run))
    because = one_line(run.ended_because)
    blocks = [
        header(f"{RUN_WORD[run.status]} · {run.outline.book} {run.outline.title}"),
        rich(
            [text(f"{head}.", bold=True), text(f" {cut(because, 1500)}")],
            *([text(cut(one, EACH))] for one in lines),
        ),
        context(plain(f"run {run.id} · started {clock(run.started_at)}", 500)),
        *actions(_buttons(run)),
    ]
    said = " ".join(mrkdwn(one, EACH) for one in (because, *lines) if one)
    summary = f"{named(run)}: {RUN_WORD[run.status]} after {age(run)}. {said}"
    return Rendered(fit_message(summary), blocks)


def _lines(run: RunRecord) -> Iterator[str]:
    changed = [step for step in run.steps.values() if _has_changed(step)]
    if changed:
        yield f"Changed: {'; '.join(_change(step) for step in changed[:LISTED])}."
    elif not _is_open_whether(run):
        yield NOTHING_CHANGED
    wrong = list(unwell(run))
    if wrong:
        stay = "stays" if len(wrong) == 1 else "stay"
        yield f"{count(len(wrong), 'finding')} {stay} open:"
    yield from (line(step, run) for step in wrong[:LISTED])
    if (more := len(wrong) - LISTED) > 0:
        yield f"and {more} more; the timeline has them."


def _has_changed(step: StepRecord) -> bool:
    return step.kind == "action" and step.status == "given"


def _is_open_whether(run: RunRecord) -> bool:
    """Something was begun of which it is not known, or not said, how much was done."""
    return any(
        change.state != "planned"
        for approval in run.approvals.values()
        for change in approval.changes
    )


def _change(step: StepRecord) -> str:
    return f"{title(step)}" + (f" ({one_line(step.says)})" if step.says else "")


def _buttons(run: RunRecord) -> Iterator[Element]:
    yield button("Timeline", names.TIMELINE, run.id)
    yield button("Show the card", names.SHOW_RUN, run.id)
    if run.status != "finished":
        book = cut(run.outline.book, limits.BUTTON_TEXT - 20)
        yield button(f"Run {book} again…", names.RUN_BOOK, run.outline.book)
