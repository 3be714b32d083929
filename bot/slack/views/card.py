"""
The plan card: the one message of a run that is edited in place, and says at a glance how it is.
"""

from collections.abc import Iterator
from datetime import timedelta

from bot.access.acts import Frozen
from bot.engine.record import RunRecord
from bot.slack.views import limits
from bot.slack.views.escape import cut, mention, mrkdwn, one_line
from bot.slack.views.fields import form_fields
from bot.slack.views.freezes import freeze_lines, freeze_text
from bot.slack.views.glass import run_glass, run_glass_text
from bot.slack.views.kit import (
    Rendered,
    context,
    header,
    plain,
    rich,
    section,
    text,
)
from bot.slack.views.kit import (
    mrkdwn as mrkdwn_text,
)
from bot.slack.views.limits import Block, fit_blocks, fit_message
from bot.slack.views.offers import between_parts, for_the_run, held_steps, offered_actions
from bot.slack.views.sections import ahead, line, only_a_person, section_block, stretches, unwell
from bot.slack.views.starter import starter_text
from bot.slack.views.words import ENDED, RUN_WORD, age, by_itself, clock, count, lasted

BEHIND_S = 10  #: From here on people are told that what they see is old.
INPUTS_TEXT = 500
NAMED_IN_TEXT = 3


def card(run: RunRecord, behind_s: float = 0, may_lead: bool = True) -> Rendered:
    """
    `behind_s`: for how long Slack has not taken what is to be shown. `may_lead`: False for the
    eyes of somebody alone who may not press its buttons.
    """
    blocks = [
        header(f"{run.outline.book} {run.outline.title} · {severity(run)}"),
        context(mrkdwn_text(_about(run))),
        *_inputs(run),
        *_ended(run),
        *freeze_lines(frozen_for(run)),
        *_glass(run),
        *_returns(run),
    ]
    coming = []
    for stretch in stretches(run):
        offers = offered_actions(stretch, run) if may_lead else []
        if stretch.is_ahead and not offers:
            coming.append(stretch)
        else:
            blocks += [section_block(stretch, run), *offers]
    if waiting := ahead(coming if run.status not in ENDED else []):
        blocks.append(waiting)
    tail = [
        *held_steps(run, may_lead),
        *(between_parts(run) if may_lead else ()),
        *for_the_run(run, may_lead),
        *_behind(behind_s),
    ]
    return Rendered(fit_message(card_text(run)), fit_blocks(blocks, tail=tail))


def severity(run: RunRecord) -> str:
    """The run's own, when its inputs say one; else the runbook's."""
    own = run.inputs.get("severity")
    return one_line(own) if isinstance(own, str) and own else run.outline.severity


def named(run: RunRecord) -> str:
    """`run 7F3K, RB-INC-001 Service Outage`, for a mrkdwn text."""
    dry = "dry run" if run.dry else "run"
    book = mrkdwn(f"{run.outline.book} {run.outline.title}", 200)
    return f"{dry} {mrkdwn(run.id)}, {book}"


def card_text(run: RunRecord) -> str:
    """All that a screen reader and a notification have."""
    said = f"{named(run)}: {RUN_WORD[run.status]} for {age(run)}"
    if run.status in ENDED:
        said = f"{named(run)}: {RUN_WORD[run.status]} after {age(run)}"
    wrong = [mrkdwn(line(step, run), 300) for step in unwell(run)]
    shown = wrong[:NAMED_IN_TEXT]
    if more := len(wrong) - len(shown):
        shown.append(f"and {more} more")
    frozen = [freeze_text(one) for one in frozen_for(run)[:NAMED_IN_TEXT]]
    return ". ".join([said, *run_glass_text(run), *frozen, *shown, *_next(run)]) + "."


def frozen_for(run: RunRecord) -> tuple[Frozen, ...]:
    """What matters to a run that could still change something."""
    return () if run.status in ENDED or run.dry else run.frozen


def _glass(run: RunRecord) -> Iterator[Block]:
    if lines := list(run_glass(run)):
        yield rich(*lines)


def _returns(run: RunRecord) -> Iterator[Block]:
    """One is told where it stands; earlier, or while it is wrong, people take it back."""
    lines = [
        f"{one_line(run.steps[key].title)}: back {by_itself(at)}"
        for key, at in run.returns.items()
        if key in run.steps
    ]
    if lines:
        yield context(plain(" · ".join(lines), INPUTS_TEXT))


def _next(run: RunRecord) -> Iterator[str]:
    for key, at in run.returns.items():
        yield f"{mrkdwn(run.steps[key].title, 200)}: back {by_itself(at)}"
    if run.held:
        yield f"It waits for somebody to say go on: {count(len(run.held), 'step')}"
    if run.open_pick:
        picks = [run.steps[key].title for key in run.suggested if key in run.steps]
        yield "Pick what applies" + (f"; suggested: {mrkdwn(', '.join(picks), 300)}" * bool(picks))
    if waiting := [one for one in run.approvals.values() if one.status == "pending"]:
        yield f"Needs approval: {mrkdwn(', '.join(one.title for one in waiting), 300)}"
    if run.questions:
        asked = ", ".join(one.title for one in run.questions.values())
        yield f"Needs an answer: {mrkdwn(asked, 300)}"


def _about(run: RunRecord) -> str:
    kind = "DRY RUN · " if run.dry else ""
    started = f"started by {starter_text(run)} {clock(run.started_at)}"
    leads = [
        f" · {mrkdwn(step.title, 100)}: {mention(who)}"
        for step in run.steps.values()
        if (who := only_a_person(step))
    ]
    how = f"run {mrkdwn(run.id)} · *{RUN_WORD[run.status]}* · {age(run)}"
    return f"{kind}{started} · {how}{''.join(leads[:5])}"


def _inputs(run: RunRecord) -> Iterator[Block]:
    secret = {one.name for one in form_fields(run.outline.inputs) if one.kind == "secret"}
    given = {name: _input(value) for name, value in run.inputs.items() if name not in secret}
    shown = [f"{name}: {value}" for name, value in given.items() if value]
    if shown:
        yield context(plain(" · ".join(shown), INPUTS_TEXT))


def _input(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _ended(run: RunRecord) -> Iterator[Block]:
    if run.status in ENDED:
        because = cut(one_line(run.ended_because), limits.SECTION_TEXT - 200)
        ended = f"{RUN_WORD[run.status]} after {age(run)}"
        yield rich([text(ended, bold=True), text(f": {because}" if because else ".")])


def _behind(behind_s: float) -> Iterator[Block]:
    if behind_s >= BEHIND_S:
        late = lasted(timedelta(seconds=behind_s))
        yield section(plain(f"Slack is {late} behind: what you see here may be that old.", 300))
