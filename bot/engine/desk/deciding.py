"""Approving, denying, breaking the glass, reviewing."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bot.access.acts import Allowed, Deny, Read
from bot.access.member import Member
from bot.engine.access import may_decide, not_as_shown, not_awaited, to_approve
from bot.engine.audit import note, note_refusal
from bot.engine.breaking import Breaking
from bot.engine.desk.hearing import Hearing
from bot.engine.freezes import switch
from bot.engine.glass import open_reviews
from bot.engine.intents import Actor, Noted, Refusal
from bot.engine.reading import run_of_plan, run_record, was_here
from bot.engine.record import ApprovalRecord, OpenReview, Said
from bot.engine.reports import Report
from bot.engine.state import Event
from bot.engine.taking import lock_run
from bot.store.tables import decisions, events, plans


class Deciding(Hearing):
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
