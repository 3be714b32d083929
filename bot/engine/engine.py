"""
The engine's life: events in, work out, one timer, and a sweep that finds what a death left behind.

Whatever is taken in is durable when the call returns. Starting the work is memory only: the rows
say what is due, and who does it is decided by the claim.
"""

import asyncio
import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa

from bot.access.policy import DEFAULT, Policy
from bot.engine.access import Access
from bot.engine.applying import Applier, Job
from bot.engine.audit import note
from bot.engine.calling import Surroundings
from bot.engine.claiming import Claimed, claim, leave, swept
from bot.engine.clock import Clock
from bot.engine.effects import Taken
from bot.engine.ended import ApplyTiming
from bot.engine.freezing import Freezing
from bot.engine.glass import REVIEW, remind
from bot.engine.intents import Directory
from bot.engine.judging import note_policy
from bot.engine.leases import Lease
from bot.engine.performing import Performer
from bot.engine.reading import QUESTIONS
from bot.engine.record import Announcer, Said
from bot.engine.reminding import remind_of
from bot.engine.reports import Report
from bot.engine.returning import BACK, BACK_AGAIN_S
from bot.engine.runners import Runner
from bot.engine.schedules import Schedules
from bot.engine.state import Event
from bot.engine.taking import Fenced, PutDeliveries, Taker, lock_run
from bot.engine.versions import LeftToOthers, OfAnotherVersion, version_of
from bot.runbook import Runbook
from bot.runbook.outline import Outline, outline
from bot.runbook.values import storable
from bot.store.others import DELIVER
from bot.store.store import STORE_AWAY, Store, StoreAway, Transaction
from bot.store.tables import plans, runs, steps, waits

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds between two looks for work that nobody does, and the longest nap of the timer.
SWEEP_EVERY_S = 2.0
NAP_AT_MOST_S = 5.0
#: After the end of a lease, until one looks for what its holder was at.
LEASE_IS_OVER_S = 0.02
#: Seconds until a report is tried again when the store does not answer.
REPORT_AGAIN_S = 0.5
#: Until a wait is tried again whose event cannot be taken; the others do not wait for it.
FIRE_AGAIN_S = 60.0
UNWRITTEN = "What this has to say could not be written down; the bot's log has it."


class Engine:
    def __init__(
        self,
        store: Store,
        books: Mapping[str, Runbook],
        around: Surroundings,
        announcer: Announcer,
        put: PutDeliveries,
        directory: Directory,
        runner: Runner,
        *,
        policy: Policy = DEFAULT,
        clock: Clock | None = None,
        timing: ApplyTiming | None = None,
        expires_after_s: float = 900.0,
        channel: str = "",
        declared: bool = True,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """
        `channel`: its id; where runs speak that a runbook's own schedule starts. `declared`:
        whether there are such schedules.
        """
        self.store, self.books, self.around = store, books, around
        self.outlines: Mapping[str, Outline] = {key: outline(book) for key, book in books.items()}
        self.clock = clock or Clock()
        self.access = Access(policy, directory, around.company.environment, self.clock)
        self.kinds = around.systems.kinds
        self.taker = Taker(announcer, put, self.kinds, expires_after_s)
        self._runner, self._on_commit = runner, on_commit
        self.freezing = Freezing(store, self.access, self.taker, on_commit)
        self._lease = Lease(store, self.clock, version_of(books, self.kinds))
        self._left = LeftToOthers(self.clock, store.is_sqlite)
        applier = Applier(
            store, around.systems, self.clock, timing or ApplyTiming(), self.access.frozen,
            self._lease.holds, self._tell_progress,
        )  # fmt: skip
        self._performer = Performer(store, books, around, applier, self.access, self.clock)
        self._wake = asyncio.Event()
        self.schedules = Schedules(
            store, books, self.outlines, self.access, self.taker, around.company.time_zone,
            channel, declared, self.follow, self._wake.set, self.is_being_replaced,
        )  # fmt: skip
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """The store is open. Takes up whatever an earlier life left."""
        await self.store.tx(note_policy, self.clock.now(), self.access.policy)
        await self.schedules.begin()
        await self._lease.renew()
        self._runner.launch(self._execute)
        self._loops = [
            asyncio.create_task(self._forever(self._sweep), name="sweep"),
            asyncio.create_task(self._forever(self._keep_time), name="timer"),
            asyncio.create_task(self._forever(self.freezing.keep), name="freezes"),
            asyncio.create_task(self._forever(self._lease.keep), name="lease"),
            asyncio.create_task(self._forever(self._listen), name="what other replicas say"),
        ]

    async def stop(self, grace_s: float = 20.0) -> None:
        """What is not done by then is handed to whoever lives on."""
        self._stopping = True
        await self._runner.stop(grace_s)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.schedules.stop()
        await self._lease.give_up()

    # Events.

    async def take(
        self, run_id: str, key: str, event: Event, report: Report | None = None, **more: Any
    ) -> Taken:
        """Durable when it returns. Raises Fenced, KeyError for a strange run."""

        def whole(c: sa.Connection) -> Taken:
            return self.taker.take(c, self.clock.now(), run_id, key, event, report, **more)

        return self.follow(await self.store.tx(whole))

    async def is_being_replaced(self) -> bool:
        """Whether another version of the bot lives beside this one."""
        return await self._lease.is_beside_another_version()

    async def write(self, transaction: Transaction[[], T]) -> T:
        """Another transaction, after which the outbox is to look."""
        written = await self.store.tx(transaction)
        self._on_commit()
        return written

    def follow(self, taken: Taken) -> Taken:
        """After the commit: start and stop work, wake the timer and the outbox."""
        self._runner.start(taken.start)
        for work_id in taken.stop:
            self._cancel(work_id)
        self._wake.set()
        self._on_commit()
        return taken

    def _cancel(self, work_id: str) -> None:
        if ".apply#" not in work_id:  # what alters something stops only before its intent
            self._runner.cancel(work_id)

    async def _listen(self) -> None:
        await self.store.listen(self._hear)

    def _hear(self, told: str) -> None:
        """What another replica was asked to stop may run here, and be delivered from here."""
        if told == DELIVER:
            self._on_commit()
        else:
            self._cancel(told)

    def start_work(self, work_ids: Iterable[str]) -> None:
        self._runner.start(work_ids)
        self._wake.set()

    # Work.

    async def _execute(self, work_id: str) -> None:
        try:
            await self._do(work_id)
        except StoreAway as error:  # the rows know how far it is; the sweep takes it up
            log.warning("%s waits: the store does not answer: %s", work_id, error)

    async def _do(self, work_id: str) -> None:
        claimed = await self.store.tx(claim, work_id, self._lease.owner)
        if claimed is None:
            return
        try:
            done = await self._perform(claimed)
        except Fenced:
            return log.warning("%s belongs to somebody else now", work_id)
        except asyncio.CancelledError:
            if self._stopping or claimed.phase == "apply":
                raise  # what was begun is looked at again, by whoever takes it up
            done = Event("returned", claimed.step, claimed.attempt, "cancelled"), Report()
        except StoreAway:
            raise
        except Exception:
            if claimed.phase == "apply":
                raise  # the rows know how far it is; the sweep takes it up and looks again
            log.exception("%s failed in the bot's own code", work_id)
            says = f"The bot itself failed here; its log has it under {work_id}."
            done = Event("returned", claimed.step, claimed.attempt, "failed"), Report(says)
        if done:
            await self._report(claimed, *done)

    async def _perform(self, claimed: Claimed) -> tuple[Event, Report] | None:
        """None: it is left to another version of the bot."""
        try:
            return await self._performer.perform(claimed)
        except OfAnotherVersion as error:
            if not self._left.leave(claimed.id):
                return await self._performer.give_up(claimed, str(error))
            log.info("%s is left to another version of the bot: %s", claimed.id, error)
        await self.store.tx(leave, claimed)
        return None

    async def _report(self, claimed: Claimed, event: Event, report: Report) -> None:
        """Until it is accepted or fenced: a result that is dropped leaves the work taken."""
        key = f"{claimed.id}~{claimed.fence}"
        while True:
            try:
                await self.take(
                    claimed.run, key, event, report, of_work=(claimed.id, claimed.fence)
                )
                return
            except Fenced:
                return log.warning("%s was done by somebody else", claimed.id)
            except STORE_AWAY as error:
                log.warning("the store does not answer, so %s waits: %s", claimed.id, error)
                await asyncio.sleep(REPORT_AGAIN_S)
            except Exception:
                if report.says == UNWRITTEN:
                    raise
                log.exception("what %s has to say cannot be written down", claimed.id)
                event, report = _bare(event, report)

    async def _tell_progress(self, job: Job, says: str, part: float | None) -> None:
        run_id, step = job.work_id.rsplit(".apply#", 1)[0].split("/", 1)
        says = storable(says)

        def tell(c: sa.Connection) -> None:
            c.execute(sa.select(runs.c.id).where(runs.c.id == run_id).with_for_update())
            mine = sa.and_(steps.c.run == run_id, steps.c.key == step)
            was = c.execute(sa.select(steps.c.says).where(mine)).scalar()
            if was != says:
                c.execute(sa.update(steps).where(mine).values(says=says, progress=part))
                self.taker.tell(c, run_id, [Said("step progressed", step)])

        await self.write(tell)

    # Time, and the dead.

    async def _forever(self, once: Callable[[], Any]) -> None:
        task, is_away = asyncio.current_task(), False
        name = task.get_name() if task else once.__name__
        while True:
            try:
                await once()
                is_away = False
            except STORE_AWAY as error:
                if not is_away:  # once, and not twice a second for as long as it lasts
                    log.warning("%s waits: the store does not answer: %s", name, _in_short(error))
                is_away = True
                await asyncio.sleep(REPORT_AGAIN_S)
            except Exception:
                log.exception("%s failed; it goes on", name)
                await asyncio.sleep(REPORT_AGAIN_S)

    async def _sweep(self) -> None:
        free, lease_ends_s = await self.store.read(swept, self._lease.owner)
        self._runner.start(self._left.but(free))
        await asyncio.sleep(min(SWEEP_EVERY_S, lease_ends_s + LEASE_IS_OVER_S))

    async def _keep_time(self) -> None:
        self._wake.clear()
        now = self.clock.now()
        for wait_id in await self.store.read(_due, now):
            try:
                self.follow(await self.store.tx(self._fire, wait_id))
            except STORE_AWAY:
                raise
            except Exception:
                log.exception("%s is due and cannot be taken", wait_id)
                await self.store.tx(_put_off, wait_id, now + FIRE_AGAIN_S)
        known = await self.store.read(_next_deadline), await self.schedules.look()
        until = min((one for one in known if one is not None), default=math.inf)
        await self.clock.wait(self._wake, min(NAP_AT_MOST_S, until - self.clock.now()))

    def _fire(self, c: sa.Connection, wait_id: str) -> Taken:
        if (run := _run_of(c, wait_id)) is None:
            return Taken(is_new=False)
        lock_run(c, run)
        row = c.execute(sa.select(waits).where(waits.c.id == wait_id)).first()
        if row is None:  # somebody was faster
            return Taken(is_new=False)
        now, key = self.clock.now(), f"due:{wait_id}"
        if row.kind == REVIEW:
            remind(c, now, wait_id, self.taker.tell)
            return Taken(is_new=False)
        if row.kind in QUESTIONS:
            remind_of(c, now, wait_id, self.taker.tell)
            return Taken(is_new=False)
        if row.kind == BACK:
            due, tried = Event("return due", row.step, row.attempt), f"{key}@{row.deadline}"
            taken = self.taker.take(c, now, row.run, tried, due)
            if not taken.moved:  # its action is just being made anew, or taken back
                _put_off(c, wait_id, now + BACK_AGAIN_S)
            return taken
        if row.kind == "tick":
            c.execute(sa.delete(waits).where(waits.c.id == wait_id))
            return self.taker.take(c, now, row.run, key, Event("due", row.step, row.attempt))
        plan = json.loads(row.body)["plan"]
        pending = sa.and_(plans.c.id == plan, plans.c.status == "pending")
        expired = sa.update(plans).where(pending).values(status="expired")
        digest = c.execute(expired.returning(plans.c.digest)).scalar()
        event = Event("decided", row.step, row.attempt, "expired")
        report = Report(says="Nobody decided in time. Ask again for a fresh plan.")
        taken = self.taker.take(c, now, row.run, key, event, report)
        if digest:
            note(c, now, row.run, "approval expired", row.step, "", plan=plan, digest=digest)
        return taken


def _in_short(error: Exception) -> str:
    """Without the statement, which says nothing to whoever looks for the database."""
    return str(getattr(error, "orig", None) or error).split("\n")[0] or "no answer in time"


def _bare(event: Event, report: Report) -> tuple[Event, Report]:
    """What became of a change stays what it is; of anything else only that it failed is known."""
    if event.kind == "applied":
        return event, Report(UNWRITTEN, report.result, report.has_result)
    return replace(event, outcome="failed"), Report(UNWRITTEN)


def _due(c: sa.Connection, now: float) -> list[str]:
    query = sa.select(waits.c.id).where(waits.c.deadline <= now).order_by(waits.c.deadline)
    return [row.id for row in c.execute(query.limit(200))]


def _run_of(c: sa.Connection, wait_id: str) -> str | None:
    return c.execute(sa.select(waits.c.run).where(waits.c.id == wait_id)).scalar()


def _put_off(c: sa.Connection, wait_id: str, until: float) -> None:
    c.execute(sa.update(waits).where(waits.c.id == wait_id).values(deadline=until))


def _next_deadline(c: sa.Connection) -> float | None:
    return c.execute(sa.select(sa.func.min(waits.c.deadline))).scalar()
