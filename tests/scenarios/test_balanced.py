"""Two whole bots in HTTP mode behind a balancer: whichever is asked, however often, it is once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.balancer import balanced
from tests.scenarios.company import company_in
from tests.scenarios.outage import CORE, Outage
from tests.scenarios.stage import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(loop_scope="module")
async def box(tmp_path: Path, lent: Database) -> AsyncIterator[Box]:
    async with company_in(tmp_path, lent, over_http=True) as found:
        yield found


async def test_an_outage_is_ended_once_although_both_replicas_get_all_of_it_and_one_dies(
    box: Box, tmp_path: Path
) -> None:
    outage = Outage(box)
    async with balanced(box, 2, tmp_path) as (fleet, balancer):
        balancer.loses = "ask the next"

        async def die(moment: str) -> None:
            if moment == "asked":
                await fleet.kill(fleet.living[0])
                await fleet.begin()
                await fleet.connected()

        room = await outage.live(die)
        outage.check(room)
        assert box.updates(CORE) == 1
        assert len(balancer.served) == 3 and min(balancer.served.values()) > 1

        balancer.loses = "hang up"
        await box.slack.open_home(outage.dana.id)
        home = await until(box, lambda: box.slack.home(outage.dana.id))
        assert "RB-INC-001" in str(home)
        await until(box, lambda: box.slack.events.delivered or None)
        assert box.slack.events.missed == 1
        assert await fleet.end() == [0, 0]
        assert not fleet.tracebacks()
