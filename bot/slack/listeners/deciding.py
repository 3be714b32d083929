"""
Approvals. A button carries an opaque id; what it stands for, who may decide and whether it is too
late is known only to the desk, which judges every click and writes it down.
"""

from bot.access.acts import Deny
from bot.engine.access import to_approve
from bot.engine.intents import Noted, Refusal
from bot.slack.listeners.attaching import attach
from bot.slack.listeners.front import Front
from bot.slack.listeners.leading import said
from bot.slack.listeners.visit import Answer, Later, Open, Private, Visit
from bot.slack.listeners.wrong import wrong
from bot.slack.views import names
from bot.slack.views.changes import whole_plan_text
from bot.slack.views.deciding import approve_modal, deny_modal, read_decision
from bot.slack.views.ephemeral import plan, refused, sentence
from bot.slack.views.kit import Rendered, View

GONE = "This request does not exist any more. See the run's card for what is asked now."
#: Characters of a plan that are readable in a private message; a longer one comes as a file.
WHOLE_IN_A_MESSAGE = 8000


async def approve(front: Front, visit: Visit) -> Answer:
    """A CHANGE; Slack's own dialog has named it and was confirmed."""
    return said(await front.desk.decide(visit.pressed.id, visit.actor, True, "", "", visit.key))


async def decision_form(front: Front, visit: Visit) -> Answer:
    """Approving a DESTROY and denying anything need words."""
    denies = visit.pressed.name == names.DENY
    approval_id = visit.pressed.id

    async def build() -> View | Rendered:
        found = await front.desk.approval(approval_id)
        if found is None:
            return sentence(GONE)
        act = Deny(found[0].role) if denies else to_approve(found[0])
        if isinstance(may := await front.desk.judge(visit.actor, act), Refusal):
            return refused(may)
        return deny_modal(*found) if denies else approve_modal(*found)

    return Open(build, "Press the button again.")


async def decided(front: Front, visit: Visit) -> Answer:
    """One of the two forms came back."""
    approves = visit.view.get("callback_id") == names.APPROVE_MODAL
    typed, reason = read_decision(visit.filled)
    about = visit.metadata.about
    answer = await front.desk.decide(about, visit.actor, approves, reason, typed, visit.key)
    return to_form(front, visit, answer)


def to_form(front: Front, visit: Visit, answer: Noted | Refusal) -> Answer:
    """What the form that came back is answered with."""
    if not isinstance(answer, Refusal):
        return said(answer)
    if answer.decided_by:  # The form keeps what was typed, and can name nobody.
        front.telling.say_later(visit, refused(answer))
    return wrong(visit, answer)


async def whole_plan(front: Front, visit: Visit) -> Answer:
    approval_id = visit.pressed.id
    stored = await front.desk.plan_text(approval_id, visit.actor)
    found = await front.desk.approval(approval_id)
    if stored is None or found is None:
        return Private(sentence(GONE))
    text = whole_plan_text(*found, stored)
    if len(text) <= WHOLE_IN_A_MESSAGE:
        return Private(plan(text))
    return Later(lambda: attach(front.telling.calls, visit, f"plan-{approval_id}.txt", text))
