"""The same is asked twice, by Slack or by people: it is done once, and it is said by whom."""

import asyncio

import pytest

from bot.slack.views import names
from sandbox.box import Box
from sandbox.slack import payloads
from tests.scenarios.outage import CORE
from tests.scenarios.stage import GENERAL, Person, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def box(shared: Box) -> Box:
    return shared


@pytest.mark.parametrize("way", ["one after the other", "at the same time"])
async def test_a_command_that_slack_delivers_twice_starts_one_run(
    box: Box, dana: Person, way: str
) -> None:
    slack, brief = box.slack, way.replace(" ", "-")
    payload = payloads.slash_command(
        slack.team,
        dana.id,
        slack.channel(GENERAL),
        "/runbook",
        f"RB-INC-001 brief_desc={brief}",
    )
    delivered = [slack.socket_mode.carry("slash_commands", payload) for _ in range(2)]
    if way == "at the same time":
        first, second = await asyncio.gather(*delivered)
    else:
        first, second = [await one for one in delivered]
    assert "has begun" in str(first.payload) and first.payload == second.payload
    opened = await until(box, lambda: [one for one in slack.channels() if brief in one.name])
    assert len(opened) == 1


async def test_of_two_who_approve_in_the_same_instant_one_decides_and_the_other_is_told_who(
    box: Box, dana: Person, ravi: Person, lena: Person
) -> None:
    await box.switch("bad-deploy", on=True)
    before = box.aws.rollouts(CORE)
    room = await dana.starts(f"RB-INC-001 brief_desc=two-at-once services={CORE}")
    card = await room.offers(f"{names.PICK}:roll_back")
    await dana.presses(card, room.channel, f"{names.PICK}:roll_back")
    asked = await room.asks_for_approval("update-service")
    both = (ravi, lena)
    acks = await asyncio.gather(*(one.presses(asked, room.channel, names.APPROVE) for one in both))
    assert all(ack.acked for ack in acks)
    already = "This was approved already."
    late = await until(box, lambda: [one for one in both if one.was_told(already, room.channel)])
    await room.shows("DONE · If deployment issue")
    (first,) = set(both) - set(late)
    assert late[0].was_told(f"{already} Decided by <@{first.id}>", room.channel)
    assert f"(approved by <@{first.id}>)" in (await room.says("APPROVED"))["text"]
    assert box.aws.rollouts(CORE) == before + 1
