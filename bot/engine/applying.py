"""
Carries out an approved plan, change by change, in its order: look, intend, apply, look again.

Each change is looked at just before its turn: in a chain, what the second expects is there only
once the first is made. The intent is written before the call. After it every exception means
"look again", never "failed": only what is seen decides. `before` is believed only once nothing can
be on its way any more; what cannot be told is asked of a person. After a crash the same code goes
on from the rows.

A freeze keeps an intent from being written, and nothing else: what has one is seen to its end.
Only a broken glass passes it.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.engine.audit import note
from bot.engine.calling import is_cancelled_here, look
from bot.engine.clock import Clock
from bot.engine.effects import PAUSE
from bot.engine.ended import (
    CANCELLED,
    PAUSED,
    ApplyTiming,
    Ended,
    Turn,
    all_done,
    end_of,
    half_way,
    halted,
    is_over,
    kept_back,
    not_begun,
)
from bot.engine.glass import is_through
from bot.engine.locking import holds_all
from bot.engine.made import DONE
from bot.engine.reports import Report
from bot.engine.systems import Systems
from bot.engine.taking import Fenced
from bot.runbook import Progress, Seen
from bot.runbook.changes import Change, Plan, calls
from bot.runbook.errors import NothingDone, Refused
from bot.store.store import Store
from bot.store.tables import changes, plans, work

log = logging.getLogger(__name__)

#: Asked within the transaction of an intent: why the change is not to be made now; or ''.
Frozen = Callable[[sa.Connection, Change], str]
NAMESPACE = uuid.UUID("6f0d9d1e-2f0f-4f43-9d6a-2f4d3c0a7b11")


@dataclass(frozen=True)
class Job:
    """
    A claimed piece of work that applies a plan. The fence says that it is ours; `permit` says,
    before every intent, why it may not be any more.
    """

    work_id: str
    fence: int
    plan_id: str
    plan: Plan[Change]
    targets: tuple[str, ...]
    permit: Callable[[], Awaitable[Ended | None]]


class Applier:
    def __init__(
        self,
        store: Store,
        systems: Systems,
        clock: Clock,
        timing: ApplyTiming,
        frozen: Frozen,
        lives: Callable[[], bool],
        progress: Callable[[Job, str, float | None], Awaitable[None]],
    ) -> None:
        self._store, self._systems, self._clock = store, systems, clock
        self._timing, self._frozen, self._progress = timing, frozen, progress
        self._lives = lives  #: Whether no other replica can have taken this one for dead.

    async def carry_out(self, job: Job) -> Ended:
        """Raises Fenced when the work is no longer ours."""
        rows = {row.number: row for row in await self.rows(job.plan_id)}
        for number, change in enumerate(job.plan.changes, start=1):
            row = rows[number]
            if row.state in DONE:
                continue
            turn = Turn(change, number, row.intent_at, self._clock.monotonic())
            ended = await self._take_turn(job, turn)
            if isinstance(ended, Ended):
                return half_way(ended, await self.rows(job.plan_id))
        return all_done(calls(job.plan), await self.rows(job.plan_id))

    async def rows(self, plan_id: str) -> list[Any]:
        """How far each change of a plan is, in their order."""
        return await self._store.read(_rows, plan_id)

    async def _take_turn(self, job: Job, turn: Turn) -> Seen | Ended:
        if turn.intent_at is None:
            if stop := await self._store.read(_stop, job.work_id):
                return _not_begun(stop)
            seen = await self._look_before(turn)
            if seen.state == "applied":
                await self._mark(job, turn, "already so", seen)
                return seen
            if seen.state != "before":
                return not_begun(turn, seen)
            if ended := await self._set_out(job, turn):
                return ended
        return await self._settle(job, turn)

    async def _look_before(self, turn: Turn) -> Seen:
        """Nothing was sent yet, so there is time to wait for a clear view."""
        until = self._clock.monotonic() + self._timing.call_limit
        for nap in self._naps():
            seen = await look(turn.change, self._systems)
            clear = seen.state not in ("unreadable", "applying")
            if clear or self._clock.monotonic() >= until:
                break
            await self._clock.sleep(nap)
        return seen

    def _naps(self) -> Iterator[float]:
        nap = self._timing.look_first
        while True:
            yield min(nap, self._timing.look_every)
            nap *= 2

    async def _set_out(self, job: Job, turn: Turn) -> Ended | None:
        """Permit, intent, call: in this order, each time."""
        if refusal := await job.permit():
            return refusal
        now = self._clock.now()
        if ended := await self._store.tx(_intend, job, turn, now, self._frozen):
            return ended
        turn.intent_at, turn.since = now, self._clock.monotonic()
        if not self._lives():
            raise Fenced(job.work_id)
        await self._call(job, turn)
        return None

    async def _call(self, job: Job, turn: Turn) -> None:
        turn.tries, turn.kept_out = turn.tries + 1, None
        key = str(uuid.uuid5(NAMESPACE, f"{job.plan_id}/{turn.number}"))
        try:
            async with asyncio.timeout(self._timing.call_limit) as limit:
                applying = self._systems.hand(turn.change).apply(turn.change, key)
                if isinstance(applying, AsyncIterator):
                    await self._follow(job, turn, applying, limit)
                else:
                    await applying
            turn.answered = True
        except Refused as error:
            turn.refused = str(error)
        except NothingDone as error:
            turn.tries, turn.kept_out = turn.tries - 1, error
        except asyncio.CancelledError:
            if is_cancelled_here():
                raise
            log.warning("%s: the call was cut from within; looking", turn.change.target())
        except Exception as error:
            log.warning("%s: no clear answer (%s); looking", turn.change.target(), error)

    async def _follow(
        self, job: Job, turn: Turn, applying: AsyncIterator[Progress], limit: asyncio.Timeout
    ) -> None:
        """To its end; or, of a change in parts, to where somebody wants it to wait or to end."""
        async with aclosing(_closable(applying)) as parts:
            async for one in parts:
                limit.reschedule(_loop_time() + self._timing.call_limit)
                turn.since = self._clock.monotonic()
                part = one.done / one.total if one.total else None
                says = f"{one.done:,} of {one.total:,} {one.unit} {one.note}".rstrip()
                await self._progress(job, says, part)
                if turn.change.in_parts:
                    turn.goes_on(one.done)
                    if await self._store.tx(_live_on, job, turn.number, self._clock.now()):
                        return

    async def _settle(self, job: Job, turn: Turn) -> Seen | Ended:
        """Looks until it is clear what became of a change that was intended."""
        began = self._clock.monotonic()
        for nap in self._naps():
            seen = await look(turn.change, self._systems)
            now = self._clock.monotonic()
            if seen.state == "applied":
                await self._mark(job, turn, "applied", seen)
                return seen
            between_parts = seen.state == "before" and turn.change.in_parts
            if between_parts and (stop := await self._store.read(_stop, job.work_id)):
                return halted(stop, seen)
            if seen.state == "applying":
                await self._progress(job, seen.now, None)
            if ended := end_of(turn, seen, self._timing, now, now - began):
                return ended
            if seen.state == "before" and is_over(turn, self._timing, now):
                await self._clock.sleep(turn.kept_out.again_after_s if turn.kept_out else 0)
                if ended := await self._set_out(job, turn):
                    return ended
                if turn.change.in_parts:  # it may have gone on for hours
                    began = self._clock.monotonic()
            else:
                await self._clock.sleep(nap)
        raise AssertionError("the naps never end")

    async def _mark(self, job: Job, turn: Turn, state: str, seen: Seen) -> None:
        now = self._clock.now()
        await self._store.tx(_mark, job, turn.number, state, seen.now, now)
        await self._progress(job, seen.now, turn.number / len(job.plan.changes))


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _rows(c: sa.Connection, plan_id: str) -> list[Any]:
    query = sa.select(changes).where(changes.c.plan == plan_id).order_by(changes.c.number)
    return list(c.execute(query).all())


async def _closable(parts: AsyncIterator[Progress]) -> AsyncGenerator[Progress, None]:
    """Closing it closes what it hands on."""
    try:
        async for one in parts:
            yield one
    finally:
        if isinstance(parts, AsyncGenerator):
            await parts.aclose()


def _stop(c: sa.Connection, work_id: str) -> int:
    """Whether it is to end, or to be paused; 0: neither."""
    return int(c.execute(sa.select(work.c.stop).where(work.c.id == work_id)).scalar_one())


def _not_begun(stop: int) -> Ended:
    if stop == PAUSE:
        return Ended("paused", Report(PAUSED))
    return Ended("cancelled", Report(CANCELLED))


def _live_on(c: sa.Connection, job: Job, number: int, now: float) -> int:
    """A sign of life of a change in parts; whether it is to end or to wait here."""
    row = c.execute(sa.select(work).where(work.c.id == job.work_id)).one()
    if row.fence != job.fence:
        raise Fenced(job.work_id)
    mine = sa.and_(changes.c.plan == job.plan_id, changes.c.number == number)
    c.execute(sa.update(changes).where(mine).values(at=now))
    return int(row.stop)


def _intend(c: sa.Connection, job: Job, turn: Turn, now: float, frozen: Frozen) -> Ended | None:
    """The last fence before the outside world: None when nothing stands in the way."""
    row = c.execute(sa.select(work).where(work.c.id == job.work_id).with_for_update()).one()
    if row.fence != job.fence or row.status != "taken":
        raise Fenced(job.work_id)
    if row.stop:
        return _not_begun(row.stop)
    if not holds_all(c, job.work_id, job.targets):
        raise Fenced(job.work_id)
    why = frozen(c, turn.change)
    if why and not is_through(c, job.plan_id):
        return kept_back(why, _states(c, job.plan_id))
    mine = sa.and_(changes.c.plan == job.plan_id, changes.c.number == turn.number)
    c.execute(sa.update(changes).where(mine).values(state="intended", intent_at=now, at=now))
    _note(c, job, turn.number, now, "change intended", **({"despite": why} if why else {}))
    return None


def _states(c: sa.Connection, plan_id: str) -> set[str]:
    query = sa.select(changes.c.state).where(changes.c.plan == plan_id)
    return set(c.execute(query).scalars())


def _mark(c: sa.Connection, job: Job, number: int, state: str, seen: str, now: float) -> None:
    fence = c.execute(sa.select(work.c.fence).where(work.c.id == job.work_id)).scalar_one()
    if fence != job.fence:
        raise Fenced(job.work_id)
    mine = sa.and_(changes.c.plan == job.plan_id, changes.c.number == number)
    c.execute(sa.update(changes).where(mine).values(state=state, seen=seen, at=now))
    _note(c, job, number, now, f"change {state}", seen=seen)


def _note(c: sa.Connection, job: Job, number: int, now: float, what: str, **body: object) -> None:
    mine = sa.select(plans.c.run, plans.c.step, plans.c.digest).where(plans.c.id == job.plan_id)
    plan, change = c.execute(mine).one(), job.plan.changes[number - 1]
    note(
        c, now, plan.run, what, plan.step, "", plan=job.plan_id, digest=plan.digest,
        number=number, command=change.command(), target=change.target(), **body,
    )  # fmt: skip
