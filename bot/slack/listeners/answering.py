"""Questions: answered with a button, a menu or a form; or whether something happened, settled."""

from collections.abc import Mapping
from typing import Any

from bot.access.acts import Answer as Answering
from bot.engine.intents import Refusal, Truth
from bot.engine.record import RunRecord
from bot.slack.listeners.front import Front
from bot.slack.listeners.leading import said
from bot.slack.listeners.secrets import with_secrets_kept
from bot.slack.listeners.visit import Answer, Open, Visit
from bot.slack.listeners.wrong import wrong
from bot.slack.views import names
from bot.slack.views.answers import read_values
from bot.slack.views.ephemeral import refused, sentence
from bot.slack.views.kit import Rendered, View
from bot.slack.views.names import Strange
from bot.slack.views.question import answer_modal

SETTLED = "This question was answered already, or its run is over. See the run's card."
TRUTHS: Mapping[str, Truth] = {
    names.HAPPENED: "done",
    names.NOT_HAPPENED: "not done",
    names.STOP_HERE: "stop",
}


async def answer(front: Front, visit: Visit) -> Answer:
    """Ticked off, taken on, or handed to somebody."""
    pressed = visit.pressed
    given: Mapping[str, Any] = {
        names.DONE: {},
        names.CLAIM: {"user_id": visit.actor.user_id},
        names.CLAIM_OTHER: {"user_id": pressed.user},
    }[pressed.name]
    return said(await front.desk.answer(pressed.id, visit.actor, given, visit.key))


async def choose(front: Front, visit: Visit) -> Answer:
    """One of the choices, or what is proposed."""
    pressed = visit.pressed
    found = await front.desk.question(pressed.id)
    if found is None:
        return await _settled(front, visit, pressed.id)
    question = found[0]
    if pressed.name == names.PROPOSED:
        given: Mapping[str, Any] | None = question.proposed
    else:
        given = dict(enumerate(value for _, value in question.choices)).get(pressed.number)
    if given is None:
        raise Strange("an answer that was not offered")
    return said(await front.desk.answer(pressed.id, visit.actor, given, visit.key))


async def answer_form(front: Front, visit: Visit) -> Answer:
    question_id = visit.pressed.id

    async def build() -> View | Rendered:
        found = await front.desk.question(question_id)
        if found is None:
            return sentence(SETTLED)
        member = await front.desk.judge(visit.actor, to_answer(found[1]))
        return refused(member) if isinstance(member, Refusal) else answer_modal(*found)

    return Open(build, "Press the button again.")


async def answered(front: Front, visit: Visit) -> Answer:
    """The form came back."""
    about = visit.metadata.about
    found = await front.desk.question(about)
    if found is None:
        return await _settled(front, visit, about)
    schema: Mapping[str, Any] = found[0].answer_schema or {}
    values = read_values(schema, visit.filled)
    given = await with_secrets_kept(front, visit, to_answer(found[1]), schema, values)
    if isinstance(given, Refusal):
        return wrong(visit, given, schema)
    done = await front.desk.answer(about, visit.actor, given, visit.key)
    return wrong(visit, done, schema) if isinstance(done, Refusal) else said(done)


async def _settled(front: Front, visit: Visit, question_id: str) -> Answer:
    """Whatever was answered is too late: the desk refuses it, and writes that down."""
    return said(await front.desk.answer(question_id, visit.actor, {}, visit.key))


def to_answer(run: RunRecord) -> Answering:
    return Answering(run.outline.book, run.inputs)


async def settle(front: Front, visit: Visit) -> Answer:
    """A person says whether an unsure change happened."""
    pressed = visit.pressed
    truth = TRUTHS[pressed.name]
    return said(await front.desk.resolve(pressed.id, visit.actor, truth, visit.key))
