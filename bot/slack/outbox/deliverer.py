"""
Delivers the outbox: looks what is open, starts what may go, and has it written what became of it.

A row is `sending` in the store before Slack is called. Whatever is found `sending` that nobody
here is sending may have arrived: it is looked for before it is repeated. So a death at any moment
neither loses a message nor doubles it. What rests or is waited for is counted by a clock that
nobody sets; the one on the wall only says when a row is due.
"""

import asyncio
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from bot.engine.clock import Clock
from bot.runbook.errors import Refused
from bot.slack.calls import Calls, Limited, Lost, NotSent
from bot.slack.outbox.failing import Troubles
from bot.slack.outbox.files import Draw, Files
from bot.slack.outbox.lateness import Lateness
from bot.slack.outbox.leading import Leadership
from bot.slack.outbox.looking import Looker
from bot.slack.outbox.routing import Lane, Route, Router, heads
from bot.slack.outbox.scheduling import Scheduler
from bot.slack.outbox.sending import Sender
from bot.slack.outbox.settling import STORE_AGAIN_S, Settler
from bot.slack.outbox.verdicts import (
    Failed,
    NotArrived,
    NotYetKnown,
    Outcome,
    Refusal,
    Unreadable,
    Unsure,
)
from bot.store import delivering as rows
from bot.store import outbox
from bot.store.deliveries import Delivery
from bot.store.delivering import Board, Waiting
from bot.store.outbox import RowState
from bot.store.rooms import remember_room
from bot.store.store import STORE_AWAY, Store

log = logging.getLogger(__name__)

#: Seconds between two looks when nobody wakes us: time has passed, or another replica has put
#: something.
LOOK_EVERY_S, LOOK_AMONG_REPLICAS_EVERY_S = 2.0, 0.5
#: A delivery makes at most this many calls, an upload counting as several.
CALLS_AT_MOST = 5
RESIGNS_WITHIN_S = 1.0
OWN_FAULT = "The bot itself failed on it; its log has it under this id"


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
        self._store, self._clock = store, clock or Clock()
        self._look_every_s = LOOK_EVERY_S if store.is_sqlite else LOOK_AMONG_REPLICAS_EVERY_S
        self._sender = Sender(calls, Files(store, calls, draw), self._clock.now)
        self._looker = Looker(calls)
        self._leadership = Leadership(store, self._clock, calls.timeout_s)
        self._router, self._scheduler, self._lateness = Router(fallback), Scheduler(), Lateness()
        self._troubles = Troubles()
        self._settler = Settler(store, self._clock, self._scheduler, self._troubles, fallback)
        #: Seconds that a call of another process may still be on its way. On SQLite there is none.
        self._others_s = 0.0 if store.is_sqlite else CALLS_AT_MOST * calls.timeout_s
        self._over_at: dict[int, float] = {}  #: When no call of a row was on its way any more.
        self._awake = asyncio.Event()
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._landed: list[tuple[str, Lane]] = []
        self._loop: asyncio.Task[None] | None = None
        self._ends_at = math.inf

    def start(self) -> None:
        """The store is open. Takes up whatever an earlier life left."""
        self._loop = asyncio.create_task(self._forever(), name="outbox")

    def wake(self) -> None:
        """Something was committed."""
        self._awake.set()

    async def stop(self, grace_s: float = 10.0) -> None:
        """What can be said within the grace is said; the rest stays for the next life."""
        self._ends_at = self._clock.monotonic() + grace_s
        self.wake()
        if self._loop:
            await asyncio.wait({self._loop}, timeout=grace_s)
        tasks = [*filter(None, [self._loop]), *self._flying.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(RESIGNS_WITHIN_S):
                await self._leadership.resign()
        except STORE_AWAY as error:
            log.warning("the store does not answer, so the next to deliver has to wait: %s", error)

    @property
    def behind(self) -> timedelta | None:
        """How long the oldest delivery waits for Slack; None: Slack is keeping up."""
        return self._lateness.behind(self._clock.monotonic())

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
            except Exception:  # this loop ends with the bot, and not before
                log.exception("the outbox failed to look; it goes on")
                nap = STORE_AGAIN_S
            is_over = self._clock.monotonic() + nap > self._ends_at
            if is_over and not self._flying and not self._awake.is_set():
                return
            await self._clock.wait(self._awake, min(nap, self._look_every_s))

    async def _look(self) -> float:
        """Starts what can go; how long there is nothing more to do, unless somebody wakes us."""
        self._land()
        if not await self._leadership.holds():
            return math.inf
        board = await self._store.read(rows.board)
        orphans = [
            row.id for row in board.rows if row.state == "sending" and row.id not in self._flying
        ]
        if orphans:
            await self._store.tx(rows.mark_orphans, orphans)
            return 0.0
        now, by_wall = self._clock.monotonic(), self._clock.now()
        ready, broken = self._ready(board, now)
        chosen, nap = self._scheduler.choose(ready, now)
        for route in chosen:
            task = asyncio.create_task(self._deliver(route, board), name=route.row.id)
            self._flying[route.row.id] = task
        for row in broken:
            await self._settler.give_up(row, OWN_FAULT)
        self._forget(board, now)
        late = [route for route in ready if not self._is_its_own_fault(route)]
        if changed := self._lateness.see(late, now):
            await self._store.tx(rows.restate_cards, changed, by_wall)
        later = [(row.not_before or 0.0) - by_wall for row in board.rows]
        return min([nap, *(wait for wait in later if wait > 0)])

    def _ready(self, board: Board, now: float) -> tuple[list[Route], list[Waiting]]:
        """What could go, and what the bot's own code failed on too often. No row stops others."""
        ready: list[Route] = []
        broken: list[Waiting] = []
        for row in heads(board, self._clock.now()):
            try:
                ready += self._routes(row, board, now)
            except Exception:  # one row's work ends here
                log.exception("%s failed in the bot's own code", row.id)
                if self._troubles.stumbled(row.seq):
                    broken.append(row)
        return ready, broken

    def _routes(self, row: Waiting, board: Board, now: float) -> Iterator[Route]:
        gives_way = self._troubles.gives_way(row.seq)
        if route := self._router.route(row, board, now, gives_way):
            self._scheduler.wait_s(route, now)  # raises here, and not among the others
            yield route

    def _is_its_own_fault(self, route: Route) -> bool:
        """Slack is not behind when it takes all but this, or shows a file late."""
        is_file_looked_for = route.row.kind == "file" and route.row.state == "unknown"
        return is_file_looked_for or self._troubles.is_to_blame(route.row.seq)

    def _forget(self, board: Board, now: float) -> None:
        seqs = {row.seq for row in board.rows}
        self._scheduler.forget({row.run for row in board.rows}, now)
        self._router.keep_only(seqs)
        self._troubles.keep_only(seqs)
        self._over_at = {seq: at for seq, at in self._over_at.items() if seq in seqs}

    def _land(self) -> None:
        """
        Here and nowhere else: a board that is being read may be older than what just landed, and
        would have it sent again.
        """
        for row_id, lane in self._landed:
            self._flying.pop(row_id, None)
            self._scheduler.busy.discard(lane)
        self._landed.clear()

    async def _deliver(self, route: Route, board: Board) -> None:
        try:
            outcome = await self._attempt(route)
            if outcome:
                await self._settler.settle(route, board, outcome)
        except STORE_AWAY as error:
            log.warning("the store does not answer, so %s waits: %s", route.row.id, error)
        except Exception:  # one delivery's work ends here; it is found as an orphan
            log.exception("%s failed in the bot's own code", route.row.id)
            if self._troubles.stumbled(route.row.seq):
                await self._settler.give_up(route.row, OWN_FAULT)
        finally:
            self._landed.append((route.row.id, route.lane))
            self.wake()

    async def _attempt(self, route: Route) -> Outcome | None:
        """None: it is not ours to send any more."""
        looks = route.row.state == "unknown"
        self._troubles.tries(route)
        try:
            return await (self._look_for(route) if looks else self._send(route))
        except Limited as limited:
            now = self._clock.monotonic()
            self._scheduler.gates.stop(limited.method, limited.again_after_s, now)
            return NotYetKnown(0.0) if looks else NotArrived(why=str(limited))
        except NotSent as error:
            return Unreadable(str(error)) if looks else Failed(str(error))
        except Lost as error:
            return Unreadable(str(error)) if looks else Unsure("Slack does not answer")
        except Refused as error:
            return Refusal(str(error))

    async def _look_for(self, route: Route) -> Outcome:
        row, now = route.row, self._clock.monotonic()
        over_at = self._over_at.setdefault(row.seq, now + self._others_s)
        payload = await self._store.read(rows.payload_of, row.id)
        return await self._looker.look(route, payload, self._clock.now(), now - over_at)

    async def _send(self, route: Route) -> Outcome | None:
        row, now = route.row, self._clock.monotonic()
        payload = await self._store.tx(
            rows.take, row.id, self._leadership.owner, self._clock.now()
        )
        if payload is None:
            self._leadership.doubt()
            return None
        if not self._leadership.has_time():
            return NotArrived()  # this process slept, and another may be delivering by now
        stamped = self._lateness.stamped(route, payload, now)
        try:
            return await self._sender.send(route, self._troubles.eased(row, stamped))
        finally:
            self._over_at[row.seq] = self._clock.monotonic()
