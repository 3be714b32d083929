"""
Carries out an approved plan, change by change, in its order: look, intend, apply, look again.

Each change is looked at just before its turn: in a chain, what the second expects is there only
once the first is made. The intent is written before the call. After it every exception means
"look again", never "failed": only what is seen decides. `before` is believed only once nothing can
be on its way any more; what cannot be told is asked of a person. After a crash the same code goes
on from the rows.

A freeze keeps an intent from being written, and nothing else: what has one is seen to its end.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from bot.engine.calling import look
from bot.engine.clock import Clock
from bot.engine.reading import moment
from bot.engine.reports import Report
from bot.engine.results import done_as_json
from bot.engine.systems import Systems
from bot.engine.taking import Fenced
from bot.runbook import Seen
from bot.runbook.changes import Change, Plan
from bot.runbook.errors import Refused
from bot.store.store import Store
from bot.store.tables import changes, locks, work

log = logging.getLogger(__name__)

Outcome = Literal["given", "unsure", "outdated", "failed", "cancelled", "frozen"]
#: Asked within the transaction of an intent: why the change is not to be made now; or ''.
Frozen = Callable[[sa.Connection, Change], str]
NAMESPACE = uuid.UUID("6f0d9d1e-2f0f-4f43-9d6a-2f4d3c0a7b11")


@dataclass(frozen=True)
class ApplyTiming:
    """All in seconds."""

    call_limit: float = 30.0  #: One call that alters something.
    settle: float = 10.0  #: After the limit, until a lost call can no longer take effect.
    look_first: float = 0.05  #: Until the second look; then twice as long each time,
    look_every: float = 3.0  #: up to this.
    applying_limit: float = 1800.0  #: How long the other side may be at it.


@dataclass(frozen=True)
class Job:
    """A claimed piece of work that applies a plan. The fence says that it is ours."""

    work_id: str
    fence: int
    plan_id: str
    plan: Plan[Change]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    outcome: Outcome
    report: Report


@dataclass
class _Turn:
    """One change's turn."""

    change: Change
    number: int
    intent_at: float | None
    answered: bool = False  #: The call came back without an error.
    refused: str = ""  #: The other side's clear no.
    tries: int = 0


class Applier:
    def __init__(
        self,
        store: Store,
        systems: Systems,
        clock: Clock,
        timing: ApplyTiming,
        frozen: Frozen,
        progress: Callable[[Job, str, float | None], Awaitable[None]],
    ) -> None:
        self._store, self._systems, self._clock = store, systems, clock
        self._timing, self._frozen, self._progress = timing, frozen, progress

    async def carry_out(self, job: Job) -> Ended:
        """Raises Fenced when the work is no longer ours."""
        rows = {row.number: row for row in await self._store.read(_rows, job.plan_id)}
        seen_last: list[str] = []
        for number, change in enumerate(job.plan.changes, start=1):
            row = rows[number]
            if row.state in ("applied", "already so"):
                continue
            turn = _Turn(change, number, row.intent_at)
            ended = await self._take_turn(job, turn)
            if isinstance(ended, Ended):
                return ended
            seen_last.append(ended.now)
        now = self._clock.now()
        says = f"Seen done {moment(now):%H:%M:%S} UTC: {'; '.join(seen_last)}"
        return Ended("given", Report(says, done_as_json(job.plan, now), has_result=True))

    async def _take_turn(self, job: Job, turn: _Turn) -> Seen | Ended:
        if turn.intent_at is None:
            seen = await self._look_before(turn)
            if seen.state == "applied":
                await self._mark(job, turn, "already so", seen)
                return seen
            if seen.state != "before":
                return _not_begun(turn, seen)
            if ended := await self._intend(job, turn):
                return ended
            await self._apply(job, turn)
        return await self._settle(job, turn)

    async def _look_before(self, turn: _Turn) -> Seen:
        """Nothing was sent yet, so there is time to wait for a clear view."""
        until = self._clock.now() + self._timing.call_limit
        for nap in self._naps():
            seen = await look(turn.change, self._systems)
            if seen.state not in ("unreadable", "applying") or self._clock.now() >= until:
                break
            await self._clock.sleep(nap)
        return seen

    def _naps(self) -> Iterator[float]:
        nap = self._timing.look_first
        while True:
            yield min(nap, self._timing.look_every)
            nap *= 2

    async def _intend(self, job: Job, turn: _Turn) -> Ended | None:
        """Why it is not to be applied; None: the intent is written."""
        now = self._clock.now()
        if ended := await self._store.tx(_intend, job, turn, now, self._frozen):
            return ended
        turn.intent_at = now
        return None

    async def _apply(self, job: Job, turn: _Turn) -> None:
        turn.tries += 1
        key = str(uuid.uuid5(NAMESPACE, f"{job.plan_id}/{turn.number}"))
        try:
            async with asyncio.timeout(self._timing.call_limit):
                applying = self._systems.hand(turn.change).apply(turn.change, key)
                if isinstance(applying, AsyncIterator):
                    async for one in applying:
                        part = one.done / one.total if one.total else None
                        says = f"{one.done:,} of {one.total:,} {one.unit} {one.note}".rstrip()
                        await self._progress(job, says, part)
                else:
                    await applying
            turn.answered = True
        except Refused as error:
            turn.refused = str(error)
        except Exception as error:
            log.warning("%s: no clear answer (%s); looking", turn.change.target(), error)

    async def _settle(self, job: Job, turn: _Turn) -> Seen | Ended:
        """Looks until it is clear what became of a change that was intended."""
        assert turn.intent_at is not None
        began = turn.intent_at
        for nap in self._naps():
            seen = await look(turn.change, self._systems)
            now = self._clock.now()
            if seen.state == "applied":
                await self._mark(job, turn, "applied", seen)
                return seen
            if seen.state == "drifted":
                return Ended("failed", Report(f"It did not stay so: {seen.now}"))
            if seen.state == "before" and turn.refused:
                return Ended("failed", Report(turn.refused))
            if seen.state == "applying":
                await self._progress(job, seen.now, None)
            settled = turn.intent_at + self._timing.call_limit + self._timing.settle
            if seen.state == "before" and now >= settled:
                if not turn.change.repeatable or turn.tries >= 2:
                    return _unsure(turn, seen)
                if ended := await self._intend(job, turn):
                    return ended
                await self._apply(job, turn)
                continue
            patience = (
                self._timing.applying_limit
                if seen.state == "applying"
                else (self._timing.call_limit + self._timing.settle) * 2
            )
            if seen.state != "before" and now >= began + patience:
                return _unsure(turn, seen)
            await self._clock.sleep(nap)
        raise AssertionError("the naps never end")

    async def _mark(self, job: Job, turn: _Turn, state: str, seen: Seen) -> None:
        now = self._clock.now()
        await self._store.tx(_mark, job, turn.number, state, seen.now, now)
        await self._progress(job, seen.now, turn.number / len(job.plan.changes))


def _not_begun(turn: _Turn, seen: Seen) -> Ended:
    target = turn.change.target()
    if seen.state == "drifted":
        return Ended("outdated", Report(f"Not applied: since this was asked, {seen.now}"))
    if seen.state == "applying":
        return Ended("outdated", Report(f"Not applied: {target} is busy: {seen.now}"))
    return Ended("failed", Report(f"Not applied: {seen.now}. Nothing was changed at {target}."))


def _unsure(turn: _Turn, seen: Seen) -> Ended:
    answered = "was accepted" if turn.answered else "went unanswered"
    return Ended(
        "unsure",
        Report(
            f"It is not known whether this happened: `{turn.change.command()}` {answered}, and"
            f" what can be seen is: {seen.now}. Look there, then say what is true."
        ),
    )


def _rows(c: sa.Connection, plan_id: str) -> list[Any]:
    query = sa.select(changes.c.number, changes.c.state, changes.c.intent_at)
    return list(c.execute(query.where(changes.c.plan == plan_id)).all())


def _intend(c: sa.Connection, job: Job, turn: _Turn, now: float, frozen: Frozen) -> Ended | None:
    """The last fence before the outside world: None when nothing stands in the way."""
    row = c.execute(sa.select(work).where(work.c.id == job.work_id).with_for_update()).one()
    held = sa.select(sa.func.count()).where(locks.c.holder == job.work_id)
    ours = row.fence == job.fence and row.status == "taken"
    if not ours or c.execute(held).scalar_one() != len(job.targets):
        raise Fenced(job.work_id)
    if row.stop:
        begun = "; nothing was changed" if turn.intent_at else " before it was applied"
        return Ended("cancelled", Report(f"Cancelled{begun}"))
    if why := frozen(c, turn.change):
        return _kept_back(c, job, turn, why)
    mine = sa.and_(changes.c.plan == job.plan_id, changes.c.number == turn.number)
    c.execute(sa.update(changes).where(mine).values(state="intended", intent_at=now, at=now))
    return None


def _kept_back(c: sa.Connection, job: Job, turn: _Turn, why: str) -> Ended:
    """What was done before the freeze is told apart from what was not."""
    applied = sa.and_(changes.c.plan == job.plan_id, changes.c.state == "applied")
    done = c.execute(sa.select(sa.func.count()).where(applied)).scalar_one()
    if done:
        some = f"{done} of {len(job.plan.changes)} changes"
        says = f"Stopped after {some}: {why}. What was applied stays; the rest was not begun."
        return Ended("failed", Report(says))
    if turn.intent_at:
        target = turn.change.target()
        says = f"Not made again: {why}. The first call did nothing at {target}, as was seen."
        return Ended("failed", Report(says))
    return Ended("frozen", Report(f"Not applied: {why}. Nothing was changed."))


def _mark(c: sa.Connection, job: Job, number: int, state: str, seen: str, now: float) -> None:
    fence = c.execute(sa.select(work.c.fence).where(work.c.id == job.work_id)).scalar_one()
    if fence != job.fence:
        raise Fenced(job.work_id)
    mine = sa.and_(changes.c.plan == job.plan_id, changes.c.number == number)
    c.execute(sa.update(changes).where(mine).values(state=state, seen=seen, at=now))
