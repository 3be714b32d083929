"""
What a person can do with a run right now: pick an action, let a held run go on, look again, take
something back, finish, cancel. Only what the engine would accept is offered.
"""

from collections.abc import Iterator, Sequence

from bot.engine.record import RunRecord, StepRecord
from bot.slack.views import limits, names
from bot.slack.views.escape import cut, mention, mrkdwn, one_line
from bot.slack.views.kit import (
    Element,
    actions,
    button,
    confirm,
    context,
    menu,
    option,
    plain,
    section,
)
from bot.slack.views.kit import (
    mrkdwn as mrkdwn_text,
)
from bot.slack.views.limits import Block
from bot.slack.views.sections import UNDO, Stretch, line
from bot.slack.views.words import OPEN, WELL, WORD, clock, count

ROWS = 10  #: Actions with a row of their own; the others are in a menu.
HELD_ROWS = 6


def offered_actions(stretch: Stretch, run: RunRecord) -> list[Block]:
    """The actions of a section that one picks from, suggested ones first."""
    now_open = run.open_pick == stretch.section.key or stretch.section.mode == "standby"
    if run.status != "running" or run.dry or not now_open or _is_busy(run):
        return []
    free = [s for s in stretch.steps if s.kind == "action" and not s.key.endswith(UNDO)]
    free.sort(key=lambda step: step.key not in run.suggested)
    blocks = [_row(step, run) for step in free[:ROWS]]
    options = [_option(step, run) for step in free[ROWS:]]
    if options:
        blocks += actions([menu("Another action…", names.PICK, options, stretch.section.key)])
    return blocks


def held_steps(run: RunRecord, may_lead: bool = True) -> list[Block]:
    held = [run.steps[key] for key in run.held if key in run.steps]
    blocks: list[Block] = []
    for step in held[:HELD_ROWS]:
        value = names.value(run.id, step.key)
        blocks.append(section(plain(f"The run waits: {line(step, run)}", limits.SECTION_TEXT)))
        if may_lead:
            go_on = button("Go on", names.GO_ON, value, step.key, confirm=_going_on(step))
            blocks += actions([button("Again", names.AGAIN, value, step.key), go_on])
    if (more := len(held) - HELD_ROWS) > 0:
        blocks.append(section(plain(f"{count(more, 'more step')} after these.", 200)))
    return blocks


def between_parts(run: RunRecord) -> list[Block]:
    """Pausing, resuming and stopping what is made in parts."""
    blocks = [_wished(step) for step in run.steps.values() if step.wished_by]
    buttons = [one for step in run.steps.values() for one in _between_parts(step, run)]
    return [*blocks, *actions(buttons)]


def _wished(step: StepRecord) -> Block:
    did = {"pause": "pauses", "stop": "stops"}[step.wish or "pause"]
    did = "has paused" if step.status == "paused" else did
    return context(mrkdwn_text(f"{mention(step.wished_by)} {did}: {mrkdwn(step.title, 300)}"))


def _between_parts(step: StepRecord, run: RunRecord) -> Iterator[Element]:
    value, title = names.value(run.id, step.key), one_line(step.title)
    at_work = step.in_parts and step.status == "applying" and not step.blocked_by
    if run.status != "running" or not (at_work or step.status == "paused"):
        return
    if step.status == "paused":
        yield button("Resume", names.RESUME, value, step.key, style="primary")
    elif not step.wish:
        yield button("Pause", names.PAUSE, value, step.key)
    if step.wish != "stop":
        said = f"{title} ends there. What was done stays done: done again, it goes on after it."
        sure = confirm("Stop this?", said, "Stop it", "Keep it", "danger")
        yield button("Stop after this part", names.HALT, value, step.key, confirm=sure)


def for_the_run(run: RunRecord, may_lead: bool = True) -> list[Block]:
    """Looking again, taking back, finishing and cancelling."""
    return actions(_for_the_run(run, may_lead))


def _for_the_run(run: RunRecord, may_lead: bool) -> Iterator[Element]:
    if run.status == "running" and may_lead:
        if again := [_again(step, run) for step in run.steps.values() if _is_read(step)]:
            yield menu("Re-check…", names.AGAIN, again, "menu")
        if not _is_busy(run):
            yield from _undos(run)
        if run.open_pick:
            closed = names.value(run.id, run.open_pick)
            yield button("Finish", names.CLOSE, closed, confirm=_finishing(run))
    yield button("Timeline", names.TIMELINE, run.id)
    if run.status == "running" and may_lead:
        yield button("Cancel run", names.CANCEL, run.id, style="danger", confirm=_cancelling(run))


def _row(step: StepRecord, run: RunRecord) -> Block:
    is_suggested = step.key in run.suggested and step.status not in WELL
    lead = "suggested: " if is_suggested else ""
    done = "" if step.status == "waiting" else f" ({WORD[step.status]})"
    review = button(
        "Review plan",
        names.PICK,
        names.value(run.id, step.key),
        step.key,
        style="primary" if is_suggested and step.status == "waiting" else None,
    )
    return section(plain(f"{lead}{one_line(step.title)}{done}", 500), review)


def _option(step: StepRecord, run: RunRecord) -> Element:
    lead = "suggested: " if step.key in run.suggested else ""
    return option(lead + step.title, names.value(run.id, step.key))


def _again(step: StepRecord, run: RunRecord) -> Element:
    return option(f"{step.title} ({WORD[step.status]})", names.value(run.id, step.key))


def _undos(run: RunRecord) -> Iterator[Element]:
    for key in run.undoable[: limits.ACTIONS_ELEMENTS]:
        label = f"Take back: {one_line(run.steps[key].title)}"
        value = names.value(run.id, key)
        yield button(cut(label, limits.BUTTON_TEXT), names.UNDO, value, key)


def _is_read(step: StepRecord) -> bool:
    return step.kind in ("check", "watch") and step.status not in OPEN


def _is_busy(run: RunRecord) -> bool:
    """One remedy at a time: while one is under way, no other is planned."""
    asked: Sequence[str] = ("planned", "applying", "paused", "unsure")
    return any(step.status in asked for step in run.steps.values())


def _going_on(step: StepRecord) -> Element:
    found = f"{step.title}: {WORD[step.status]}. {step.says}"
    return confirm("Go on over this?", found, "Go on", "Wait", "danger")


def _finishing(run: RunRecord) -> Element:
    titles = [section.title for section in run.outline.sections]
    at = [section.key for section in run.outline.sections].index(run.open_pick or "")
    after = f"goes on with {titles[at + 1]}" if at + 1 < len(titles) else "ends"
    said = f"Nothing more is picked from {titles[at]}, and the run {after}."
    return confirm("Finish?", said, "Finish", "Not yet")


def _cancelling(run: RunRecord) -> Element:
    of = f"Run {run.id} of {run.outline.book}, started {clock(run.started_at)}"
    said = f"{of}, ends. What was applied stays; what is being applied now is seen to its end."
    if run.returns:
        last = max(run.returns.values())
        said = (
            f"{of}, ends at {clock(last)}: what is to be taken back by itself is all the same."
            " Take it back first if it is not to wait. Else nothing more is done."
        )
    return confirm("Cancel this run?", said, "Cancel the run", "Keep it", "danger")
