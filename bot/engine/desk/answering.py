"""What people answer: questions, things done by hand, and what became of an unsure change."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from bot.access.acts import Answer, Lead, Read
from bot.access.member import Member
from bot.engine.desk.records import Records
from bot.engine.engine import Engine
from bot.engine.inputs import secrets_in, wrong_fields
from bot.engine.intents import Actor, Noted, Refusal, Truth
from bot.engine.plans import calls_of
from bot.engine.record import QuestionRecord, RunRecord
from bot.engine.reports import Report
from bot.engine.results import done_as_json
from bot.engine.state import Event
from bot.engine.versions import AGAIN, CANCEL, WITHOUT, OfAnotherVersion, step_of
from bot.runbook.values import USER_ID
from bot.store.tables import plans

BESIDE = (
    "Another version of the bot asked this, and it is being replaced just now: press again in a"
    " moment."
)
ANEW = "Another version of the bot asked this, so it is asked anew: answer the new question."


class Answering(Records):
    async def answer(
        self, question_id: str, by: Actor, answer: Mapping[str, Any], key: str
    ) -> Noted | Refusal:
        answering = self._answer(question_id, by, answer, key)
        return await self._heard(answering, None, "answer", question_id, by)

    async def _answer(
        self, question_id: str, by: Actor, answer: Mapping[str, Any], key: str
    ) -> Noted | Refusal:
        asked = await self.question(question_id)
        member = await self._may_answer(by, asked)
        if isinstance(member, Refusal):
            return member
        if asked is None:
            return Refusal("This question was answered already, or its run is over.")
        question, run = asked
        attempt, told = run.steps[question.step].attempt, "Noted."
        event = Event("answered", question.step, attempt, "", by.user_id, by.team_id)
        if question.kind == "gone":
            event, report = _without(event, run, answer, member)
        elif question.kind == "ask" and not self._asks_it_so(question, run):
            if await self._engine.is_being_replaced():
                return Refusal(BESIDE)
            event, report, told = replace(event, outcome=AGAIN), Report(), ANEW
        else:
            report = self._read_answer(question, run, answer, member)
        if isinstance(report, Refusal):
            return report
        taken = await self._engine.take(run.id, f"answer:{key}", event, report)
        if taken.is_new and not taken.moved:
            return Refusal("Somebody else answered this just before you.")
        return Noted(told)

    def _asks_it_so(self, question: QuestionRecord, run: RunRecord) -> bool:
        """Whether this version of the bot asks the same, and so can read the answer."""
        try:
            kind: Any = step_of(self._engine.books, run.outline, question.step).gives.result
        except OfAnotherVersion:
            return False
        return bool(question.answer_schema == json.loads(json.dumps(kind.model_json_schema())))

    def _read_answer(
        self,
        question: QuestionRecord,
        run: RunRecord,
        answer: Mapping[str, Any],
        member: Member,
    ) -> Report | Refusal:
        if question.kind == "confirm":
            return Report(says=f"Done, says {member.name}", has_result=True)
        if question.kind != "ask":
            return Refusal("This cannot be answered here. See the run's card.")
        if question.choices and dict(answer) not in [dict(value) for _, value in question.choices]:
            return Refusal("Choose one of what is offered.")
        step = self._engine.books[run.outline.book].steps[question.step]
        kind: Any = step.gives.result
        try:
            value = kind.model_validate(dict(answer))
        except ValidationError as error:
            return Refusal("Some of the answer is not right.", fields=wrong_fields(kind, error))
        if wrong := secrets_in(value):
            return Refusal("There is a secret in it; it was not taken.", fields=wrong)
        stored = value.model_dump(mode="json")
        return Report(says=_said(question, answer, stored), result=stored, has_result=True)

    async def resolve(
        self, question_id: str, by: Actor, truth: Truth, key: str
    ) -> Noted | Refusal:
        resolving = self._resolve(question_id, by, truth, key)
        return await self._heard(resolving, None, "resolve", question_id, by)

    async def _resolve(
        self, question_id: str, by: Actor, truth: Truth, key: str
    ) -> Noted | Refusal:
        asked = await self.question(question_id)
        member = await self._may_answer(by, asked)
        if isinstance(member, Refusal):
            return member
        if asked is None or asked[0].kind != "unsure":
            return Refusal("This was settled already.")
        question, run = asked
        report = await self._engine.store.read(
            _resolution, run.id, question.step, truth, member.name, self._engine
        )
        attempt = run.steps[question.step].attempt
        event = Event("resolved", question.step, attempt, truth, by.user_id, by.team_id)
        taken = await self._engine.take(run.id, f"resolve:{key}", event, report)
        if taken.is_new and not taken.moved:
            return Refusal("Somebody else settled this just before you.")
        return Noted("Noted.")

    async def _may_answer(
        self, by: Actor, asked: tuple[QuestionRecord, RunRecord] | None
    ) -> Member | Refusal:
        if asked is None:
            return await self._judge.may(by, Read())
        question, run = asked
        act = Lead if question.kind == "gone" else Answer
        return await self._judge.may(by, act(run.outline.book, run.inputs))


def _said(question: QuestionRecord, answer: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    """What was chosen is said as it was offered; what was filled in, field by field."""
    for label, value in question.choices:
        if dict(value) == dict(answer):
            return label
    return "; ".join(_answer_text(one) for one in stored.items())


def _without(
    event: Event, run: RunRecord, answer: Mapping[str, Any], member: Member
) -> tuple[Event, Report | Refusal]:
    """What a person says about a step that cannot be done."""
    then = answer.get("then")
    if then == CANCEL:
        return replace(event, kind="cancelled", about=""), Report()
    if then == AGAIN:
        return replace(event, outcome=AGAIN), Report()
    if then == WITHOUT:
        says = f"Left out, says {member.name}. {run.steps[event.about].says}"
        return replace(event, outcome=WITHOUT), Report(says)
    return event, Refusal("Choose one of what is offered.")


def _resolution(
    c: sa.Connection, run_id: str, step: str, truth: Truth, name: str, engine: Engine
) -> Report:
    says = {"done": "It happened", "not done": "It did not happen", "stop": "Left as it is"}
    if truth != "done":
        return Report(says=f"{says[truth]}, says {name}")
    query = sa.select(plans.c.text).where(plans.c.run == run_id, plans.c.step == step)
    text = c.execute(query.order_by(plans.c.attempt.desc()).limit(1)).scalar_one()
    result = done_as_json(calls_of(text), engine.clock.now())
    return Report(says=f"{says[truth]}, says {name}", result=result, has_result=True)


def _answer_text(item: tuple[str, Any]) -> str:
    """A person as `<@ID>`, which is read as their name; what somebody typed never is one."""
    field, value = item
    of = value if isinstance(value, dict) else {field: value}
    user_id = str(of["user_id"]) if set(of) == {"user_id"} else ""
    is_person = re.fullmatch(USER_ID, user_id)
    said = f"<@{user_id}>" if is_person else str(value).replace("<@", "< @")
    return said if field == "user_id" else f"{field.replace('_', ' ')}: {said}"
