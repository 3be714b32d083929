"""
Breaking the glass, and reviewing afterwards that it was broken. The desk judges every click, when
a form is opened and when it comes back.
"""

from collections.abc import Callable

from bot.access.acts import Act, BreakGlass
from bot.engine.access import to_review
from bot.engine.intents import Refusal
from bot.engine.record import ApprovalRecord, RunRecord
from bot.slack.listeners.deciding import GONE
from bot.slack.listeners.front import Front
from bot.slack.listeners.leading import said
from bot.slack.listeners.typed import Order
from bot.slack.listeners.visit import Answer, Open, Private, Visit
from bot.slack.listeners.wrong import wrong
from bot.slack.views.breaking import glass_modal, review_modal
from bot.slack.views.deciding import read_decision
from bot.slack.views.ephemeral import refused, sentence
from bot.slack.views.glass import reviews
from bot.slack.views.kit import Rendered, View

NOTHING = "There is nothing to review here (any more). `/runbook reviews` lists what is open."


async def glass_form(front: Front, visit: Visit) -> Answer:
    return _form(front, visit, glass_modal, lambda _: BreakGlass())


async def review_form(front: Front, visit: Visit) -> Answer:
    return _form(front, visit, _to_review, to_review)


def _to_review(approval: ApprovalRecord, run: RunRecord) -> View | Rendered:
    if approval.glass and approval.glass.is_open:
        return review_modal(approval, run)
    return sentence(NOTHING)


def _form(
    front: Front,
    visit: Visit,
    shown: Callable[[ApprovalRecord, RunRecord], View | Rendered],
    act: Callable[[ApprovalRecord], Act],
) -> Open:
    about = visit.pressed.id

    async def build() -> View | Rendered:
        found = await front.desk.approval(about)
        if found is None:
            return sentence(GONE)
        if isinstance(may := await front.desk.judge(visit.actor, act(found[0]), about), Refusal):
            return refused(may)
        return shown(*found)

    return Open(build, "Press the button again.")


async def glass_broken(front: Front, visit: Visit) -> Answer:
    typed, reason = read_decision(visit.filled)
    about = visit.metadata.about
    answer = await front.desk.break_glass(about, visit.actor, reason, typed, visit.key)
    return wrong(visit, answer) if isinstance(answer, Refusal) else said(answer)


async def reviewed(front: Front, visit: Visit) -> Answer:
    _, found = read_decision(visit.filled)
    answer = await front.desk.review(visit.metadata.about, visit.actor, found, visit.key)
    return wrong(visit, answer) if isinstance(answer, Refusal) else said(answer)


async def list_reviews(front: Front, visit: Visit, order: Order) -> Answer:
    assert visit.who, "the front has looked them up"
    found = await front.desk.reviews()
    able = {one.plan for one in found if not front.desk.why_not(visit.who, to_review(one))}
    return Private(reviews(found, able))
