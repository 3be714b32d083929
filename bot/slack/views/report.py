"""
The one message of a run that speaks once: what needs somebody, worst first, with what people know
of it already; what is well in one line; and where it leads. Its details hang below it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.engine.record import RunRecord, StepRecord
from bot.engine.turned import NEWS, Turn
from bot.slack.views import names
from bot.slack.views.card import severity
from bot.slack.views.escape import cut, mrkdwn, one_line
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
from bot.slack.views.kit import (
    mrkdwn as mrkdwn_text,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.news import (
    EACH,
    ORDER,
    concerns,
    concerns_text,
    known,
    known_text,
    turns,
)
from bot.slack.views.results import done_lines
from bot.slack.views.sections import tally, unwell
from bot.slack.views.starter import starter_text
from bot.slack.views.step import hops
from bot.slack.views.words import (
    RUN_WORD,
    WELL,
    WORD,
    count,
    exact,
)

SHOWN = 12  #: Steps that are shown with what they found.
NAMED = 600  #: Of the names of what is well.
REST = "Everything else is as it was told before."


def is_told(run: RunRecord) -> bool:
    """Whether there is anything that people do not know."""
    if not run.speaks_on_change or run.approvals or any(done_lines(run)):
        return True
    return any(one.turned in NEWS for one in run.news)


def report(run: RunRecord) -> Rendered:
    shown = _shown(run)
    blocks: list[Block] = []
    for step in shown[:SHOWN]:
        found = turns(run, step)
        blocks.append(rich(_head(run, step, found), *concerns(run, found)))
        blocks += hops(run, step, f"{step.key}.")
    if (left := len(shown) - SHOWN) > 0:
        blocks.append(
            context(plain(f"and {count(left, 'more step')}; the timeline has all.", 200))
        )
    tail = [*map(_line, done_lines(run)), *_rest(run), *_footer(run)]
    title = f"{run.outline.book} {run.outline.title}"
    head = header(f"{cut(_summary(run, shown), 80)} · {title}")
    said = [f"{mrkdwn(title, 200)}, run {mrkdwn(run.id)}: {mrkdwn(_summary(run, shown))}"]
    said += [_spoken(run, step, turns(run, step)) for step in shown[:SHOWN]]
    return Rendered(fit_message(". ".join([*said, _well_text(run)]).strip(". ") + "."),
                    fit_blocks([head, *blocks], tail=tail))  # fmt: skip


def _shown(run: RunRecord) -> list[StepRecord]:
    """What turned, what is bad first; else all that is not well, and then what has turned."""
    found = [(step, turns(run, step)) for step in run.steps.values()]
    turned = sorted(
        (one for one in found if one[1]), key=lambda one: ORDER.index(one[1][0].turned)
    )
    steps = [step for step, _ in turned]
    if run.speaks_on_change:
        return steps
    wrong = list(unwell(run))
    return [*wrong, *(step for step in steps if step not in wrong)]


def _head(run: RunRecord, step: StepRecord, found: Sequence[Turn]) -> list[Element]:
    """`PROBLEM · Last sync: 2 of 300 accounts are stale (as of 08:00:09 UTC)`."""
    said = f": {cut(one_line(step.says), EACH)}" if step.says else ""
    at = f" (as of {exact(step.ended_at)})" if step.ended_at else ""
    line = [text(_word(step, found), bold=True), text(f" · {one_line(step.title)}{said}{at}")]
    return [*line, *known(run, found)]


def _word(step: StepRecord, found: Sequence[Turn]) -> str:
    is_well = step.status in WELL and found and all(one.turned == "good" for one in found)
    return "WELL AGAIN" if is_well else WORD[step.status]


def _spoken(run: RunRecord, step: StepRecord, found: Sequence[Turn]) -> str:
    said = f"{_word(step, found)} · {one_line(step.title)}"
    said += f": {one_line(step.says)}" if step.says else ""
    return f"{mrkdwn(said, 2 * EACH)}{known_text(run, found)}{concerns_text(run, found)}"


def _summary(run: RunRecord, shown: Sequence[StepRecord]) -> str:
    """`1 PROBLEM, 1 UNKNOWN`, `ALL WELL`, `1 TURNED BAD, 1 WELL AGAIN`."""
    ended = "" if run.status == "finished" else f"{RUN_WORD[run.status]} · "
    if run.speaks_on_change:
        counted = [(how, sum(one.turned == how for one in run.news)) for how in WORDS]
        said = ", ".join(f"{number} {WORDS[how]}" for how, number in counted if number)
        return ended + (said or "NOTHING TURNED")
    wrong = list(unwell(run))
    if wrong:
        return ended + tally(wrong)
    return ended + ("ALL WELL" if _well(run) else "NOTHING WAS LOOKED AT")


WORDS = {"bad": "TURNED BAD", "lost": "CANNOT BE READ", "good": "WELL AGAIN"}


def _well(run: RunRecord) -> list[str]:
    looks = (step for step in run.steps.values() if step.kind in ("check", "watch"))
    return [one_line(step.title) for step in looks if step.status == "ok"]


def _well_text(run: RunRecord) -> str:
    return mrkdwn(_well_line(run), NAMED)


def _well_line(run: RunRecord) -> str:
    if run.speaks_on_change:
        return REST
    well = _well(run)
    return f"{count(len(well), 'check')} well: {'; '.join(well)}" if well else ""


def _rest(run: RunRecord) -> Iterator[Block]:
    if said := _well_line(run):
        yield _line(cut(said, NAMED))


def _line(words: str) -> Block:
    return rich([text(cut(words, NAMED))])


def _footer(run: RunRecord) -> Iterator[Block]:
    looked = _looked(run)
    by = f"{mrkdwn(severity(run), 60)} · started by {starter_text(run)} · run {mrkdwn(run.id)}"
    yield context(mrkdwn_text(f"{looked}{by}"))
    yield from actions(
        [
            button("Timeline", names.TIMELINE, run.id),
            button("Show the card", names.SHOW_RUN, run.id),
        ]
    )


def _looked(run: RunRecord) -> str:
    """`looked 2026-03-06 08:00:02 to 08:00:09 UTC · `."""
    looks = [step for step in run.steps.values() if step.kind in ("check", "watch")]
    first = min((step.started_at for step in looks if step.started_at), default=None)
    last = max((step.ended_at for step in looks if step.ended_at), default=None)
    if first is None or last is None:
        return ""
    return f"looked {_day(first)} {first:%H:%M:%S} to {_day_if_other(first, last)}{exact(last)} · "


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _day_if_other(first: datetime, last: datetime) -> str:
    return "" if first.date() == last.date() else f"{_day(last)} "
