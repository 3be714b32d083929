"""
Where people's intents are taken in: looked up, judged, made durable, answered.

The order on every intent: who is it, may they, was it here before, does the run wait for it. A
refusal consumes nothing and is an entry in the audit log.
"""

import difflib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError

from bot.access.acts import (
    Act,
    Allowed,
    Answer,
    Deny,
    Freeze,
    Frozen,
    Lead,
    Read,
    ReadAudit,
    Start,
)
from bot.access.member import Member
from bot.engine import noted
from bot.engine.access import may_decide, not_as_shown, not_awaited, to_approve
from bot.engine.audit import note, note_refusal, read_by
from bot.engine.breaking import Breaking
from bot.engine.engine import Engine
from bot.engine.freezes import standing, switch
from bot.engine.glass import open_reviews
from bot.engine.inputs import live_choices, not_there, read_inputs, secrets_in, wrong_fields
from bot.engine.intents import (
    Actor,
    Noted,
    NotedStart,
    Refusal,
    Started,
    StartRun,
    Truth,
)
from bot.engine.judging import Judge
from bot.engine.plans import parse, readable
from bot.engine.reading import (
    recent_runs,
    run_of_plan,
    run_of_question,
    run_record,
    was_here,
)
from bot.engine.record import ApprovalRecord, OpenReview, QuestionRecord, RunRecord, Said
from bot.engine.reports import Report
from bot.engine.results import done_as_json
from bot.engine.state import NOT_OVER, Event, EventKind, RunState
from bot.engine.taking import lock_run
from bot.engine.turns import may_pick
from bot.runbook import RunbookInputs
from bot.runbook.mrkdwn import named
from bot.runbook.outline import Outline, outline
from bot.runbook.values import USER_ID
from bot.store.auditing import verdict_until
from bot.store.chain import Entry
from bot.store.rooms import begin_room
from bot.store.tables import decisions, events, plans, runs
from bot.store.verifying import Verdict

T = TypeVar("T")

#: Without the letters and digits that are mistaken for one another.
ID_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 4


class _StartedMeanwhile(Exception):
    """The same delivery began a run in a transaction beside this one."""


class EngineDesk:
    """Implements bot.engine.intents.Desk."""

    def __init__(self, engine: Engine, on_paper: Mapping[str, str] | None = None) -> None:
        self._engine, self._on_paper = engine, on_paper or {}
        self._judge = Judge(engine.access, engine.store)
        self._breaking = Breaking(engine)
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
        return await self._heard(self._start(intent), None, "start", intent.book_id, intent.by)

    async def _start(self, intent: StartRun) -> Started | Refusal:
        book_id = intent.book_id
        is_known = book_id in self._engine.books
        may_at_all = await self._judge.may(intent.by, Start(book_id) if is_known else Read())
        if isinstance(may_at_all, Refusal):
            return may_at_all
        if not is_known:
            return self.no_such_book(book_id)
        inputs = await self._checked(intent)
        if isinstance(inputs, Refusal):
            return inputs
        may_so = await self._judge.may(intent.by, Start(book_id, inputs.model_dump(mode="json")))
        return may_so if isinstance(may_so, Refusal) else await self._begin(intent, inputs)

    def no_such_book(self, book_id: str) -> Refusal:
        wanted = book_id.upper()
        if title := self._on_paper.get(wanted):
            return Refusal(f"{wanted} {title} cannot be run by the bot yet: follow its prose.")
        nearest = difflib.get_close_matches(wanted, self._outlines, n=3, cutoff=0.6)
        return Refusal(f"There is no runbook {named(book_id)}.", nearest=tuple(nearest))

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
            started = Event("started", by=intent.by.user_id, team=intent.by.team_id)
            taken = engine.taker.take(c, now, run_id, key, started)
            if not taken.is_new:
                raise _StartedMeanwhile
            return Started(run_id), taken.start

        try:
            answer, due = await engine.write(begin)
        except _StartedMeanwhile:  # by another replica; what was written here is taken back
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
        record = await self.record(run_id)
        able = record is not None and step in record.undoable

        def awaited(_outline: Outline, _run: RunState) -> str:
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
        telling = self._told(run_id, kind, about, by, key, awaited)
        return await self._heard(telling, run_id, kind, about, by)

    async def _told(
        self,
        run_id: str,
        kind: EventKind,
        about: str,
        by: Actor,
        key: str,
        awaited: Callable[[Outline, RunState], str],
    ) -> Noted | Refusal:
        row = await self._engine.store.read(_state_row, run_id)
        member = await self._judge.may(
            by, Lead(row.book, json.loads(row.inputs)) if row else Read()
        )
        if isinstance(member, Refusal):
            return member
        if row is None:
            return Refusal(f"There is no run {run_id}. `/runbook status` lists those that run.")
        state = RunState.from_json(json.loads(row.state))
        if state.is_over:
            return Refusal(f"Run {run_id} is {state.status}. Start the runbook anew.")
        event = Event(kind, about, by=by.user_id, team=by.team_id)
        before = await self._engine.store.read(was_here, f"{kind}:{key}")
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
        knows = self._judge.may(by, Read())
        member = await self._heard(knows, None, "decide", approval_id, by)
        if isinstance(member, Refusal):
            return member

        def judge(c: sa.Connection) -> tuple[Noted | Refusal, list[str]]:
            return self._decide(c, approval_id, by, member, approves, reason, typed, key)

        answer, due = await self._engine.write(judge)
        self._engine.start_work(due)
        return answer

    def _decide(
        self,
        c: sa.Connection,
        approval_id: str,
        by: Actor,
        member: Member,
        approves: bool,
        reason: str,
        typed: str,
        key: str,
    ) -> tuple[Noted | Refusal, list[str]]:
        """One compare-and-set: within this transaction nobody else decides."""
        engine, now = self._engine, self._engine.clock.now()
        run_id = run_of_plan(c, approval_id)
        if run_id is None:
            gone = Refusal("This request does not exist (any more).")
            note_refusal(c, now, None, "decide", approval_id, by, gone)
            return gone, []
        lock_run(c, run_id)
        row = c.execute(sa.select(plans).where(plans.c.id == approval_id).with_for_update()).one()
        if told := was_here(c, f"decide:{key}"):
            return Noted(told), []
        record = run_record(c, row.run, engine.kinds)
        assert record
        approval = record.approvals[approval_id]
        act = to_approve(approval) if approves else Deny(approval.role)
        answer = engine.access.may(member, act, switch(c, "shared"))
        refused = may_decide(
            approval, answer, approves=approves, reason=reason, typed=typed, now=now
        )
        if refused is None and approves:
            refused = not_as_shown(record, row, engine.kinds)
        elif refused is None:
            refused = not_awaited(record, row)
        if refused:
            more = {"plan": approval_id, "digest": row.digest, "approves": approves}
            note_refusal(c, now, row.run, "decide", row.step, by, refused, **more)
            return refused, []
        assert isinstance(answer, Allowed)
        mine = sa.and_(decisions.c.plan == approval_id, decisions.c.by == member.user_id)
        c.execute(sa.delete(decisions).where(mine))  # who approved may still deny
        c.execute(
            sa.insert(decisions).values(
                plan=approval_id, by=member.user_id, approves=int(approves), reason=reason, at=now
            )
        )
        decided = self._decided(c, row, approval, approves, by, member, reason, key)
        note(
            c, now, row.run, "approved" if approves else "denied", row.step, by.user_id,
            team=by.team_id, plan=approval_id, digest=row.digest, reason=reason, typed=typed,
            missing=approval.missing - approves, rule=answer.rule,
        )  # fmt: skip
        return decided

    def _decided(
        self,
        c: sa.Connection,
        row: Any,
        approval: ApprovalRecord,
        approves: bool,
        by: Actor,
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
            Event("decided", row.step, row.attempt, outcome, by.user_id, by.team_id),
            Report(says=says), answer=told,
        )  # fmt: skip
        return Noted(told), taken.start

    # Breaking the glass.

    async def break_glass(
        self, approval_id: str, by: Actor, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        knows = self._judge.may(by, Read())
        member = await self._heard(knows, None, "break glass", approval_id, by)
        if isinstance(member, Refusal):
            return member
        return await self._breaking.break_glass(approval_id, by, member, reason, typed, key)

    async def review(self, approval_id: str, by: Actor, found: str, key: str) -> Noted | Refusal:
        knows = self._judge.may(by, Read())
        member = await self._heard(knows, None, "review", approval_id, by)
        if isinstance(member, Refusal):
            return member
        return await self._breaking.review(approval_id, by, member, found, key)

    async def reviews(self) -> Sequence[OpenReview]:
        return await self._engine.store.read(open_reviews)

    # Answering.

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
        report = self._read_answer(question, run, answer, member)
        if isinstance(report, Refusal):
            return report
        attempt = run.steps[question.step].attempt
        event = Event("answered", question.step, attempt, "", by.user_id, by.team_id)
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
            return Refusal("Some of the answer is not right.", fields=wrong_fields(kind, error))
        if wrong := secrets_in(value):
            return Refusal("There is a secret in it; it was not taken.", fields=wrong)
        said = "; ".join(_answer_text(one) for one in value.model_dump(mode="json").items())
        return Report(says=said, result=value.model_dump(mode="json"), has_result=True)

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

    async def turned_away(self, why: str, by: str, more: int) -> None:
        def write(c: sa.Connection) -> None:
            note(c, self._engine.clock.now(), None, "turned away", "", by, why=why, more=more)

        await self._engine.store.tx(write)

    # Reading.

    async def record(self, run_id: str) -> RunRecord | None:
        return await self._engine.store.read(run_record, run_id, self._engine.kinds)

    async def recent(self, limit: int = 20, active: bool = False) -> Sequence[RunRecord]:
        return await self._engine.store.read(recent_runs, limit, active, self._engine.kinds)

    async def approval(self, approval_id: str) -> tuple[ApprovalRecord, RunRecord] | None:
        run_id = await self._engine.store.read(run_of_plan, approval_id)
        record = await self.record(run_id) if run_id else None
        return (record.approvals[approval_id], record) if record else None

    async def plan_text(self, approval_id: str, by: Actor) -> str | None:
        def view(c: sa.Connection) -> Any:
            row = c.execute(sa.select(plans).where(plans.c.id == approval_id)).first()
            if row:
                seen = {"team": by.team_id, "plan": row.id, "digest": row.digest}
                now = self._engine.clock.now()
                note(c, now, row.run, "plan viewed", row.step, by.user_id, **seen)
            return row

        row = await self._engine.store.tx(view)
        found = await self.approval(approval_id)
        if row is None or found is None:
            return None
        plan, glass = parse(row.text, self._engine.kinds), found[0].glass
        besides = glass.says(found[0].lacking) if glass else ()
        return readable(row.text, row.digest, plan, besides)

    async def question(self, question_id: str) -> tuple[QuestionRecord, RunRecord] | None:
        run_id = await self._engine.store.read(run_of_question, question_id)
        record = await self.record(run_id) if run_id else None
        if record is None or question_id not in record.questions:
            return None
        return record.questions[question_id], record

    async def menus(self, book_id: str) -> Mapping[str, Sequence[str]]:
        book = self._engine.books[book_id]
        return await live_choices(book, self._engine.around, book.menus)

    # The audit log.

    async def audit(self, run_id: str, by: Actor) -> Sequence[Entry] | Refusal:
        return await self._heard(self._audit(run_id, by), run_id, "audit", "", by)

    async def _audit(self, run_id: str, by: Actor) -> Sequence[Entry] | Refusal:
        member = await self._judge.may(by, ReadAudit())
        if isinstance(member, Refusal):
            return member
        entries = await self._engine.store.tx(read_by, self._engine.clock.now(), run_id, by)
        return entries or Refusal(f"The audit log has no run {run_id}.")

    async def verdict_until(self, seq: int) -> Verdict:
        return await verdict_until(self._engine.store, seq)

    # Stopping all changes.

    async def freeze(self, by: Actor, reason: str, key: str) -> Noted | Refusal:
        return await self._turn("freeze", by, reason, key)

    async def thaw(self, by: Actor, reason: str, key: str) -> Noted | Refusal:
        return await self._turn("thaw", by, reason, key)

    async def _turn(
        self, way: Literal["freeze", "thaw"], by: Actor, reason: str, key: str
    ) -> Noted | Refusal:
        member = await self._heard(self._judge.may(by, Freeze()), None, way, "", by)
        if isinstance(member, Refusal):
            return member
        return Noted(await self._engine.freezing.turn(way, member, reason, key))

    async def freezes(self) -> Sequence[Frozen]:
        return await self._engine.store.read(standing)

    # Judging who asks.

    async def judge(self, by: Actor, act: Act, about: str = "") -> Member | Refusal:
        word = type(act).__name__.lower()
        about = about or getattr(act, "book", "")
        return await self._heard(self._judge.may(by, act), None, word, about, by)

    def why_not(self, member: Member, act: Act) -> str:
        return self._judge.why_not(member, act)

    async def _may_answer(
        self, by: Actor, asked: tuple[QuestionRecord, RunRecord] | None
    ) -> Member | Refusal:
        run = asked[1] if asked else None
        return await self._judge.may(by, Answer(run.outline.book, run.inputs) if run else Read())

    async def _heard(
        self, asked: Awaitable[T | Refusal], run_id: str | None, what: str, about: str, by: Actor
    ) -> T | Refusal:
        """A refusal is written down before it is said."""
        answer = await asked
        if isinstance(answer, Refusal):
            await self._refused(run_id, what, about, by, answer)
        return answer

    async def _refused(
        self, run_id: str | None, what: str, about: str, by: Actor, refusal: Refusal
    ) -> None:
        def write(c: sa.Connection) -> None:
            note_refusal(c, self._engine.clock.now(), run_id, what, about, by, refusal)

        await self._engine.store.tx(write)


def _fresh_id(c: sa.Connection) -> str:
    length = ID_LENGTH
    while True:
        run_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(length))
        if not c.execute(sa.select(runs.c.id).where(runs.c.id == run_id)).first():
            return run_id
        length += 1


def _state_row(c: sa.Connection, run_id: str) -> Any:
    columns = (runs.c.state, runs.c.outline, runs.c.book, runs.c.inputs)
    query = sa.select(*columns).where(runs.c.id == run_id)
    return c.execute(query).first()


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
    """A person as `<@ID>`, which is read as their name; what somebody typed never is one."""
    field, value = item
    of = value if isinstance(value, dict) else {field: value}
    user_id = str(of["user_id"]) if set(of) == {"user_id"} else ""
    is_person = re.fullmatch(USER_ID, user_id)
    said = f"<@{user_id}>" if is_person else str(value).replace("<@", "< @")
    return said if field == "user_id" else f"{field.replace('_', ' ')}: {said}"
