"""
The bot's own store takes nothing for a while: whoever types or presses is told so at once, nothing
comes of it, and when the store is back the run goes on as if nothing had been.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.slack.listeners.lost import NOT_NOTED, TOO_SLOW
from bot.slack.views import names
from sandbox.box import Box
from sandbox.postgres import Database
from sandbox.postgres.endpoint import Endpoint
from tests.scenarios.fleet import Fleet, empty_store, manned
from tests.scenarios.life import lives
from tests.scenarios.outage import CORE, Outage
from tests.scenarios.stage import Incident, Message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HANGS_S = 600.0  #: Longer than the test.


@pytest.fixture
def box(lodger: Box) -> Box:
    return lodger


async def test_a_disk_that_is_full_takes_nothing_and_whoever_asks_is_told_so(
    box: Box, tmp_path: Path
) -> None:
    outage = Outage(box)
    async with lives(box, tmp_path) as bot:

        async def at(moment: str) -> None:
            if moment == "asked":
                await known(outage)
            if moment in ("asked", "approved"):
                bot.fills_its_disk()
                await told(outage, NOT_NOTED, presses=moment == "asked")
                bot.has_room_again()

        room = await outage.live(at)
        outage.check(room)
        assert box.updates(CORE) == 1
        assert await bot.end() == 0


async def test_a_database_that_is_away_or_hangs_takes_nothing_and_whoever_asks_is_told_so(
    box: Box, tmp_path: Path
) -> None:
    outage, server = Outage(box), box.database
    async with way_to(server) as way:
        url = sa.make_url(await empty_store(server)).set(port=way.port)
        fleet = Fleet(box, url.render_as_string(False), tmp_path / "bots.log")

        async def at(moment: str) -> None:
            if moment == "asked":
                await known(outage)
                way.slow_s = HANGS_S
                await told(outage, TOO_SLOW, presses=True)
                way.slow_s = 0.0
            if moment in ("asked", "approved"):
                await way.stop()
                await told(outage, NOT_NOTED, presses=moment == "asked")
                await way.start(server.writer.port)

        async with manned(fleet, 2):
            room = await outage.live(at)
            outage.check(room)
            assert box.updates(CORE) == 1
            assert await fleet.end() == [0, 0]
        assert not fleet.tracebacks()


@asynccontextmanager
async def way_to(server: Database) -> AsyncIterator[Endpoint]:
    """The bots' way to their database, on which answers can be held up."""
    way = Endpoint()
    await way.start(server.writer.port)
    yield way
    await way.stop()


async def known(outage: Outage) -> None:
    """The bot has noted where it has asked: it judges whoever presses there."""
    channel, asked = await request(outage)
    await outage.dana.keeps_pressing(asked, channel, names.APPROVE)
    await outage.dana.is_told("somebody else must approve", channel)


async def told(outage: Outage, words: str, presses: bool) -> None:
    """Whoever types another start, and whoever presses Approve; nothing comes of either."""
    said = await outage.dana.types("RB-INC-001 brief_desc=another")
    assert said.acked and said.payload["text"] == words
    if presses:
        channel, asked = await request(outage)
        await outage.ravi.presses(asked, channel, names.APPROVE)
        await outage.ravi.is_told(words, channel)
        assert outage.rollbacks == 0


async def request(outage: Outage) -> tuple[str, Message]:
    """For approval, and the channel that it stands in."""
    (channel,) = outage.channels
    room = Incident(outage.box, channel.id, channel.name)
    return channel.id, await room.asks_for_approval("update-service")
