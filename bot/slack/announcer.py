"""
What happened in a run, as what is to be seen of it in Slack.

Called within the transaction that makes it true: nothing here asks, draws or waits. Every name has
one place: the card is edited in place, while what somebody must notice is a message of its own,
because edits notify nobody.

    <run>/card                    the plan card
    <run>/step/<key>#<attempt>    what a step found, below the card; /plot /table /file with it.
                                  A step that failed is said in the channel itself
    <run>/approval/<id>           /plan below it, when the card cannot show all of it
    <run>/glass/<id>              that the glass was broken for it: /alerts in the channel for
                                  everybody, and in the room; /due/<n> that its review is open
    <run>/question/<id>           /due/<n> that it is to be done soon, or is overdue
    <run>/result                  how it ended; /result/origin where it was started. Of a run that
                                  speaks once its report, below which the details are
    schedule/<id>/<moment>        that a schedule did not start its run
    freeze/<which>/<since>        that changes are stopped; /over that they go on
    <run>/started                 where it was started, when it goes on in a room of its own
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from bot.access.acts import Frozen
from bot.engine.record import RunRecord, Said, SaidKind, StepRecord, StepStatus, Thaw, Trouble
from bot.runbook.findings import Details
from bot.runbook.showing import details_as_json
from bot.slack.views.approval import approval_card, needs_file
from bot.slack.views.card import card
from bot.slack.views.changes import plan_file, whole_plan_text
from bot.slack.views.escape import clean, file_name, one_line
from bot.slack.views.freezes import announced
from bot.slack.views.glass import glass_card, review_due
from bot.slack.views.kit import Rendered
from bot.slack.views.plots import alt_text
from bot.slack.views.question import closed_question_card, question_card, reminder
from bot.slack.views.report import is_told, report
from bot.slack.views.results import finished, started
from bot.slack.views.schedules import trouble as trouble_view
from bot.slack.views.step import needs_table_file, step_detail, table_file, table_text
from bot.slack.views.words import ENDED
from bot.store.deliveries import Delivery, Priority, message

#: What a step says in the thread; what only did not happen is on the card.
TOLD: frozenset[StepStatus] = frozenset({"ok", "warning", "problem", "unknown", "given", "failed"})
AT_WORK: frozenset[StepStatus] = frozenset({"working", "applying"})
#: What people are asked: from then on there is a card, also of a run that speaks once.
ASKS: frozenset[SaidKind] = frozenset({"approval asked", "question asked"})
#: What a finding has that hangs below a report.
SHOWN_BELOW = ("table", "plot", "file")
REDIRECT = "https://slack.com/app_redirect?channel="


class SlackAnnouncer:
    """
    `deciders`: by role, the ids of people and user groups that a new approval notifies.
    `channel`: the id of the one where everybody is told of a freeze and of a broken glass; empty:
    only the runs' own say it. `breakable`: the policy lets somebody break the glass; `reviewers`:
    the ids of who may review that.
    """

    def __init__(
        self,
        deciders: Mapping[str, Sequence[str]] | None = None,
        channel: str = "",
        breakable: bool = False,
        reviewers: Sequence[str] = (),
    ) -> None:
        self._deciders, self._channel = dict(deciders or {}), channel
        self._breakable, self._reviewers = breakable, reviewers

    def announce(self, run: RunRecord, said: Sequence[Said]) -> Sequence[Delivery]:
        if not said:
            return ()
        kinds = {one.kind for one in said}
        card_now = self._card(run, kinds)
        if run.speaks_once and not kinds & ASKS:
            card_now = replace(card_now, revises=True)
        deliveries = [card_now]
        for one in dict.fromkeys(said):
            deliveries += self._told(run, one, said)
        return deliveries

    def announce_freeze(self, frozen: Frozen, thaw: Thaw | None = None) -> Sequence[Delivery]:
        if not self._channel:
            return ()
        which = hashlib.sha256(frozen.window.encode()).hexdigest()[:8] if frozen.window else "all"
        since = frozen.since.timestamp() if frozen.since else 0
        name = f"freeze/{which}/{since:.3f}" + ("/over" if thaw else "")
        shown = announced(frozen, thaw)
        return (_said(name, shown, Priority.APPROVAL, place=self._channel),)

    def announce_trouble(self, trouble: Trouble) -> Sequence[Delivery]:
        name = f"schedule/{trouble.schedule}/{trouble.due.timestamp():.0f}"
        place = trouble.channel or self._channel
        shown = trouble_view(trouble)
        return (_said(name, shown, Priority.FINAL, place=place),) if place else ()

    def _card(self, run: RunRecord, kinds: Set[SaidKind]) -> Delivery:
        name, shown = f"{run.id}/card", card(run)
        if "run ended" in kinds:
            return _said(name, shown, Priority.FINAL)
        if "run started" in kinds:
            return _said(name, shown, Priority.POST)
        return _said(name, shown, Priority.EDIT if _is_at_work(run) else Priority.FINAL)

    def _told(self, run: RunRecord, one: Said, said: Sequence[Said]) -> Iterator[Delivery]:
        if one.kind == "room opened":
            yield from _room(run)
        elif one.kind == "run ended":
            yield from _result(run)
        elif one.kind == "step ended" and one.about in run.steps:
            yield from _step(run, run.steps[one.about])
        elif one.kind in ("approval asked", "approval changed"):
            yield from self._approval(run, one)
            yield from self._glass(run, one.about)
        elif one.kind == "review due":
            yield from self._glass(run, one.about)
            yield from self._reminders(run, one.about, only_newest=True)
        elif one.kind == "glass reviewed":
            yield from self._approval(run, one)
            yield from self._glass(run, one.about)
            yield from self._reminders(run, one.about)
            if run.status in ENDED:
                yield from _result(run)
        elif one.kind == "freeze changed":
            for approval in run.approvals.values():
                if approval.status == "pending":
                    yield from self._approval(run, Said("approval changed", approval.id))
        elif one.kind == "question asked" and one.about in run.questions:
            yield from _question(run, one.about)
        elif one.kind == "reminder due" and one.about in run.questions:
            question = run.questions[one.about]
            name = f"{run.id}/question/{question.id}/due/{question.reminded}"
            yield _said(name, reminder(question, run), Priority.APPROVAL)
        elif one.kind == "question closed":
            closed = closed_question_card(run, _answered(run, said))
            yield _said(f"{run.id}/question/{one.about}", closed, Priority.FINAL)

    def _approval(self, run: RunRecord, one: Said) -> Iterator[Delivery]:
        approval = run.approvals.get(one.about)
        if approval is None or not approval.people:  # Nobody was asked: the step says it.
            return
        is_new = one.kind == "approval asked"
        deciders = self._deciders.get(approval.role, ()) if is_new else ()
        name = f"{run.id}/approval/{approval.id}"
        shown = approval_card(approval, run, deciders, self._breakable)
        yield _said(name, shown, Priority.APPROVAL if is_new else Priority.FINAL)
        if is_new and needs_file(approval):
            whole = whole_plan_text(approval, run)
            payload = _file(plan_file(approval), f"The whole plan: {approval.title}", whole)
            yield Delivery(
                f"{name}/plan", "file", payload, thread=name, priority=Priority.APPROVAL
            )

    def _glass(self, run: RunRecord, plan: str) -> Iterator[Delivery]:
        """Where everybody reads it and where the run speaks; a new message, then edited."""
        approval = run.approvals.get(plan)
        if approval is None or approval.glass is None:
            return
        shown = glass_card(approval, run, self._reviewers)
        name = f"{run.id}/glass/{plan}"
        if self._channel:
            there = f"{name}/alerts"
            yield _said(there, shown, Priority.APPROVAL, place=self._channel)
        speaks_there = (run.room_id or run.origin.channel_id or self._channel) == self._channel
        if not (self._channel and speaks_there):
            yield _said(name, shown, Priority.APPROVAL)

    def _reminders(
        self, run: RunRecord, plan: str, only_newest: bool = False
    ) -> Iterator[Delivery]:
        approval = run.approvals.get(plan)
        if approval is None or approval.glass is None:
            return
        shown, newest = review_due(approval, run, self._reviewers), approval.glass.reminded
        for number in range(newest if only_newest else 1, newest + 1):
            name = f"{run.id}/glass/{plan}/due/{number}"
            yield _said(name, shown, Priority.APPROVAL, place=self._channel or "run")


def _is_at_work(run: RunRecord) -> bool:
    """Whether its card will change by itself. If not, it waits for people, and they for it."""
    return any(step.status in AT_WORK for step in run.steps.values())


def _said(
    name: str,
    shown: Rendered,
    priority: Priority = Priority.POST,
    *,
    place: str = "run",
    thread: str | None = None,
) -> Delivery:
    return message(name, shown.text, shown.blocks, place=place, thread=thread, priority=priority)


def _room(run: RunRecord) -> Iterator[Delivery]:
    """Its topic and purpose are the change's that opened it: by them it is found again."""
    yield Delivery(f"{run.id}/card/pin", "pin", {"message": f"{run.id}/card"})
    if run.origin.channel_id and not run.outline.confidential:
        yield _said(f"{run.id}/started", started(run), place="origin")
        bookmark = {
            "title": one_line(f"Started in #{run.origin.channel_name or 'another channel'}")[:100],
            "link": REDIRECT + quote(run.origin.channel_id, safe="", errors="replace"),
        }
        yield Delivery(f"{run.id}/bookmark", "bookmark", bookmark)


def _result(run: RunRecord) -> Iterator[Delivery]:
    if run.speaks_once:
        yield from _report(run)
        return
    yield _said(f"{run.id}/result", finished(run), Priority.FINAL)
    if run.room_name and run.origin.channel_id and not run.outline.confidential:
        yield _said(f"{run.id}/result/origin", finished(run), Priority.FINAL, place="origin")


def _report(run: RunRecord) -> Iterator[Delivery]:
    """With the details of its steps below it, as far as there are more than a sentence."""
    if not is_told(run):
        return
    name = f"{run.id}/result"
    yield _said(name, report(run), Priority.FINAL)
    for step in run.steps.values():
        if step.status in TOLD - {"failed"} and any(one in step.details for one in SHOWN_BELOW):
            yield from _detail(run, step, name)


def _question(run: RunRecord, question_id: str) -> Iterator[Delivery]:
    question = run.questions[question_id]
    urgent = question.kind in ("unsure", "gone")
    priority = Priority.APPROVAL if urgent else Priority.POST
    yield _said(f"{run.id}/question/{question_id}", question_card(question, run), priority)


def _answered(run: RunRecord, said: Sequence[Said]) -> StepRecord | None:
    """The step that a closed question was about: what moved together with it, if only one did."""
    moved = {one.about for one in said if one.kind.startswith("step ")} & set(run.steps)
    asking = [run.steps[key] for key in moved if run.steps[key].kind in ("ask", "confirm")]
    acting = [run.steps[key] for key in moved if run.steps[key].kind == "action"]
    candidates = asking or acting
    return candidates[0] if len(candidates) == 1 else None


def _step(run: RunRecord, step: StepRecord) -> Iterator[Delivery]:
    if step.status in TOLD and not (run.speaks_once and step.status != "failed"):
        yield from _detail(run, step, f"{run.id}/card")


def _detail(run: RunRecord, step: StepRecord, thread: str) -> Iterator[Delivery]:
    name = f"{run.id}/step/{step.key}#{step.attempt}"
    if step.status == "failed":  # What stopped is a message of its own: a thread notifies nobody.
        yield _said(name, step_detail(run, step), Priority.FINAL)
    else:
        yield _said(name, step_detail(run, step), thread=thread)
    for kind, payload in _files(step, step.details):
        yield Delivery(f"{name}/{kind}", "file", payload, thread=thread)


def _files(step: StepRecord, details: Details) -> Iterator[tuple[str, dict[str, Any]]]:
    if plot := details.get("plot"):
        drawn_later = details_as_json(Details(plot=plot))["plot"]
        yield (
            "plot",
            {
                "filename": file_name(f"{step.key}.png"),
                "title": one_line(plot.title)[:200],
                "alt_text": alt_text(plot),
                "plot": drawn_later,
            },
        )
    if (whole := details.get("table")) and needs_table_file(step):
        yield (
            "table",
            _file(table_file(step), f"{step.title}: all rows", table_text(whole)),
        )
    if file := details.get("file"):
        yield "file", _file(file.name, f"{step.title}: {file.name}", clean(file.text))


def _file(name: str, about: str, content: str) -> dict[str, Any]:
    shown_title = one_line(about)
    return {
        "filename": file_name(name),
        "title": shown_title[:200],
        "alt_text": shown_title[:900],
        "content": base64.b64encode(content.encode("utf-8", "replace")).decode(),
    }
