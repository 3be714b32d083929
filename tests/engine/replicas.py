"""Bots on one PostgreSQL, in one world."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bot.engine.clock import Clock
from bot.engine.ended import ApplyTiming
from bot.runbook import Runbook
from tests.engine.small_world import BOOK, Bot, World, living_bot

#: A call may take longer than anything in a test.
PATIENT = ApplyTiming(call_limit=60.0, settle=0.05, look_every=0.01)


@dataclass
class Replicas:
    """What one of them commits all are woken by."""

    folder: Path
    url: str
    stack: AsyncExitStack
    world: World
    changed: asyncio.Event

    async def one_more(
        self, timing: ApplyTiming = PATIENT, book: Runbook = BOOK, clock: Clock | None = None
    ) -> Bot:
        bot = living_bot(
            self.folder, self.world, self.url, book=book, timing=timing, changed=self.changed,
            clock=clock,
        )  # fmt: skip
        return await self.stack.enter_async_context(bot)
