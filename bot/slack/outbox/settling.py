"""
Writes down what became of a delivery, and what follows: it rests and is tried again, goes
elsewhere, or is given up and people are told.
"""

import logging
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from bot.engine.clock import Clock
from bot.slack.outbox.failing import TOLD_AFTER, Troubles
from bot.slack.outbox.moving import notice
from bot.slack.outbox.routing import Route, elsewhere
from bot.slack.outbox.scheduling import Scheduler
from bot.slack.outbox.undelivered import notice_of, tell
from bot.slack.outbox.verdicts import (
    Arrived,
    Elsewhere,
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
from bot.store.delivering import Board, Waiting
from bot.store.store import STORE_AWAY, Store

log = logging.getLogger(__name__)

STORE_AGAIN_S = 0.5


class Settler:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        scheduler: Scheduler,
        troubles: Troubles,
        fallback: str | None,
    ) -> None:
        self._store, self._clock, self._fallback = store, clock, fallback
        self._scheduler, self._troubles = scheduler, troubles

    async def settle(self, route: Route, board: Board, outcome: Outcome) -> None:
        """Until the store has it: what Slack did is not forgotten because the store is away."""
        row = route.row
        match outcome:
            case Arrived():
                await self._arrived(route, outcome)
            case NotArrived(after_s, why):
                log.info("%s was not sent and is tried again: %s", row.id, why)
                self._hold(row, after_s)
                await self._write(lambda c: rows.mark_pending(c, row.id))
            case Unsure(why):
                self._troubles.suspect(route, why)
                await self._write(lambda c: rows.mark_unknown(c, row.id))
            case NotYetKnown(after_s):
                self._hold(row, after_s)
            case Failed(why):
                await self._failed(route, board, why, is_absent=True)
            case Unreadable(why):
                await self._failed(route, board, why, is_absent=False)
            case Elsewhere(why, same_channel):
                await self._post_anew(route, board, why, same_channel)
            case Refusal(why):
                await self.give_up(row, why)

    async def give_up(self, row: Waiting, why: str) -> None:
        log.error("%s cannot be delivered: %s", row.id, why)
        self._troubles.forget(row.seq)
        tell = self._telling(row.run)

        def write(c: sa.Connection) -> None:
            rows.mark_dead(c, row.id, why)
            if row.name != notice_of(row.run):
                tell(c)

        await self._write(write)

    async def _arrived(self, route: Route, outcome: Arrived) -> None:
        row, now = route.row, self._clock.now()
        note = outcome.note or self._troubles.note(row.seq)
        was_missed = self._troubles.arrived(route)
        self._scheduler.release(self._troubles.back_in_line())
        tell = self._telling(row.run)

        def write(c: sa.Connection) -> None:
            makes_good = rows.mark_sent(c, row.id, now, outcome.at, note)
            if was_missed or makes_good:
                tell(c)

        await self._write(write)

    async def _failed(self, route: Route, board: Board, why: str, *, is_absent: bool) -> None:
        row = route.row
        trouble = self._troubles.failed(route, why, is_absent=is_absent)
        if not trouble.left:
            if route.is_edit:
                return await self._post_anew(route, board, trouble.reason, same_channel=True)
            return await self.give_up(row, trouble.reason)
        is_news = trouble.is_told and trouble.tries == TOLD_AFTER
        level = logging.WARNING if is_news else logging.INFO
        log.log(level, "%s failed %d times by now: %s", row.id, trouble.tries, trouble.why)
        self._hold(row, trouble.rest_s)
        # Where nobody can look it is said again, once: seen twice is better than not at all.
        is_sent_again = is_absent or trouble.left == 1
        tell = self._telling(row.run)

        def write(c: sa.Connection) -> None:
            if is_sent_again:
                rows.mark_pending(c, row.id)
            if is_news:
                tell(c)

        await self._write(write)

    async def _post_anew(self, route: Route, board: Board, why: str, same_channel: bool) -> None:
        row = route.row
        can_stay = same_channel and (route.is_edit or route.thread_ts)
        channel = route.channel if can_stay else elsewhere(route, board, self._fallback)
        if channel is None:
            return await self.give_up(row, f"{why}; no other channel can be read")
        keeps_thread = bool(can_stay) and route.is_edit
        tried = row.tried if can_stay else f"{row.tried},{route.channel}"
        self._troubles.forget(row.seq)

        def move(c: sa.Connection) -> None:
            rows.mark_elsewhere(c, row, channel, keeps_thread, tried, why)
            if not can_stay:
                told = notice(row.run, route.channel, channel)
                outbox.put(c, row.run, [told], now=self._clock.now)

        await self._write(move)

    def _hold(self, row: Waiting, seconds: float) -> None:
        self._scheduler.held[row.seq] = self._clock.monotonic() + seconds

    def _telling(self, run: str) -> Callable[[sa.Connection], None]:
        """As it is now: the store has threads of its own."""
        tried, now = self._troubles.told(run), self._clock.now()

        def told(c: sa.Connection) -> None:
            try:
                tell(c, run, tried, now)
            except STORE_AWAY:
                raise
            except Exception:  # what it goes with is to be written down in any case
                log.exception("people cannot be told what run %s could not show", run)

        return told

    async def _write(self, write: Callable[[sa.Connection], Any]) -> None:
        while True:
            try:
                return await self._store.tx(write)
            except STORE_AWAY as error:
                log.warning("the store does not answer, so a delivery waits: %s", error)
                await self._clock.sleep(STORE_AGAIN_S)
