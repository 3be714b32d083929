"""Three whole bots on one PostgreSQL tell one outage, though one after another of them dies."""

from pathlib import Path

import pytest

from sandbox.box import Box
from tests.scenarios.fleet import fleet_of
from tests.scenarios.outage import CORE, Outage

pytestmark = pytest.mark.timeout(300)

REPLICAS = 3
DEATHS = ("typed", "asked", "approved")


async def test_an_outage_is_ended_once_by_whichever_replicas_are_left(
    box: Box, tmp_path: Path
) -> None:
    outage = Outage(box)
    async with fleet_of(box, REPLICAS, tmp_path) as fleet:

        async def die(moment: str) -> None:
            """Another is begun at once, as an orchestrator would."""
            if moment in DEATHS:
                await fleet.kill(fleet.living[0])
                await fleet.begin()
                await fleet.connected()

        room = await outage.live(die)
        outage.check(room)
        assert box.updates(CORE) == 1
        assert await fleet.end() == [0] * REPLICAS
