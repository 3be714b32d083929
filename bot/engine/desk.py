"""
Where people's intents are taken in: looked up, judged, made durable, answered.

The order on every intent: who is it, may they, was it here before, does the run wait for it. A
refusal consumes nothing and is an entry in the audit log.
"""

import difflib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from bot.engine import noted
from bot.engine.access import known, may_decide, may_lead
from bot.engine.conductor import may_pick, undoable
from bot.engine.engine import Engine
from bot.engine.inputs import live_choices, not_there, read_inputs, wrong_fields
from bot.engine.intents import (
    Actor,
    Member,
    Noted,
    NotedStart,
    Refusal,
    Started,
    StartRun,
    Truth,
)
from bot.engine.plans import parse, readable
from bot.engine.reading import recent_runs, run_of_plan, run_of_question, run_record
from bot.engine.record import ApprovalRecord, QuestionRecord, RunRecord, Said
from bot.engine.reports import Report
from bot.engine.results import done_as_json
from bot.engine.state import NOT_OVER, Event, EventKind, RunState
from bot.engine.taking import note
from bot.runbook import RunbookInputs
from bot.runbook.changes import digest
from bot.runbook.outline import Outline, outline
from bot.store.rooms import begin_room
from bot.store.tables import decisions, events, plans, runs

#: Without the letters and digits that are mistaken for one another.
ID_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 4


class EngineDesk:
    """Implements bot.engine.intents.Desk."""

    def __init__(self, engine: Engine, on_paper: Mapping[str, str] | None = None) -> None:
        self._engine, self._on_paper = engine, on_paper or {}
        self._outlines = {key: outline(book) for key, book in engine.books.items()}

    @property
    def books(self) -> Mapping[str, Outline]:
        return self._outlines

    @property
    def on_paper(self) -> Mapping[str, str]:
        return self._on_paper

    # Starting.

    async def note_start(self, intent: StartRun) -> Noted | Refusal:
        inputs = self._read_inputs(intent)
        if isinstance(inputs, Refusal):
            return inputs
        await self._engine.store.tx_first(noted.keep, intent, self._engine.clock.now())
        return Noted()

    async def forget_start(self, key: str) -> None:
        await self._engine.store.tx(noted.forget, key)

    async def noted_starts(self) -> Sequence[NotedStart]:
        return await self._engine.store.read(noted.kept, self._engine.clock.now())

    async def start_run(self, intent: StartRun) -> Started | Refusal:
        member = await self._leader(intent.by, None, "start", intent.book_id)
        if isinstance(member, Refusal):
            return member
        inputs = await self._checked(intent)
        if isinstance(inputs, Refusal):
            return inputs
        return await self._begin(intent, inputs)

    def no_such_book(self, book_id: str) -> Refusal:
        wanted = book_id.upper()
        if title := self._on_paper.get(wanted):
            return Refusal(f"{wanted} {title} cannot be run by the bot yet: follow its prose.")
        nearest = difflib.get_close_matches(wanted, self._outlines, n=3, cutoff=0.6)
        return Refusal(f"There is no runbook {book_id}.", nearest=tuple(nearest))

    async def _checked(self, intent: StartRun) -> RunbookInputs | Refusal:
        inputs = self._read_inputs(intent)
        if isinstance(inputs, Refusal):
            return inputs
        book = self._engine.books[intent.book_id]
        wrong = await not_there(book, inputs, self._engine.around)
        return Refusal("Some inputs do not exist.", fields=wrong) if wrong else inputs

    def _read_inputs(self, intent: StartRun) -> RunbookInputs | Refusal:
        book = self._engine.books.get(intent.book_id)
        return read_inputs(book, intent.inputs) if book else self.no_such_book(intent.book_id)

    async def _begin(self, intent: StartRun, inputs: RunbookInputs) -> Started | Refusal:
        engine = self._engine
        key = f"start:{intent.key}"

        def begin(c: sa.Connection) -> tuple[Started, list[str]]:
            noted.forget(c, intent.key)
            query = sa.select(events.c.run).where(events.c.key == key)
            if earlier := c.execute(query).scalar():
                return Started(earlier, is_new=False), []
            now, run_id = engine.clock.now(), _fresh_id(c)
            c.execute(
                sa.insert(runs).values(
                    id=run_id, book=intent.book_id, status="new",
                    outline=json.dumps(self._outlines[intent.book_id].as_json()),
                    inputs=inputs.model_dump_json(),
                    state=json.dumps(RunState(dry=intent.dry).as_json()),
                    started_by=intent.by.user_id, origin_channel=intent.origin.channel_id,
                    origin_name=intent.origin.channel_name, dry=int(intent.dry),
                    started_at=now, updated_at=now,
                )
            )  # fmt: skip
            opens = not intent.dry and self._opens_a_room(intent.book_id)
            begin_room(c, run_id, intent.origin.channel_id, opens)
            started = Event("started", by=intent.by.user_id)
            return Started(run_id), engine.taker.take(c, now, run_id, key, started).start

        answer, due = await engine.write(begin)
        engine.start_work(due)
        return answer

    def _opens_a_room(self, book_id: str) -> bool:
        steps = self._engine.books[book_id].steps.values()
        return any(change.opens_room for step in steps for change in step.gives.changes)

    # Leading a run.

    async def pick(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        def awaited(outline: Outline, run: RunState) -> str:
            return "" if may_pick(outline, run, step) else "Another step is at work just now."

        return await self._tell(run_id, "picked", step, by, key, awaited)

    async def undo(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        def awaited(outline: Outline, run: RunState) -> str:
            able = step in undoable(outline, run)
            return "" if able else "There is nothing of it to take back now."

        return await self._tell(run_id, "undo", step, by, key, awaited)

    async def close(self, run_id: str, section: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._tell(run_id, "closed", section, by, key)

    async def again(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        def awaited(_outline: Outline, run: RunState) -> str:
            busy = run.status_of(step) in NOT_OVER
            return "It is being done already." if busy else ""

        return await self._tell(run_id, "again", step, by, key, awaited)

    async def go_on(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._tell(run_id, "go on", step, by, key)

    async def cancel(self, run_id: str, by: Actor, key: str) -> Noted | Refusal:
        return await self._tell(run_id, "cancelled", "", by, key)

    async def _tell(
        self,
        run_id: str,
        kind: EventKind,
        about: str,
        by: Actor,
        key: str,
        awaited: Callable[[Outline, RunState], str] = lambda _outline, _run: "",
    ) -> Noted | Refusal:
        member = await self._leader(by, run_id, kind, about)
        if isinstance(member, Refusal):
            return member
        row = await self._engine.store.read(_state_row, run_id)
        if row is None:
            return Refusal(f"There is no run {run_id}. `/runbook status` lists those that run.")
        state = RunState.from_json(json.loads(row.state))
        if state.is_over:
            return Refusal(f"Run {run_id} is {state.status}. Start the runbook anew.")
        event = Event(kind, about, by=by.user_id)
        before = await self._engine.store.read(_was_here, f"{kind}:{key}")
        why = awaited(Outline.from_json(json.loads(row.outline)), state)
        if why and not before:
            return Refusal(f"{why} See the run's card.")
        taken = await self._engine.take(run_id, f"{kind}:{key}", event)
        if taken.is_new and not taken.moved:
            return Refusal("The run does not wait for this now. See its card for what it needs.")
        return Noted()

    # Approving.

    async def decide(
        self, approval_id: str, by: Actor, approves: bool, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        member = await known(self._engine.directory, by)
        if isinstance(member, Refusal):
            await self._refused(None, "decide", approval_id, by, member)
            return member

        def judge(c: sa.Connection) -> tuple[Noted | Refusal, list[str]]:
            return self._judge(c, approval_id, member, approves, reason, typed, key)

        answer, due = await self._engine.write(judge)
        self._engine.start_work(due)
        return answer

    def _judge(
        self,
        c: sa.Connection,
        approval_id: str,
        member: Member,
        approves: bool,
        reason: str,
        typed: str,
        key: str,
    ) -> tuple[Noted | Refusal, list[str]]:
        """One compare-and-set: within this transaction nobody else decides."""
        engine, now = self._engine, self._engine.clock.now()
        row = c.execute(
            sa.select(plans).where(plans.c.id == approval_id).with_for_update()
        ).first()
        if row is None:
            return Refusal("This request does not exist (any more)."), []
        if told := _was_here(c, f"decide:{key}"):
            return Noted(told), []
        record = run_record(c, row.run, engine.kinds)
        assert record
        approval = record.approvals[approval_id]
        refusal = may_decide(
            approval, member, approves=approves, reason=reason, typed=typed, now=now
        )
        if refusal is None and digest(row.text) != row.digest:
            refusal = Refusal("The stored plan is not what was shown. Ask for a new plan.")
        if refusal:
            note(c, now, row.run, "refused decision", approval_id, member.user_id, why=refusal.why)
            return refusal, []
        c.execute(
            sa.insert(decisions).values(
                plan=approval_id, by=member.user_id, approves=int(approves), reason=reason, at=now
            )
        )
        note(
            c, now, row.run, "approved" if approves else "denied", approval_id, member.user_id,
            reason=reason, digest=row.digest,
        )  # fmt: skip
        return self._decided(c, row, approval, approves, member, reason, key)

    def _decided(
        self,
        c: sa.Connection,
        row: Any,
        approval: ApprovalRecord,
        approves: bool,
        member: Member,
        reason: str,
        key: str,
    ) -> tuple[Noted | Refusal, list[str]]:
        engine, now, missing = self._engine, self._engine.clock.now(), approval.missing - 1
        if approves and missing:
            told = f"Noted. {missing} more must approve."
            c.execute(
                sa.insert(events).values(
                    key=f"decide:{key}", run=row.run, kind="decision", about=row.step,
                    by=member.user_id, answer=told, at=now,
                )
            )  # fmt: skip
            engine.taker.tell(c, row.run, [Said("approval changed", row.id)])
            return Noted(told), []
        outcome = "approved" if approves else "denied"
        c.execute(sa.update(plans).where(plans.c.id == row.id).values(status=outcome))
        says = "" if approves else f"Denied by {member.name}: {reason.strip()}"
        told = "Approved. It is being applied." if approves else "Denied. Nothing was changed."
        taken = engine.taker.take(
            c, now, row.run, f"decide:{key}",
            Event("decided", row.step, row.attempt, outcome, member.user_id),
            Report(says=says), answer=told,
        )  # fmt: skip
        return Noted(told), taken.start

    # Answering.

    async def answer(
        self, question_id: str, by: Actor, answer: Mapping[str, Any], key: str
    ) -> Noted | Refusal:
        member = await self._leader(by, None, "answer", question_id)
        if isinstance(member, Refusal):
            return member
        asked = await self.question(question_id)
        if asked is None:
            return Refusal("This question was answered already, or its run is over.")
        question, run = asked
        report = self._read_answer(question, run, answer, member)
        if isinstance(report, Refusal):
            return report
        attempt = run.steps[question.step].attempt
        event = Event("answered", question.step, attempt, by=by.user_id)
        taken = await self._engine.take(run.id, f"answer:{key}", event, report)
        if taken.is_new and not taken.moved:
            return Refusal("Somebody else answered this just before you.")
        return Noted("Noted.")

    def _read_answer(
        self,
        question: QuestionRecord,
        run: RunRecord,
        answer: Mapping[str, Any],
        member: Member,
    ) -> Report | Refusal:
        if question.kind == "confirm":
            return Report(says=f"Done, says {member.name}", has_result=True)
        book = self._engine.books.get(run.outline.book)
        if question.kind != "ask" or book is None or question.step not in book.steps:
            return Refusal("This cannot be answered here. See the run's card.")
        if question.choices and dict(answer) not in [dict(value) for _, value in question.choices]:
            return Refusal("Choose one of what is offered.")
        kind: Any = book.steps[question.step].gives.result
        try:
            value = kind.model_validate(dict(answer))
        except ValidationError as error:
            return Refusal("Some of the answer is not right.", fields=wrong_fields(error))
        said = "; ".join(_answer_text(one) for one in value.model_dump(mode="json").items())
        return Report(says=said, result=value.model_dump(mode="json"), has_result=True)

    async def resolve(
        self, question_id: str, by: Actor, truth: Truth, key: str
    ) -> Noted | Refusal:
        member = await self._leader(by, None, "resolve", question_id)
        if isinstance(member, Refusal):
            return member
        asked = await self.question(question_id)
        if asked is None or asked[0].kind != "unsure":
            return Refusal("This was settled already.")
        question, run = asked
        report = await self._engine.store.read(
            _resolution, run.id, question.step, truth, member.name, self._engine
        )
        attempt = run.steps[question.step].attempt
        event = Event("resolved", question.step, attempt, truth, by.user_id)
        taken = await self._engine.take(run.id, f"resolve:{key}", event, report)
        if taken.is_new and not taken.moved:
            return Refusal("Somebody else settled this just before you.")
        return Noted("Noted.")

    # Reading.

    async def record(self, run_id: str) -> RunRecord | None:
        return await self._engine.store.read(run_record, run_id, self._engine.kinds)

    async def recent(self, limit: int = 20, active: bool = False) -> Sequence[RunRecord]:
        return await self._engine.store.read(recent_runs, limit, active, self._engine.kinds)

    async def approval(self, approval_id: str) -> tuple[ApprovalRecord, RunRecord] | None:
        run_id = await self._engine.store.read(run_of_plan, approval_id)
        record = await self.record(run_id) if run_id else None
        return (record.approvals[approval_id], record) if record else None

    async def plan_text(self, approval_id: str) -> str | None:
        def read(c: sa.Connection) -> Any:
            return c.execute(sa.select(plans).where(plans.c.id == approval_id)).first()

        row = await self._engine.store.read(read)
        if row is None:
            return None
        return readable(row.text, row.digest, parse(row.text, self._engine.kinds))

    async def question(self, question_id: str) -> tuple[QuestionRecord, RunRecord] | None:
        run_id = await self._engine.store.read(run_of_question, question_id)
        record = await self.record(run_id) if run_id else None
        if record is None or question_id not in record.questions:
            return None
        return record.questions[question_id], record

    async def menus(self, book_id: str) -> Mapping[str, Sequence[str]]:
        book = self._engine.books[book_id]
        return await live_choices(book, self._engine.around, book.menus)

    # Judging who asks.

    async def _leader(
        self, by: Actor, run_id: str | None, what: str, about: str
    ) -> Member | Refusal:
        member = await known(self._engine.directory, by)
        refusal = member if isinstance(member, Refusal) else may_lead(member)
        if refusal is None:
            assert isinstance(member, Member)
            return member
        await self._refused(run_id, what, about, by, refusal)
        return refusal

    async def _refused(
        self, run_id: str | None, what: str, about: str, by: Actor, refusal: Refusal
    ) -> None:
        def write(c: sa.Connection) -> None:
            now = self._engine.clock.now()
            note(c, now, run_id, f"refused {what}", about, by.user_id, why=refusal.why)

        await self._engine.store.tx(write)


def _fresh_id(c: sa.Connection) -> str:
    length = ID_LENGTH
    while True:
        run_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(length))
        if not c.execute(sa.select(runs.c.id).where(runs.c.id == run_id)).first():
            return run_id
        length += 1


def _state_row(c: sa.Connection, run_id: str) -> Any:
    query = sa.select(runs.c.state, runs.c.outline).where(runs.c.id == run_id)
    return c.execute(query).first()


def _was_here(c: sa.Connection, key: str) -> str:
    """What was answered to this delivery when it came before; a space when that was nothing."""
    answer = c.execute(sa.select(events.c.answer).where(events.c.key == key)).scalar()
    return "" if answer is None else answer or " "


def _resolution(
    c: sa.Connection, run_id: str, step: str, truth: Truth, name: str, engine: Engine
) -> Report:
    says = {"done": "It happened", "not done": "It did not happen", "stop": "Left as it is"}
    if truth != "done":
        return Report(says=f"{says[truth]}, says {name}")
    query = sa.select(plans.c.text).where(plans.c.run == run_id, plans.c.step == step)
    text = c.execute(query.order_by(plans.c.attempt.desc()).limit(1)).scalar_one()
    result = done_as_json(parse(text, engine.kinds), engine.clock.now())
    return Report(says=f"{says[truth]}, says {name}", result=result, has_result=True)


def _answer_text(item: tuple[str, Any]) -> str:
    field, value = item
    if field == "user_id":
        return f"<@{value}>"
    return f"{field.replace('_', ' ')}: {value}"
