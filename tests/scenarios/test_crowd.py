"""Everybody starts a run in the same second: nobody waits for an answer, and all get a channel."""

import asyncio
from dataclasses import replace
from pathlib import Path

from sandbox.box import Box
from sandbox.postgres import Database
from sandbox.slack.channels import Channel
from tests.scenarios.company import company_in
from tests.scenarios.life import lives
from tests.scenarios.stage import Person, until

CROWD = 40
ACK_WITHIN_MS = 3000.0  #: Slack's own limit.
FASTER = 10  #: Minutes of Slack's limits in a minute here; with Slack's own it takes a minute.


async def test_forty_commands_in_one_second_are_acknowledged_in_time_and_all_get_a_channel(
    tmp_path: Path,
) -> None:
    async with (
        Database(organizations=0) as database,
        company_in(tmp_path, database) as box,
        lives(box, tmp_path),
    ):
        _hurry(box)
        dana = Person(box, "U0DANA")
        await dana.starts("RB-INC-001 brief_desc=earlier-today")
        commands = [f"RB-INC-001 brief_desc=crowd-{number:02}" for number in range(CROWD)]
        acks = await asyncio.gather(*(dana.types(command) for command in commands))
        assert all(ack.acked and ack.ms < ACK_WITHIN_MS for ack in acks), max(a.ms for a in acks)
        rooms = await until(box, lambda: _all(_furnished(box)))
        assert {f"RB-INC-001 brief_desc={room.name[-8:]}" for room in rooms} == set(commands)
        limited = [one for one in box.slack.calls if one.status == "ratelimited"]
        assert "conversations.create" in {one.method for one in limited}


def _hurry(box: Box) -> None:
    limits = box.slack.team.tiers.limits
    for tier in ("Tier2", "Tier3"):
        limits[tier] = replace(limits[tier], per_minute=FASTER * limits[tier].per_minute)


def _furnished(box: Box) -> list[Channel]:
    return [one for one in box.slack.channels() if "-crowd-" in one.name and one.topic.value]


def _all(rooms: list[Channel]) -> list[Channel] | None:
    return rooms if len(rooms) == CROWD else None
