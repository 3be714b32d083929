"""
Whole bots on one PostgreSQL tell one outage, though one of them after another dies, or stops and
wakes up when another has taken its place, or all are replaced while they are at it.
"""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from sandbox.box import Box
from tests.scenarios.fleet import fleet_of
from tests.scenarios.outage import CORE, Outage
from tests.scenarios.stage import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

REPLICAS = 3
DEATHS = ("typed", "asked", "approved")
HELD_S, LATE_S = 600.0, 2.0  #: An answer that never comes, and one that comes to who sleeps.


@pytest.fixture
def box(lodger: Box) -> Box:
    return lodger


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


async def test_a_replica_that_sleeps_between_its_last_look_and_its_call_calls_nothing_any_more(
    box: Box, tmp_path: Path
) -> None:
    outage = Outage(box)
    async with fleet_of(box, 2, tmp_path) as fleet:
        sleeper, other = fleet.living

        async def sleep(moment: str) -> None:
            if moment == "asked":  # who is pressed is sure, and what it sees then is old
                os.kill(other.pid, signal.SIGSTOP)
                box.aws.faults.late_answer("ecs", "DescribeServices", LATE_S)
            if moment == "approved":
                await until(box, lambda: not box.aws.faults.shape())
                os.kill(sleeper.pid, signal.SIGSTOP)
                os.kill(other.pid, signal.SIGCONT)
                await until(box, lambda: outage.rollbacks or None)
                os.kill(sleeper.pid, signal.SIGCONT)

        room = await outage.live(sleep)
        outage.check(room)
        assert box.updates(CORE) == 1
        assert await fleet.end() == [0, 0]
        assert "roll_back.apply#1 belongs to somebody else now" in fleet.log.read_text()


async def test_replicas_that_are_replaced_one_by_one_hand_over_what_they_are_at(
    box: Box, tmp_path: Path
) -> None:
    outage = Outage(box)
    async with fleet_of(box, 2, tmp_path) as fleet:
        replacing: list[asyncio.Task[None]] = []

        async def replace() -> None:
            await until(box, lambda: outage.rollbacks or None)  # and nobody gets the answer
            for old in list(fleet.living):
                await fleet.begin()
                await fleet.connected()
                assert await fleet.ask_to_end(old) == 0

        async def at(moment: str) -> None:
            if moment == "asked":
                box.aws.faults.late_answer("ecs", "UpdateService", HELD_S)
                replacing.append(asyncio.create_task(replace()))

        room = await outage.live(at)
        await asyncio.gather(*replacing)
        outage.check(room)
        assert box.updates(CORE) == 1
        assert await fleet.end() == [0, 0]
        assert not fleet.tracebacks()
