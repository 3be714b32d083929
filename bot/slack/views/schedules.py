"""What is started by the clock, as a list for one person; and that something was not started."""

from collections.abc import Container, Iterator, Sequence

from bot.engine.record import Trouble
from bot.engine.scheduled import LastRun, ScheduleRecord
from bot.slack.views import names
from bot.slack.views.escape import cut, mention, mrkdwn, one_line, place
from bot.slack.views.kit import (
    Element,
    Rendered,
    actions,
    button,
    channel,
    confirm,
    context,
    date,
    person,
    plain,
    rich,
    text,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.words import RUN_WORD, WORD, clock, count, day_and_clock

LISTED = 15  #: Each with its buttons; below 50 blocks.
INPUTS = 200
WHY = 300
NONE = (
    "Nothing is started by the clock."
    ' `/runbook schedule add "0 8 * * mon-fri" RB-INC-001 key=value` adds it.'
)


def schedules(every: Sequence[ScheduleRecord], able: Container[str]) -> Rendered:
    """`able`: the ids of those that this person may pause, resume and remove."""
    if not every:
        line = [text(part, code=bool(n % 2)) for n, part in enumerate(NONE.split("`")) if part]
        return Rendered(fit_message(NONE), [rich(line)])
    blocks: list[Block] = []
    for one in every[:LISTED]:
        blocks.append(rich(_what(one), _when(one), *_besides(one)))
        blocks += actions(_buttons(one) if one.id in able else ())
    if (left := len(every) - LISTED) > 0:
        blocks.append(context(plain(f"and {count(left, 'more schedule')}", 100)))
    said = "; ".join(map(_spoken, every[:LISTED])) + (f"; and {left} more" if left > 0 else "")
    return Rendered(fit_message(f"Started by the clock: {said}"), fit_blocks(blocks))


def _what(one: ScheduleRecord) -> list[Element]:
    by = [text("added by "), person(one.by)] if one.by else [text("as the runbook declares")]
    return [
        text(one.id, code=True), text("  " if one.is_declared else f"  {one_line(one.book)}  "),
        text(one.cron.text, code=True), text(f" {one_line(one.cron.zone)} · {_given(one)}"),
        *_where(one), *by,
    ]  # fmt: skip


def _where(one: ScheduleRecord) -> Iterator[Element]:
    if one.origin.channel_id:
        yield from (text("in "), channel(one.origin.channel_id), text(" · "))


def _given(one: ScheduleRecord) -> str:
    """Only what differs from an empty field."""
    given = ", ".join(f"{name}: {_shown(value)}" for name, value in one.inputs.items() if value)
    return f"{cut(one_line(given), INPUTS)} · " if given else ""


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _when(one: ScheduleRecord) -> list[Element]:
    if one.paused_at is None:
        return [text("next "), date(one.next_at), *_last(one.last)]
    by = [text(" by "), person(one.paused_by)] if one.paused_by else [text(" by the bot itself")]
    why = text(f": {cut(one_line(one.paused_why), WHY)}") if one.paused_why else text(" ")
    return [text("PAUSED ", bold=True), date(one.paused_at), *by, why, *_last(one.last)]


def _last(last: LastRun | None) -> list[Element]:
    if last is None:
        return [text(" · has not run yet")]
    return [
        text(" · last "),
        date(last.due),
        text(f": {_ended(last)}, run "),
        text(last.run, code=True),
    ]


def _ended(last: LastRun) -> str:
    """`OK`, `PROBLEM`; how it is, when it is not over or was cut off."""
    if last.status == "finished":
        return WORD[last.worst] if last.worst else RUN_WORD[last.status]
    return RUN_WORD[last.status]


def _besides(one: ScheduleRecord) -> Iterator[list[Element]]:
    if one.skipped:
        yield [text(f"Skipped: {cut(one_line(one.skipped), WHY)}", italic=True)]


def _buttons(one: ScheduleRecord) -> Iterator[Element]:
    if one.paused_at is None:
        yield button("Pause", names.PAUSE_SCHEDULE, one.id, one.id)
    else:
        yield button("Resume", names.RESUME_SCHEDULE, one.id, one.id)
    if not one.is_declared:
        said = f"{one.id} starts {one.book} no more. To have it again, add it again."
        sure = confirm("Remove this schedule?", said, "Remove", "Keep", "danger")
        yield button("Remove…", names.REMOVE_SCHEDULE, one.id, one.id, confirm=sure)


def _spoken(one: ScheduleRecord) -> str:
    when = mrkdwn(f"{one.cron.text} {one.cron.zone}")
    said = f"{mrkdwn(one.id)}{'' if one.is_declared else ' ' + mrkdwn(one.book, 60)} ({when})"
    said += f" in {place(one.origin.channel_id)}" if one.origin.channel_id else ""
    if one.paused_at is None:
        said += f", next {day_and_clock(one.next_at)}"
    else:
        said += f", PAUSED by {mention(one.paused_by) if one.paused_by else 'the bot itself'}"
    last = f", last {_ended(one.last)} in run {mrkdwn(one.last.run)}" if one.last else ""
    skipped = f", skipped: {mrkdwn(one.skipped, WHY)}" if one.skipped else ""
    return f"{said}{last}{skipped}"


def trouble(one: Trouble) -> Rendered:
    """A run was not started, and why; and that none will be, until somebody does something."""
    at = f"at {clock(one.due)}"
    whose = [text(", schedule "), text(one.schedule, code=True), *_of(one)]
    why = cut(one_line(one.says), 1000)
    line = [text(f"{one.book} was not started {at}", bold=True), *whose, text(f": {why}")]
    said = f"{mrkdwn(one.book, 60)} was not started {at}, schedule {mrkdwn(one.schedule)}"
    said += f" of {mention(one.by)}" if one.by else ""
    said += f": {mrkdwn(why, 1000)}"
    if not one.is_paused:
        return Rendered(fit_message(said), [rich(line)])
    again = f"/runbook schedule resume {one.schedule}"
    paused = [
        text("It is paused, and starts nothing until somebody types "),
        text(again, code=True),
    ]
    return Rendered(
        fit_message(f"{said} It is paused until somebody types {mrkdwn(again)}"),
        [rich(line, paused)],
    )


def _of(one: Trouble) -> list[Element]:
    return [text(" of "), person(one.by)] if one.by else []
