"""Approving, denying, breaking the glass, reviewing."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bot.access.acts import Allowed, Deny, Read
from bot.engine.access import may_decide, not_as_shown, not_awaited, to_approve
from bot.engine.audit import note, note_refusal
from bot.engine.breaking import Breaking
from bot.engine.desk.hearing import Hearing
from bot.engine.freezes import switch
from bot.engine.glass import open_reviews
from bot.engine.intents import Actor, Noted, Refusal
from bot.engine.reading import run_record, was_here
from bot.engine.record import ApprovalRecord, OpenReview, RunRecord, Said
from bot.engine.reports import Report
from bot.engine.state import Event
from bot.engine.versions import asks_more, gate_of
from bot.engine.wishes import GONE, Wish, plan_of
from bot.store.tables import decisions, events, plans


class Deciding(Hearing):
    async def decide(
        self, approval_id: str, by: Actor, approves: bool, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        knows = self._judge.may(by, Read())
        member = await self._heard(knows, None, "decide", approval_id, by)
        if isinstance(member, Refusal):
            return member

        wish = Wish(approval_id, by, member, reason, f"decide:{key}", typed)

        def judge(c: sa.Connection) -> tuple[Noted | Refusal, list[str]]:
            return self._decide(c, wish, approves)

        answer, due = await self._engine.write(judge)
        self._engine.start_work(due)
        return answer

    def _decide(
        self, c: sa.Connection, wish: Wish, approves: bool
    ) -> tuple[Noted | Refusal, list[str]]:
        """One compare-and-set."""
        engine, now = self._engine, self._engine.clock.now()
        plan = plan_of(c, wish)
        if plan is None:
            note_refusal(c, now, None, "decide", wish.plan, wish.by, GONE)
            return GONE, []
        if told := was_here(c, wish.key):
            return Noted(told), []
        record = run_record(c, plan.run, engine.kinds)
        assert record
        approval = record.approvals[plan.id]
        act = to_approve(approval) if approves else Deny(approval.role)
        answer = engine.access.may(wish.member, act, switch(c, "shared"))
        refused = may_decide(
            approval, answer, approves=approves, reason=wish.words, typed=wish.typed, now=now
        )
        if refused is None and approves:
            refused = not_as_shown(record, plan, engine.kinds) or self._too_little(
                approval, record
            )
        elif refused is None:
            refused = not_awaited(record, plan)
        if refused:
            more = {"plan": plan.id, "digest": plan.digest, "approves": approves}
            note_refusal(c, now, plan.run, "decide", plan.step, wish.by, refused, **more)
            return refused, []
        assert isinstance(answer, Allowed)
        _write_decision(c, wish, approves, now)
        still_missing = approval.missing - approves
        if approves and still_missing:
            decided = self._one_of_several(c, wish, plan, still_missing)
        else:
            decided = self._last_word(c, wish, plan, approves)
        note(
            c, now, plan.run, "approved" if approves else "denied", plan.step, wish.by.user_id,
            team=wish.by.team_id, plan=plan.id, digest=plan.digest, reason=wish.words,
            typed=wish.typed, missing=still_missing, rule=answer.rule,
        )  # fmt: skip
        return decided

    def _too_little(self, approval: ApprovalRecord, record: RunRecord) -> Refusal | None:
        gate = gate_of(self._engine.books, record.outline.book, approval.step)
        more = asks_more(gate, approval)
        why = f"Not enough: {more}. Deny this request, and ask for it anew."
        return Refusal(why) if more else None

    def _one_of_several(
        self, c: sa.Connection, wish: Wish, plan: Any, missing: int
    ) -> tuple[Noted, list[str]]:
        told, now = f"Noted. {missing} more must approve.", self._engine.clock.now()
        c.execute(
            sa.insert(events).values(
                key=wish.key, run=plan.run, kind="decision", about=plan.step,
                by=wish.by.user_id, answer=told, at=now,
            )
        )  # fmt: skip
        self._engine.taker.tell(c, plan.run, [Said("approval changed", plan.id)])
        return Noted(told), []

    def _last_word(
        self, c: sa.Connection, wish: Wish, plan: Any, approves: bool
    ) -> tuple[Noted, list[str]]:
        outcome = "approved" if approves else "denied"
        c.execute(sa.update(plans).where(plans.c.id == plan.id).values(status=outcome))
        says = "" if approves else f"Denied by {wish.member.name}: {wish.words.strip()}"
        told = "Approved. It is being applied." if approves else "Denied. Nothing was changed."
        taken = self._engine.taker.take(
            c, self._engine.clock.now(), plan.run, wish.key,
            Event("decided", plan.step, plan.attempt, outcome, wish.by.user_id, wish.by.team_id),
            Report(says=says), answer=told,
        )  # fmt: skip
        return Noted(told), taken.start

    async def break_glass(
        self, approval_id: str, by: Actor, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        knows = self._judge.may(by, Read())
        member = await self._heard(knows, None, "break glass", approval_id, by)
        if isinstance(member, Refusal):
            return member
        return await Breaking(self._engine).break_glass(
            approval_id, by, member, reason, typed, key
        )

    async def review(self, approval_id: str, by: Actor, found: str, key: str) -> Noted | Refusal:
        knows = self._judge.may(by, Read())
        member = await self._heard(knows, None, "review", approval_id, by)
        if isinstance(member, Refusal):
            return member
        return await Breaking(self._engine).review(approval_id, by, member, found, key)

    async def reviews(self) -> Sequence[OpenReview]:
        return await self._engine.store.read(open_reviews)


def _write_decision(c: sa.Connection, wish: Wish, approves: bool, now: float) -> None:
    """Who approved may still deny."""
    by = wish.member.user_id
    mine = sa.and_(decisions.c.plan == wish.plan, decisions.c.by == by)
    c.execute(sa.delete(decisions).where(mine))
    c.execute(
        sa.insert(decisions).values(
            plan=wish.plan, by=by, approves=int(approves), reason=wish.words, at=now
        )
    )
