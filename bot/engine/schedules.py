"""
What is started by the clock. One firing is one transaction: its row is locked and looked at again,
the run begun below a key that names the moment, the row moved on to the next.

What was missed is made once, for the newest moment, unless that is too long ago. What does not
start is in the audit log and in the list; what will not start again by itself is said in the
channel, once.
"""

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from bot.access.acts import Denied, Start
from bot.engine.access import Access
from bot.engine.audit import note
from bot.engine.beginning import Beginning, begin_run, begun_before, fresh_id
from bot.engine.declared import declare, look_anew
from bot.engine.effects import Taken
from bot.engine.inputs import read_inputs
from bot.engine.intents import Actor, Refusal
from bot.engine.reading import moment
from bot.engine.record import Origin, Trouble
from bot.engine.taking import Taker
from bot.runbook import Runbook, RunbookInputs
from bot.runbook.cron import BadCron, Cron
from bot.runbook.outline import Outline
from bot.store.store import STORE_AWAY, Store
from bot.store.tables import runs, schedules

log = logging.getLogger(__name__)

#: How long after its moment a run is still what is wanted.
LATE_AT_MOST = timedelta(hours=1)
#: Seconds until it is tried again: when who is who cannot be read, or another version of the bot
#: may know what this one does not; when the store does not answer; when something broke.
AGAIN_S: Mapping[str, float] = {"left": 15.0, "store": 0.5, "broken": 60.0}
#: Seconds: a clock that is set back by more makes the next firings be looked for anew.
SET_BACK_S = 60.0
#: Missed firings that are counted.
COUNTED = 200
#: Whose deliveries these are, when no run begins.
OF_NO_RUN = "schedule"
UNDER_WAY = ("new", "running", "cancelling")
NOWHERE = "there is no channel to speak in: whoever runs the bot sets slack.fallback_channel"


Then = Literal["begin", "skip", "pause", "try again"]


@dataclass(frozen=True)
class _Firing:
    """What is to become of one moment."""

    due: datetime
    next_at: float  #: The moment after it, in seconds since the epoch.
    missed: int  #: Before it, as far as they are counted.
    then: Then = "begin"
    why: str = ""  #: It does not begin.
    of_another_version: bool = False  #: Which may begin it.
    is_told: bool = False  #: Why not is said in the channel.
    inputs: RunbookInputs | None = None  #: With which it begins.


@dataclass
class Schedules:
    """
    `follow`: what a run that has begun leaves to be done in memory. `wake`: the timer.
    `is_replaced`: whether another version of the bot lives beside this one.
    """

    store: Store
    books: Mapping[str, Runbook]
    outlines: Mapping[str, Outline]
    access: Access
    taker: Taker
    zone: str  #: The company's.
    channel: str  #: Where runs speak that a runbook's own schedule starts; empty: nowhere.
    declared: bool  #: Whether runbooks' own schedules are made.
    follow: Callable[[Taken], Taken]
    wake: Callable[[], None]
    is_replaced: Callable[[], Awaitable[bool]]
    _firing: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _again: dict[str, float] = field(default_factory=dict)
    _seen: float = 0.0  #: The time of the last look.
    #: When it is looked again whether another version has a say in what runbooks declare.
    _declare_at: float = 0.0

    async def begin(self) -> None:
        await self._declare()
        await self.store.tx(look_anew, self.access.clock.now())

    async def stop(self) -> None:
        for task in self._firing.values():
            task.cancel()
        await asyncio.gather(*self._firing.values(), return_exceptions=True)

    async def look(self) -> float | None:
        """Begins what is due; when the next one is, in seconds since the epoch."""
        now = self.access.clock.now()
        if now >= self._declare_at:
            await self._declare()
        if now < self._seen - SET_BACK_S:
            await self.store.tx(look_anew, now)
        self._seen, upcoming = now, []
        for schedule_id, next_at in await self.store.read(_going_on):
            at = max(next_at, self._again.get(schedule_id, 0.0))
            if schedule_id in self._firing:
                continue
            if at <= now:
                fired = asyncio.create_task(self._try(schedule_id), name=f"schedule {schedule_id}")
                self._firing[schedule_id] = fired
            else:
                upcoming.append(at)
        return min(upcoming, default=None)

    async def _declare(self) -> None:
        """
        What runbooks declare, as they declare it now. Beside another version only what is new
        begins; what is changed or gone waits until that version is.
        """
        now, place = self.access.clock.now(), Origin(self.channel or None)
        beside = await self.is_replaced()
        books = self.books if self.declared else {}
        await self.store.tx(declare, now, books, self.zone, place, only_new=beside)
        self._declare_at = now + AGAIN_S["left"] if beside else math.inf

    async def _try(self, schedule_id: str) -> None:
        why = ""
        try:
            why = "" if await self._fire(schedule_id) else "left"
        except STORE_AWAY as error:
            why = "store"
            log.warning("schedule %s waits: the store does not answer: %s", schedule_id, error)
        except Exception:
            why = "broken"
            log.exception("schedule %s is due and could not be started", schedule_id)
        finally:
            self._again.pop(schedule_id, None)
            if why:
                self._again[schedule_id] = self.access.clock.now() + AGAIN_S[why]
            self._firing.pop(schedule_id, None)
            self.wake()

    async def _fire(self, schedule_id: str) -> bool:
        """False: it is to be tried again."""
        row = await self.store.read(_row, schedule_id)
        if row is None or row.paused_at is not None:
            return True
        may, beside = await self._may(row), await self.is_replaced()
        taken, is_over = await self.store.tx(self._take, schedule_id, may, beside)
        self.follow(taken)
        return is_over

    async def _may(self, row: Any) -> Refusal | Denied | None:
        """Who added it must still be somebody who may start it. Refusal: that cannot be read."""
        if not row.by:
            return None
        member = await self.access.member(row.by)
        if isinstance(member, Refusal):
            return member
        answer = self.access.may(member, Start(row.book, json.loads(row.inputs)))
        return answer if isinstance(answer, Denied) else None

    # The transaction.

    def _take(
        self, c: sa.Connection, schedule_id: str, may: Refusal | Denied | None, beside: bool
    ) -> tuple[Taken, bool]:
        row, now = _row(c, schedule_id, locked=True), self.access.clock.now()
        if row is None or row.paused_at is not None or row.next_at > now:
            return Taken(is_new=False), True
        firing = self._judge(c, row, moment(now), may)
        if firing.of_another_version and beside:
            firing = replace(firing, then="try again")
        key = f"start:schedule:{row.id}:{firing.due.timestamp():.0f}"
        if firing.then == "try again":
            return Taken(is_new=False), False
        if begun_before(c, key):  # the clock was set back
            _write(c, row, next_at=firing.next_at)
            return Taken(is_new=False), True
        if firing.inputs is None:
            self._leave(c, row, now, firing)
            return Taken(), True
        return self._begin(c, row, now, key, firing, firing.inputs), True

    def _judge(
        self, c: sa.Connection, row: Any, now: datetime, may: Refusal | Denied | None
    ) -> _Firing:
        cron, first = Cron(row.cron, row.zone), moment(row.next_at)
        try:
            due = cron.newest(first, now, now - LATE_AT_MOST)
            count = cron.count(first, now, COUNTED)
            firing = _Firing(due, cron.after(now).timestamp(), count - 1)
        except BadCron as error:
            return _Firing(first, row.next_at, 0, "pause", str(error), is_told=True)
        if now - due > LATE_AT_MOST:
            return replace(firing, then="skip", why=_while_away(count))
        if row.channel is None:
            return replace(firing, then="skip", why=NOWHERE)
        if isinstance(may, Refusal):
            return replace(firing, then="try again")
        if isinstance(may, Denied):
            return _paused(firing, f"Whoever added it may not start it now. {may.why}")
        return self._judge_run(c, row, firing)

    def _judge_run(self, c: sa.Connection, row: Any, firing: _Firing) -> _Firing:
        book = self.books.get(row.book)
        if book is None:
            firing = replace(firing, of_another_version=True)
            return _paused(firing, f"There is no runbook {row.book} any more.")
        inputs = read_inputs(book, json.loads(row.inputs))
        if isinstance(inputs, Refusal):
            firing = replace(firing, of_another_version=True)
            wrong = "; ".join(f"{name}: {why}" for name, why in inputs.fields.items())
            return _paused(firing, f"{row.book} does not take its inputs any more. {wrong}")
        if row.last_run and _goes_on(c, row.last_run):
            why = f"run {row.last_run}, which it started before, still goes on"
            return replace(firing, then="skip", why=why, is_told=why != row.skipped)
        return replace(firing, inputs=inputs)

    def _begin(
        self, c: sa.Connection, row: Any, now: float, key: str, firing: _Firing,
        inputs: RunbookInputs,
    ) -> Taken:  # fmt: skip
        run_id = fresh_id(c, runs)
        _write(
            c, row, next_at=firing.next_at, last_at=firing.due.timestamp(), last_run=run_id,
            skipped=_while_away(firing.missed) if firing.missed else "",
        )  # fmt: skip
        start = Beginning(
            self.books[row.book], self.outlines[row.book], inputs, Actor(row.by, row.team),
            Origin(row.channel, row.channel_name), key, schedule=row.id,
        )  # fmt: skip
        _, taken = begin_run(c, now, self.taker, run_id, start)
        told = {"due": firing.due.isoformat(), "missed": firing.missed}
        note(c, now, run_id, "schedule fired", row.id, row.by, **told)
        return taken

    def _leave(self, c: sa.Connection, row: Any, now: float, firing: _Firing) -> None:
        paused = firing.then == "pause"
        stands = {"paused_at": now, "paused_by": "", "paused_why": firing.why} if paused else {}
        _write(c, row, next_at=firing.next_at, skipped="" if paused else firing.why, **stands)
        if firing.is_told:
            trouble = Trouble(
                row.id, row.book, row.by, row.channel, firing.due, firing.why, paused
            )
            self.taker.put(c, OF_NO_RUN, self.taker.announcer.announce_trouble(trouble))
        told = {"due": firing.due.isoformat(), "why": firing.why, "missed": firing.missed}
        what = "schedule paused" if paused else "schedule skipped"
        note(c, now, None, what, row.id, "", book=row.book, **told)


def _paused(firing: _Firing, why: str) -> _Firing:
    return replace(firing, then="pause", why=why, is_told=True)


def _while_away(count: int) -> str:
    number = f"more than {count - 1}" if count == COUNTED else str(count)
    return f"{number} while no bot ran"


def _goes_on(c: sa.Connection, run_id: str) -> bool:
    query = sa.select(runs.c.status).where(runs.c.id == run_id)
    return c.execute(query).scalar() in UNDER_WAY


def _going_on(c: sa.Connection) -> list[tuple[str, float]]:
    query = sa.select(schedules.c.id, schedules.c.next_at).where(schedules.c.paused_at.is_(None))
    return [(row.id, row.next_at) for row in c.execute(query)]


def _row(c: sa.Connection, schedule_id: str, locked: bool = False) -> Any:
    query = sa.select(schedules).where(schedules.c.id == schedule_id)
    return c.execute(query.with_for_update() if locked else query).first()


def _write(c: sa.Connection, row: Any, **values: object) -> None:
    c.execute(sa.update(schedules).where(schedules.c.id == row.id).values(**values))
