"""What was acknowledged is carried out, also when the bot is killed right after it."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.box import Box
from sandbox.slack.faults import FOREVER
from tests.scenarios.stage import Person, incident


@asynccontextmanager
async def bot_of_its_own(box: Box) -> AsyncIterator[Process]:
    """The bot as a process, connected, and killed at the end if it was not before."""
    told = {**os.environ, **box.environment()}
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "app.py", "serve", env=told, stderr=DEVNULL
    )
    try:
        await box.slack.wait_for(lambda: box.slack.socket_mode.connections, 60)
        yield bot
    finally:
        if bot.returncode is None:
            bot.kill()
        await bot.wait()


async def test_a_start_whose_bot_is_killed_after_its_acknowledgement_begins_in_the_next_life(
    box: Box, dana: Person
) -> None:
    before = {channel.id for channel in box.slack.channels()}
    box.slack.faults.delay("users.info", 600.0, FOREVER)  # Nobody is judged before the bot dies.
    async with bot_of_its_own(box) as bot:
        assert (await dana.types("RB-INC-001 brief_desc=killed")).acked
        bot.kill()
    await box.slack.wait_for(lambda: not box.slack.socket_mode.connections, 60)
    box.slack.faults.clear()
    assert {channel.id for channel in box.slack.channels()} == before
    async with bot_of_its_own(box):
        room = await incident(box, before)
        assert room.name.endswith("-killed")
        await dana.is_told("of RB-INC-001 has begun")
