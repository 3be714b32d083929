"""
Delivers the outbox: looks what is open, starts what may go, and records what became of it.

A row is `sending` in the store before Slack is called. Whatever is found `sending` that nobody
here is sending may have arrived: it is looked for before it is repeated. So a death at any moment
neither loses a message nor doubles it.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bot.engine.clock import Clock
from bot.slack.calls import Calls, Limited, Lost, NotSent
from bot.slack.outbox.files import Draw, Files
from bot.slack.outbox.lateness import Lateness
from bot.slack.outbox.looking import Looker
from bot.slack.outbox.moving import notice
from bot.slack.outbox.routing import Lane, Route, elsewhere, routes
from bot.slack.outbox.scheduling import Scheduler
from bot.slack.outbox.sending import Sender
from bot.slack.outbox.verdicts import (
    Arrived,
    Elsewhere,
    NotArrived,
    NotYetKnown,
    Outcome,
    Refusal,
    Unsure,
)
from bot.store import delivering as rows
from bot.store import outbox
from bot.store.deliveries import Delivery
from bot.store.delivering import Board
from bot.store.outbox import RowState
from bot.store.rooms import remember_room
from bot.store.store import Store

log = logging.getLogger(__name__)

#: Seconds between two looks when nobody wakes us: time has passed, or another replica has put
#: something.
LOOK_EVERY_S, LOOK_AMONG_REPLICAS_EVERY_S = 2.0, 0.5
#: Seconds that one replica is the one that delivers, and how long before the end it renews that.
#: On SQLite there is no other.
LEASE_S, RENEW_BEFORE_S = 30.0, 20.0
ALONE_S = timedelta(days=36500).total_seconds()
#: Seconds after which what Slack did not show after a lost answer is not there.
SETTLED_S = 3.0
#: A delivery makes at most this many calls, an upload counting as several.
CALLS_AT_MOST = 5
STORE_AGAIN_S = 0.5
LONGEST_BACKOFF_S = 30.0
STORE_AWAY = (OSError, DBAPIError)


class Outbox:
    """
    `draw` makes a PNG of a plot. `fallback` is a channel to speak in when a run has
    none that can be read, such as the alerts channel.
    """

    def __init__(
        self,
        store: Store,
        calls: Calls,
        draw: Draw,
        *,
        clock: Clock | None = None,
        fallback: str | None = None,
    ) -> None:
        self._store, self._clock, self._fallback = store, clock or Clock(), fallback
        self._look_every_s = LOOK_EVERY_S if store.is_sqlite else LOOK_AMONG_REPLICAS_EVERY_S
        self._call_limit_s = calls.timeout_s
        self._sender = Sender(calls, Files(store, calls, draw), self._clock.now)
        self._looker = Looker(calls)
        self._scheduler = Scheduler()
        self._lateness = Lateness()
        self._owner, self._leads_until = uuid.uuid4().hex, 0.0
        self._awake = asyncio.Event()
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._landed: list[tuple[str, Lane]] = []
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The store is open. Takes up whatever an earlier life left."""
        self._loop = asyncio.create_task(self._forever(), name="outbox")

    def wake(self) -> None:
        """Something was committed."""
        self._awake.set()

    async def stop(self, grace_s: float = 10.0) -> None:
        """What is at Slack by now gets its answer; the rest stays for the next life."""
        if self._loop:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        flying = list(self._flying.values())
        if flying:
            await asyncio.wait(flying, timeout=grace_s)
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    @property
    def behind(self) -> timedelta | None:
        """How long the oldest delivery waits for Slack; None: Slack is keeping up."""
        return self._lateness.behind(self._clock.now())

    async def put(self, run_id: str, deliveries: Sequence[Delivery]) -> None:
        """For what is said outside a transaction of the engine."""
        await self._store.tx(outbox.put, run_id, deliveries, now=self._clock.now)
        self.wake()

    async def remember(self, run_id: str, channel_id: str, name: str) -> None:
        """The run speaks in this channel from now on. Saying it twice does nothing."""
        await self._store.tx(remember_room, run_id, channel_id, name)
        self.wake()

    async def states(self, names: Sequence[str]) -> Mapping[str, RowState]:
        """How far these names are; one that nobody put is left out."""
        return await self._store.read(outbox.states, names)

    async def _forever(self) -> None:
        while True:
            self._awake.clear()
            try:
                nap = await self._look()
            except STORE_AWAY as error:
                log.warning("the store does not answer, so nothing is delivered: %s", error)
                nap = STORE_AGAIN_S
            except Exception:
                log.exception("the outbox failed to look; it goes on")
                nap = STORE_AGAIN_S
            await self._clock.wait(self._awake, nap)

    async def _look(self) -> float:
        """Starts what can go; how long there is nothing more to do."""
        self._land()
        now = self._clock.now()
        if not await self._leads(now):
            return self._look_every_s
        board = await self._store.read(rows.board)
        orphans = [
            row.id for row in board.rows if row.state == "sending" and row.id not in self._flying
        ]
        if orphans:
            await self._store.tx(rows.mark_orphans, orphans)
            return 0.0
        ready = list(routes(board, now, self._fallback))
        chosen, nap = self._scheduler.choose(ready, now)
        for route in chosen:
            task = asyncio.create_task(self._deliver(route, board), name=route.row.id)
            self._flying[route.row.id] = task
        self._scheduler.forget({row.run for row in board.rows}, now)
        if changed := self._lateness.see(ready, now):
            await self._store.tx(rows.restate_cards, changed, now)
        later = [row.due_at - now for row in board.rows if row.due_at > now]
        return min([self._look_every_s, nap, *later])

    def _land(self) -> None:
        """
        Here and nowhere else: a board that is being read may be older than what just landed, and
        would have it sent again.
        """
        for row_id, lane in self._landed:
            self._flying.pop(row_id, None)
            self._scheduler.busy.discard(lane)
        self._landed.clear()

    async def _leads(self, now: float) -> bool:
        if self._leads_until - now < RENEW_BEFORE_S:
            alone = self._store.is_sqlite
            for_s = ALONE_S if alone else LEASE_S
            leads = await self._store.tx(rows.lead, self._owner, now, for_s, alone)
            self._leads_until = now + for_s if leads else 0.0
        return self._leads_until > now

    async def _deliver(self, route: Route, board: Board) -> None:
        try:
            outcome = await self._attempt(route)
            if outcome:
                await self._settle(route, board, outcome)
        except STORE_AWAY as error:
            log.warning("the store does not answer, so %s waits: %s", route.row.id, error)
        finally:
            self._landed.append((route.row.id, route.lane))
            self.wake()

    async def _attempt(self, route: Route) -> Outcome | None:
        """None: it is not ours to send any more."""
        looks = route.row.state == "unknown"
        again_s = min(2.0**route.row.attempts, LONGEST_BACKOFF_S)
        try:
            return await (self._look_for(route) if looks else self._send(route))
        except Limited as limited:
            self._scheduler.gates.stop(limited.method, limited.again_after_s, self._clock.now())
            return NotYetKnown(0.0) if looks else NotArrived()
        except NotSent as error:
            return NotYetKnown(again_s) if looks else NotArrived(again_s, str(error))
        except Lost:
            return NotYetKnown(again_s) if looks else Unsure()
        except STORE_AWAY:
            raise
        except Exception:
            log.exception("%s failed in the bot's own code", route.row.id)
            return Refusal("the bot itself failed on it; its log has it under this id")

    async def _look_for(self, route: Route) -> Outcome:
        payload = await self._store.read(rows.payload_of, route.row.id)
        return await self._looker.look(route, payload, self._clock.now())

    async def _send(self, route: Route) -> Outcome | None:
        now = self._clock.now()
        sure_at = now + CALLS_AT_MOST * self._call_limit_s + SETTLED_S
        payload = await self._store.tx(rows.take, route.row.id, self._owner, now, sure_at)
        if payload is None:
            return None
        if self._clock.now() + self._call_limit_s > self._leads_until:
            return NotArrived()  # this process slept, and another may be delivering by now
        stamped = self._lateness.stamped(route, payload, now)
        return await self._sender.send(route, stamped)

    async def _settle(self, route: Route, board: Board, outcome: Outcome) -> None:
        """Until the store has it: what Slack did is not forgotten because the store is away."""
        now, row_id = self._clock.now(), route.row.id
        match outcome:
            case Arrived(at, note):
                await self._write(lambda c: rows.mark_sent(c, row_id, now, at, note))
            case NotArrived(after_s, why):
                log.info("%s did not arrive and is sent again: %s", row_id, why)
                self._scheduler.held[route.lane] = now + after_s
                await self._write(lambda c: rows.mark_pending(c, row_id))
            case Unsure():
                await self._write(lambda c: rows.mark_unknown(c, row_id, now + SETTLED_S))
            case NotYetKnown(after_s):
                self._scheduler.held[route.lane] = now + after_s
            case Elsewhere(why, same_channel):
                await self._post_anew(route, board, why, same_channel)
            case Refusal(why):
                await self._give_up(row_id, why)

    async def _post_anew(self, route: Route, board: Board, why: str, same_channel: bool) -> None:
        row = route.row
        can_stay = same_channel and (route.is_edit or route.thread_ts)
        channel = route.channel if can_stay else elsewhere(route, board, self._fallback)
        if channel is None:
            return await self._give_up(row.id, f"{why}; no other channel can be read")
        log.warning("%s is posted anew in %s: %s", row.id, channel, why)
        keeps_thread = bool(can_stay) and route.is_edit
        tried = row.tried if can_stay else f"{row.tried},{route.channel}"

        def move(c: sa.Connection) -> None:
            rows.mark_elsewhere(c, row, channel, keeps_thread, tried, why)
            if not can_stay:
                told = notice(row.run, route.channel, channel)
                outbox.put(c, row.run, [told], now=self._clock.now)

        await self._write(move)

    async def _give_up(self, row_id: str, why: str) -> None:
        log.error("%s cannot be delivered: %s", row_id, why)
        await self._write(lambda c: rows.mark_dead(c, row_id, why))

    async def _write(self, write: Callable[[sa.Connection], Any]) -> None:
        while True:
            try:
                return await self._store.tx(write)
            except STORE_AWAY as error:
                log.warning("the store does not answer, so a delivery waits: %s", error)
                await self._clock.sleep(STORE_AGAIN_S)
