"""
What people do in Slack, each taken in by one thin listener.

`register` is the whole table: which button, form, command and event goes to which function.
"""

import re
from collections.abc import Mapping

from slack_bolt.async_app import AsyncApp

from bot.runbook.mrkdwn import named
from bot.slack.listeners import (
    answering,
    breaking,
    browsing,
    commands,
    deciding,
    leading,
    scheduling,
    starting,
)
from bot.slack.listeners.front import CLICK, COMMAND, EVENT, SUBMISSION, Front, Listener
from bot.slack.listeners.lost import Lost
from bot.slack.listeners.visit import Answer, Visit
from bot.slack.views import names
from bot.slack.views.names import Strange

#: These do something, or open the form to do it: not for everybody.
JUDGED_BUTTONS: Mapping[str, Listener] = {
    names.PICK: leading.lead,
    names.UNDO: leading.lead,
    names.AGAIN: leading.lead,
    names.GO_ON: leading.lead,
    names.CLOSE: leading.lead,
    names.CANCEL: leading.lead,
    names.PAUSE: leading.lead,
    names.RESUME: leading.lead,
    names.HALT: leading.lead,
    names.APPROVE: deciding.approve,
    names.APPROVE_DESTROY: deciding.decision_form,
    names.DENY: deciding.decision_form,
    names.BREAK_GLASS: breaking.glass_form,
    names.REVIEW: breaking.review_form,
    names.CHOOSE: answering.choose,
    names.PROPOSED: answering.choose,
    names.CLAIM: answering.answer,
    names.CLAIM_OTHER: answering.answer,
    names.ANSWER: answering.answer_form,
    names.DONE: answering.answer,
    names.HAPPENED: answering.settle,
    names.NOT_HAPPENED: answering.settle,
    names.STOP_HERE: answering.settle,
    names.RUN_BOOK: starting.pressed_start,
    names.NEXT_HOP: starting.next_hop,
    names.PAUSE_SCHEDULE: scheduling.change,
    names.RESUME_SCHEDULE: scheduling.change,
    names.REMOVE_SCHEDULE: scheduling.change,
}
#: These only show something.
READING_BUTTONS: Mapping[str, Listener] = {
    names.WHOLE_PLAN: deciding.whole_plan,
    names.CATALOGUE: browsing.open_catalogue,
    names.SEARCH: browsing.browse,
    names.SHOW_BOOK: browsing.browse,
    names.PAGE: browsing.browse,
    names.SHOW_RUN: browsing.show_run,
    names.TIMELINE: browsing.show_timeline,
}
JUDGED_FORMS: Mapping[str, Listener] = {
    names.START_MODAL: starting.submitted,
    names.APPROVE_MODAL: deciding.decided,
    names.DENY_MODAL: deciding.decided,
    names.GLASS_MODAL: breaking.glass_broken,
    names.REVIEW_MODAL: breaking.reviewed,
    names.ANSWER_MODAL: answering.answered,
}
READING_FORMS: Mapping[str, Listener] = {names.CATALOGUE_MODAL: browsing.submitted}


def register(app: AsyncApp, front: Front) -> None:
    app.command("/runbook")(front.bolt(COMMAND, commands.runbook))
    for name, listener in JUDGED_BUTTONS.items():
        app.action(names.pattern(name))(front.bolt(CLICK, listener))
    for name, listener in READING_BUTTONS.items():
        app.action(names.pattern(name))(front.bolt(CLICK, listener))
    app.action(re.compile(".*"))(front.bolt(CLICK, _other_version))
    for name, listener in JUDGED_FORMS.items():
        app.view(name)(front.bolt(SUBMISSION, listener))
    for name, listener in READING_FORMS.items():
        app.view(name)(front.bolt(SUBMISSION, listener))
    app.event("app_home_opened")(front.bolt(EVENT, browsing.opened_home))
    app.error(Lost(front.telling, front.turned_away).answer)


async def _other_version(front: Front, visit: Visit) -> Answer:
    """A link that was followed needs no answer; a button of ours must be of another version."""
    if "url" in visit.action:
        return None
    name = named(str(visit.action.get("action_id")))
    raise Strange(f"a button that nobody listens to: {name}")
