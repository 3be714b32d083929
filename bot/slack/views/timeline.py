"""
What happened in a run and when, as a list for a message and as a text for a file. Both are made
from the record, so they say the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.engine.record import ApprovalRecord, RunRecord, StepRecord
from bot.slack.views.approval import outcome
from bot.slack.views.card import named
from bot.slack.views.escape import cut, file_name, mention, mrkdwn, one_line, set_in
from bot.slack.views.glass import BROKEN, REVIEWED, went_through
from bot.slack.views.kit import Element, Rendered, context, header, person, plain, rich, text
from bot.slack.views.limits import fit_message
from bot.slack.views.sections import only_a_person, word
from bot.slack.views.starter import starter_plain
from bot.slack.views.words import OPEN, RUN_WORD, WORD, age, day_and_clock, exact, took

SHOWN = 60  #: Entries in a message, the newest; the file has all.
ENTRY = 300
SET_IN = len("2026-01-31 14:02:11  ")


@dataclass(frozen=True)
class Entry:
    """A person is named apart from the words: text from outside must not name one."""

    at: datetime
    before: str
    who: str = ""
    after: str = ""

    @property
    def words(self) -> str:
        return f"{self.before} {self.who}{self.after}" if self.who else self.before


def timeline(run: RunRecord) -> Rendered:
    entries = list(timeline_entries(run))
    shown = entries[-SHOWN:]
    lines = [
        [text(exact(one.at), code=True), text(f"  {cut(one_line(one.before), ENTRY)}"), *_who(one)]
        for one in shown
    ]
    blocks = [header(f"Timeline of run {run.id}"), rich(*lines)]
    if left := len(entries) - len(shown):
        blocks.append(context(plain(f"{left} earlier entries are in the file.", 200)))
    newest = "; ".join(f"{exact(one.at)} {_spoken(one)}" for one in shown[-5:])
    return Rendered(fit_message(f"Timeline of {named(run)}: {newest}"), blocks)


def _who(one: Entry) -> list[Element]:
    if not one.who:
        return []
    after = cut(one_line(one.after), ENTRY)
    return [text(" "), person(one.who), *([text(after)] if after else [])]


def _spoken(one: Entry) -> str:
    who = f" {mention(one.who)}" if one.who else ""
    return f"{mrkdwn(one.before, ENTRY)}{who}{mrkdwn(one.after, ENTRY)}"


def timeline_text(run: RunRecord) -> str:
    """All of it, nothing cut."""
    head = [
        f"Timeline of run {run.id}: {run.outline.book} {run.outline.title}",
        f"started by {' '.join(filter(None, starter_plain(run)))}"
        f" at {day_and_clock(run.started_at)};"
        f" {RUN_WORD[run.status].lower()}, {age(run)}",
        "All times are UTC.",
        "",
    ]
    lines = [f"{one.at:%Y-%m-%d %H:%M:%S}  {one.words}" for one in timeline_entries(run)]
    return "\n".join(set_in(one, SET_IN) for one in [*head, *lines]) + "\n"


def timeline_name(run: RunRecord) -> str:
    return file_name(f"timeline-{run.id}.txt")


def timeline_entries(run: RunRecord) -> list[Entry]:
    """In the order in which it happened."""
    before, who = starter_plain(run)
    begun = Entry(run.started_at, f"{run.outline.book} started by {before}".strip(), who)
    found = [begun, *_ended(run)]
    for step in run.steps.values():
        found += _of_step(step, run)
    for approval in run.approvals.values():
        found += _of_approval(approval)
    return sorted(found, key=lambda one: one.at)


def _of_step(step: StepRecord, run: RunRecord) -> Iterator[Entry]:
    if step.ended_at and step.status not in OPEN:
        done = f"{word(step, run)} {one_line(step.title)}"
        says = f": {step.says}" if step.says else ""
        lasted = f"took {took(step)}" if took(step) else ""
        if who := only_a_person(step):
            yield Entry(step.ended_at, f"{done}:", who, f", {lasted}" if lasted else "")
        else:
            yield Entry(step.ended_at, f"{done}{says}{f' ({lasted})' if lasted else ''}")
    elif step.started_at and step.status in OPEN:
        yield Entry(step.started_at, f"{WORD[step.status]} {one_line(step.title)}")


def _of_approval(approval: ApprovalRecord) -> Iterator[Entry]:
    if approval.people:
        asked = f"{approval.effect} asked by"
        yield Entry(approval.asked_at, asked, approval.requested_by, f": {approval.title}")
    for change in approval.changes:
        if change.state != "planned" and change.at:
            seen = f" ({change.seen})" if change.seen else ""
            yield Entry(change.at, f"{change.state}: {change.command}{seen}")
    for one in approval.decisions:
        reason = f": {one.reason}" if one.reason else ""
        decided = "approved" if one.approves else "denied"
        yield Entry(one.at, f"{approval.title} {decided} by", one.by, reason)
    if glass := approval.glass:
        instead = f": {glass.reason} ({went_through(approval, glass)})"
        yield Entry(glass.at, f"{approval.title} {BROKEN} by", glass.by, instead)
        if glass.reviewed_at:
            found = f": {glass.review}"
            yield Entry(glass.reviewed_at, f"{BROKEN} {REVIEWED} by", glass.reviewed_by, found)
    if approval.status == "expired":
        yield Entry(approval.expires_at, f"{approval.title}: {outcome(approval)}")


def _ended(run: RunRecord) -> Iterator[Entry]:
    if run.ended_at:
        because = f": {run.ended_because}" if run.ended_because else ""
        yield Entry(run.ended_at, f"{run.outline.book} {RUN_WORD[run.status].lower()}{because}")
