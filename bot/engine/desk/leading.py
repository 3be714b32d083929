"""Leading a run: picking, going on, doing again, taking back, cancelling."""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from bot.access.acts import Lead, Read
from bot.engine.desk.records import Records
from bot.engine.intents import Actor, Noted, Refusal
from bot.engine.reading import was_here
from bot.engine.state import NOT_OVER, Event, EventKind, RunState
from bot.engine.turns import may_pick
from bot.runbook.outline import Outline
from bot.store.tables import runs


class Leading(Records):
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

    async def pause(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        why = await self._why_not_between_parts(run_id, step)
        return await self._tell(run_id, "paused", step, by, key, lambda _outline, _run: why)

    async def resume(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        def awaited(_outline: Outline, run: RunState) -> str:
            return "" if run.status_of(step) == "paused" else "It is not paused now."

        return await self._tell(run_id, "resumed", step, by, key, awaited)

    async def halt(self, run_id: str, step: str, by: Actor, key: str) -> Noted | Refusal:
        why = await self._why_not_between_parts(run_id, step, "paused")
        return await self._tell(run_id, "stopped", step, by, key, lambda _outline, _run: why)

    async def _why_not_between_parts(self, run_id: str, step: str, also: str = "") -> str:
        """Why it cannot be paused or stopped; '' when it can."""
        record = await self.record(run_id)
        known = record.steps.get(step) if record else None
        if known is None or not known.in_parts:
            return "It is not made in parts, so it cannot be paused or stopped."
        if known.status not in ("applying", also):
            return "Nothing of it is at work now."
        return "It has not begun: it waits for its turn." if known.blocked_by else ""

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
        why = awaited(Outline.from_text(row.outline), state)
        if why and not before:
            return Refusal(f"{why} See the run's card.")
        taken = await self._engine.take(run_id, f"{kind}:{key}", event)
        if taken.is_new and not taken.moved:
            return Refusal("The run does not wait for this now. See its card for what it needs.")
        return Noted()


def _state_row(c: sa.Connection, run_id: str) -> Any:
    columns = (runs.c.state, runs.c.outline, runs.c.book, runs.c.inputs)
    query = sa.select(*columns).where(runs.c.id == run_id)
    return c.execute(query).first()
