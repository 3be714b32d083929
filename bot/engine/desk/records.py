"""
What is known of runs. Who looks at a plan or at the audit log is written down.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bot.access.acts import ReadAudit
from bot.engine.audit import note, read_by
from bot.engine.desk.hearing import Hearing
from bot.engine.intents import Actor, Refusal
from bot.engine.reading import recent_runs, run_of_plan, run_of_question, run_record
from bot.engine.record import ApprovalRecord, QuestionRecord, RunRecord
from bot.store.auditing import verdict_until
from bot.store.chain import Entry
from bot.store.tables import plans
from bot.store.verifying import Verdict


class Records(Hearing):
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
        return str(row.text) if row else None

    async def question(self, question_id: str) -> tuple[QuestionRecord, RunRecord] | None:
        run_id = await self._engine.store.read(run_of_question, question_id)
        record = await self.record(run_id) if run_id else None
        if record is None or question_id not in record.questions:
            return None
        return record.questions[question_id], record

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
