"""
Stops all changes to outside systems, lets them go on, and tells everybody.

What counts is the row of the switch, or the policy and the clock; no loop, message or card. They
are made true afterwards, also when the bot dies in between.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from bot.access.acts import Frozen
from bot.access.member import Member
from bot.engine.access import Access
from bot.engine.audit import note
from bot.engine.freezes import begin, end, mark_told, switch, throw, untold, windows_moved
from bot.engine.reading import moment, was_here
from bot.engine.record import Said, Thaw
from bot.engine.taking import Taker
from bot.store.store import Store
from bot.store.tables import events, runs

#: Seconds between two looks whether a window of the policy has begun or ended.
LOOK_EVERY_S = 5.0
#: Whose deliveries these are: of no run.
OF_ALL = "freeze"
STOPPED = (
    "All changes to outside systems are stopped. What has begun is seen to its end, and checks go"
    " on. `/runbook thaw` lets changes be made again."
)
UNDER_WAY = ("new", "running", "cancelling")


@dataclass(frozen=True)
class Freezing:
    """`on_commit`: the outbox has something to look at."""

    store: Store
    access: Access
    taker: Taker
    on_commit: Callable[[], None]
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    # The switch.

    async def turn(self, way: Literal["freeze", "thaw"], by: Member, reason: str, key: str) -> str:
        """What they are told, also when the same delivery came before."""
        turned = self._stop if way == "freeze" else self._go_on

        def whole(c: sa.Connection) -> str:
            if told := was_here(c, f"{way}:{key}"):
                return told
            now, why = self.access.clock.now(), reason.strip()
            told, what = turned(c, now, by, why)
            c.execute(
                sa.insert(events).values(
                    key=f"{way}:{key}", kind=way, about="all changes", by=by.user_id,
                    answer=told, at=now,
                )
            )  # fmt: skip
            if what:
                note(c, now, None, what, "all changes", by.user_id, reason=why)
            else:
                note(c, now, None, f"refused {way}", "all changes", by.user_id, why=told)
            return told

        told = await self.store.tx(whole)
        self.on_commit()
        self.moved.set()
        return told

    def _stop(self, c: sa.Connection, now: float, by: Member, why: str) -> tuple[str, str]:
        """What they are told, and what is to be noted."""
        if thrown := switch(c, "alone"):
            return f"Changes are {thrown.says(moment(now))} already. Nothing goes through.", ""
        self._announce(c, throw(c, now, by, why))
        return STOPPED, "frozen"

    def _go_on(self, c: sa.Connection, now: float, by: Member, why: str) -> tuple[str, str]:
        thrown = switch(c, "alone")
        if thrown is None:
            return "The switch is not thrown. `/runbook status` shows what else is frozen.", ""
        end(c)
        self._announce(c, thrown, Thaw(moment(now), why, by.user_id, by.name))
        said = "Changes may be approved and made again."
        if windows := ", ".join(one.window for one in self._on()):
            said = f"The switch is released, and this change freeze still holds: {windows}."
        held = "What was held back is not made by itself: it is planned and asked for anew."
        return f"{said} {held}", "thawed"

    # What follows.

    async def keep(self) -> None:
        """One look, and a nap until the switch moves or it is time for the next."""
        self.moved.clear()
        await self.follow()
        await self.access.clock.wait(self.moved, LOOK_EVERY_S)

    async def follow(self) -> None:
        """Notes windows that began or ended, and has the cards of runs say what is so."""
        if any(await self.store.read(windows_moved, self._on())):
            await self.store.tx(self._note_windows)
            self.on_commit()
        for one in await self.store.read(untold):
            await self._tell_all(one)

    def _on(self) -> Sequence[Frozen]:
        now = moment(self.access.clock.now())
        return self.access.policy.freezes(now, self.access.environment)

    def _note_windows(self, c: sa.Connection) -> None:
        begun, over = windows_moved(c, self._on())
        now = self.access.clock.now()
        for window in begun:
            self._announce(c, begin(c, now, window))
        for window in over:
            end(c, window.window)
            self._announce(c, window, Thaw(moment(now)))
        for window in begun:
            about = {"why": window.why, "lasts": window.lasts, "targets": window.targets}
            note(c, now, None, "window began", window.window, "", **about)
        for window in over:
            note(c, now, None, "window ended", window.window, "")

    def _announce(self, c: sa.Connection, frozen: Frozen, thaw: Thaw | None = None) -> None:
        self.taker.put(c, OF_ALL, self.taker.announcer.announce_freeze(frozen, thaw))

    async def _tell_all(self, one: Mapping[str, Any]) -> None:
        """A transaction for each run: whoever works meanwhile does not wait for all of them."""
        for run_id in await self.store.read(_under_way):
            await self.store.tx(self.taker.tell, run_id, [Said("freeze changed")])
            self.on_commit()
        await self.store.tx(mark_told, one)


def _under_way(c: sa.Connection) -> list[str]:
    query = sa.select(runs.c.id).where(runs.c.status.in_(UNDER_WAY))
    return [row.id for row in c.execute(query.order_by(runs.c.started_at))]
