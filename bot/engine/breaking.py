"""
Breaking the glass: a plan goes through without its quorum, because nobody else is there; and what
somebody else found when they looked at it afterwards.

Nothing else is widened by it. It is this plan as it was shown, once, until it expires, and only
for as long as whoever broke the glass is one who may (bot/engine/access.py).
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.access.acts import Allowed, BreakGlass, Denied
from bot.access.member import Member
from bot.engine.access import LONGEST_TARGET, not_as_shown, refusal, to_review, too_late
from bot.engine.audit import note, note_refusal
from bot.engine.engine import Engine
from bot.engine.glass import close_review, shatter
from bot.engine.intents import Actor, Noted, Refusal
from bot.engine.reading import run_record, was_here
from bot.engine.record import GLASS_BROKEN, ApprovalRecord, Said
from bot.engine.reports import Report
from bot.engine.state import Event
from bot.engine.wishes import GONE, Wish, plan_of
from bot.runbook.mrkdwn import named
from bot.runbook.values import letters
from bot.store.tables import events

#: Letters and digits of a reason: what everybody reads the next morning says something.
REASON_AT_LEAST = 15
BROKEN = (
    "The glass is broken, and this is being applied. Everybody is told, and somebody else has to"
    " review it."
)
REVIEWED = "Noted. The review is closed."


@dataclass(frozen=True)
class Breaking:
    engine: Engine

    async def break_glass(
        self, plan_id: str, by: Actor, member: Member, reason: str, typed: str, key: str
    ) -> Noted | Refusal:
        wish = Wish(plan_id, by, member, reason.strip(), f"glass:{key}", typed)

        def whole(c: sa.Connection) -> tuple[Noted | Refusal, list[str]]:
            return self._break(c, wish)

        answer, due = await self.engine.write(whole)
        self.engine.start_work(due)
        return answer

    async def review(
        self, plan_id: str, by: Actor, member: Member, found: str, key: str
    ) -> Noted | Refusal:
        wish = Wish(plan_id, by, member, found.strip(), f"review:{key}")

        def whole(c: sa.Connection) -> Noted | Refusal:
            return self._review(c, wish)

        return await self.engine.write(whole)

    # Breaking it.

    def _break(self, c: sa.Connection, wish: Wish) -> tuple[Noted | Refusal, list[str]]:
        """One compare-and-set: within this transaction nobody else decides."""
        engine, now = self.engine, self.engine.clock.now()
        plan = plan_of(c, wish)
        if plan is None:
            return self._refused(c, wish, None, "break glass", GONE), []
        if told := was_here(c, wish.key):
            return Noted(told), []
        record = run_record(c, plan.run, engine.kinds)
        assert record
        approval = record.approvals[wish.plan]
        answer = engine.access.may(wish.member, BreakGlass())
        refused = may_break(approval, answer, wish.words, wish.typed, now) or not_as_shown(
            record, plan, engine.kinds
        )
        if refused:
            return self._refused(c, wish, plan, "break glass", refused), []
        assert isinstance(answer, Allowed)
        despite = engine.access.freeze_of(c, approval.touches)
        shatter(c, now, plan, wish.by.user_id, wish.words, despite)
        taken = engine.taker.take(
            c, now, plan.run, wish.key,
            Event("decided", plan.step, plan.attempt, GLASS_BROKEN, wish.by.user_id,
                  wish.by.team_id),
            Report(says=f"GLASS BROKEN by {wish.member.name}: {wish.words}"), answer=BROKEN,
        )  # fmt: skip
        note(
            c, now, plan.run, GLASS_BROKEN, plan.step, wish.by.user_id, team=wish.by.team_id,
            plan=plan.id, digest=plan.digest, reason=wish.words, typed=wish.typed,
            rule=answer.rule, **_without(approval, despite),
        )  # fmt: skip
        return Noted(BROKEN), taken.start

    # Looking at it afterwards.

    def _review(self, c: sa.Connection, wish: Wish) -> Noted | Refusal:
        engine, now = self.engine, self.engine.clock.now()
        plan = plan_of(c, wish)
        if plan is None:
            return self._refused(c, wish, None, "review", GONE)
        if told := was_here(c, wish.key):
            return Noted(told)
        record = run_record(c, plan.run, engine.kinds)
        assert record
        approval = record.approvals[wish.plan]
        answer = engine.access.may(wish.member, to_review(approval))
        if refused := may_review(approval, answer, wish.words):
            return self._refused(c, wish, plan, "review", refused)
        assert isinstance(answer, Allowed) and approval.glass
        by = wish.by.user_id
        close_review(c, now, plan.id, by, wish.words)
        c.execute(
            sa.insert(events).values(
                key=wish.key, run=plan.run, kind="review", about=plan.step, by=by,
                answer=REVIEWED, at=now,
            )
        )  # fmt: skip
        engine.taker.tell(c, plan.run, [Said("glass reviewed", plan.id)])
        note(
            c, now, plan.run, "glass reviewed", plan.step, by, team=wish.by.team_id,
            plan=plan.id, digest=plan.digest, says=wish.words, broken_by=approval.glass.by,
            rule=answer.rule,
        )  # fmt: skip
        return Noted(REVIEWED)

    def _refused(
        self, c: sa.Connection, wish: Wish, plan: Any, what: str, refused: Refusal
    ) -> Refusal:
        now = self.engine.clock.now()
        if plan is None:
            note_refusal(c, now, None, what, wish.plan, wish.by, refused)
        else:
            of = {"plan": plan.id, "digest": plan.digest}
            note_refusal(c, now, plan.run, what, plan.step, wish.by, refused, **of)
        return refused


def may_break(
    approval: ApprovalRecord, answer: Allowed | Denied, reason: str, typed: str, now: float
) -> Refusal | None:
    """Whether this breaks the glass, in the order of the rules. `answer`: whether they may."""
    if isinstance(answer, Denied):
        return refusal(answer)
    if late := too_late(approval, now):
        return late
    wrong = {}
    if typed.strip() != approval.type_to_break:
        wrong["typed"] = f"This must be exactly {named(approval.type_to_break, LONGEST_TARGET)}"
    if letters(reason) < REASON_AT_LEAST:
        wrong["reason"] = f"Say why in a sentence: at least {REASON_AT_LEAST} letters"
    return Refusal("The glass is not broken.", fields=wrong) if wrong else None


def may_review(approval: ApprovalRecord, answer: Allowed | Denied, found: str) -> Refusal | None:
    glass = approval.glass
    if glass is None:
        return Refusal("No glass was broken for this: there is nothing to review.")
    if isinstance(answer, Denied):
        return refusal(answer)
    if not glass.is_open:
        return Refusal("This was reviewed already.", decided_by=(glass.reviewed_by,))
    if not letters(found):
        return Refusal("Say what you found.", fields={"reason": "Say what you found"})
    return None


def _without(approval: ApprovalRecord, despite: str) -> dict[str, object]:
    """What it went through without: who would have had to approve, and which freeze it passed."""
    agreed = [one.by for one in approval.decisions if one.approves]
    found = {"without": approval.lacking, "approved_by": agreed, "despite": despite}
    return {name: value for name, value in found.items() if value}
