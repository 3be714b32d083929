"""Which of the bot's messages stands where: what a press is held against."""

import asyncio
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from bot.store.outbox_tables import messages
from bot.store.store import Store

#: Seconds for which a message that is not known yet is waited for: people read for longer, but
#: Slack shows a message before the bot hears that it was taken.
PATIENCE_S, EVERY_S = 1.2, 0.05


class Cards:
    """`nap` waits for so many seconds."""

    def __init__(
        self, store: Store, nap: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store, self._nap = store, nap

    async def shows(self, channel: str, ts: str, about: str) -> bool:
        """Whether the message there is ours and about this run, approval or question."""
        for _ in range(round(PATIENCE_S / EVERY_S)):
            if name := await self._store.read(_name_at, channel, ts):
                return _is_about(name, about)
            await self._nap(EVERY_S)
        return False


def _name_at(c: sa.Connection, channel: str, ts: str) -> str:
    there = sa.and_(messages.c.channel == channel, messages.c.ts == ts)
    return c.execute(sa.select(messages.c.name).where(there)).scalar() or ""


def _is_about(name: str, about: str) -> bool:
    """`7F3K/card` is about the run 7F3K, `7F3K/approval/ID` about the approval as well."""
    run, _, rest = name.partition("/")
    own = rest.split("/")[1:2]
    return about in (run, *own)
