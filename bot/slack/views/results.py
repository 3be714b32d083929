"""
What is said once: that a run started, and how it ended. New messages, because edits are silent.
"""

from collections.abc import Iterator
from datetime import datetime

from bot.engine.record import RunRecord, StepRecord
from bot.slack.views import limits, names
from bot.slack.views.card import named, severity
from bot.slack.views.escape import CHANNEL_ID, cut, mrkdwn, one_line
from bot.slack.views.glass import run_glass, run_glass_text
from bot.slack.views.kit import (
    Element,
    Rendered,
    actions,
    button,
    context,
    header,
    plain,
    rich,
    text,
)
from bot.slack.views.limits import fit_message
from bot.slack.views.sections import line, unwell
from bot.slack.views.starter import starter, starter_text
from bot.slack.views.words import RUN_WORD, age, clock, count

LISTED = 10
EACH = 300
NOTHING_CHANGED = "Nothing was changed."


def started(run: RunRecord) -> Rendered:
    """For the channel it was started from."""
    dry = " as a dry run" if run.dry else ""
    room = f"It goes on in #{run.room_name}." if run.room_name else ""
    begun = f"{severity(run)} · {run.outline.book} {run.outline.title}"
    by = [text(f"{begun} ", bold=True), text("started by "), *starter(run)]
    when = [text(f" at {clock(run.started_at)}{dry}, run "), text(run.id, code=True)]
    blocks = [
        rich([*by, *when], _room(run)),
        *actions([button("Show how it is", names.SHOW_RUN, run.id)]),
    ]
    said = f"started by {starter_text(run)} at {clock(run.started_at)}"
    summary = f"{mrkdwn(severity(run))} {named(run)}, {said}. {mrkdwn(room)}".strip()
    return Rendered(fit_message(summary), blocks)


def _room(run: RunRecord) -> list[Element]:
    if CHANNEL_ID.fullmatch(run.room_id):
        return [text("It goes on in "), {"type": "channel", "channel_id": run.room_id}]
    return [text(f"It goes on in #{run.room_name}")] if run.room_name else []


def finished(run: RunRecord) -> Rendered:
    """How it ended, what was changed, and what stays open."""
    head = f"{run.outline.book} {RUN_WORD[run.status].lower()} after {age(run)}"
    dry = "DRY RUN · " if run.dry else ""
    lines = list(_lines(run))
    because = one_line(run.ended_because)
    blocks = [
        header(f"{RUN_WORD[run.status]} · {dry}{run.outline.book} {run.outline.title}"),
        rich(
            [text(f"{head}.", bold=True), text(f" {cut(because, 1500)}")],
            *([text(cut(one, EACH))] for one in lines),
            *run_glass(run),
        ),
        context(plain(f"run {run.id} · started {clock(run.started_at)}", 500)),
        *actions(_buttons(run)),
    ]
    glass = "".join(f"{one}. " for one in run_glass_text(run))
    said = " ".join(mrkdwn(one, EACH) for one in (because, *lines) if one)
    summary = f"{named(run)}: {RUN_WORD[run.status]} after {age(run)}. {glass}{said}"
    return Rendered(fit_message(summary), blocks)


def _lines(run: RunRecord) -> Iterator[str]:
    done = list(done_lines(run))
    yield from done
    if not done and not _is_open_whether(run):
        yield NOTHING_CHANGED
    yield from _findings(run)


def done_lines(run: RunRecord) -> Iterator[str]:
    """What was changed, and what was done besides."""
    done = [step for step in run.steps.values() if _has_changed(step)]
    agreed = {one.step for one in run.approvals.values() if one.people}
    changed = [step for step in done if step.key in agreed]
    yield from (f"Changed: {_change(step)}" for step in changed[:LISTED])
    if besides := [one_line(step.title) for step in done if step.key not in agreed]:
        yield f"{'Also done' if changed else 'Done'}: {'; '.join(besides[:LISTED])}."


def _findings(run: RunRecord) -> Iterator[str]:
    """What was found before the last change is not said to be so still."""
    wrong = list(unwell(run))
    changed_at = _last_change(run)
    older = [s for s in wrong if changed_at and s.ended_at and s.ended_at < changed_at]
    still = [s for s in wrong if s not in older]
    stay = "stays" if len(still) == 1 else "stay"
    before = "from before the last change, not checked again:"
    for found, how in ((still, f"{stay} open:"), (older, before)):
        if found:
            yield f"{count(len(found), 'finding')} {how}"
        yield from (line(step, run) for step in found[:LISTED])
        if (more := len(found) - LISTED) > 0:
            yield f"and {more} more; the timeline has them."


def _last_change(run: RunRecord) -> datetime | None:
    """When the last of those that people agreed to was seen done."""
    agreed = [one for one in run.approvals.values() if one.people]
    seen = [change.at for one in agreed for change in one.changes if change.state == "applied"]
    return max((at for at in seen if at), default=None)


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
    return f"{one_line(step.title)}" + (f" ({one_line(step.says)})" if step.says else "")


def _buttons(run: RunRecord) -> Iterator[Element]:
    yield button("Timeline", names.TIMELINE, run.id)
    yield button("Show the card", names.SHOW_RUN, run.id)
    if run.status != "finished":
        book = cut(run.outline.book, limits.BUTTON_TEXT - 20)
        yield button(f"Run {book} again…", names.RUN_BOOK, run.outline.book)
