"""Of several replicas one delivers, and another when that one is gone. Here on one store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.engine.clock import Clock
from bot.slack.outbox import Outbox
from bot.slack.outbox.leading import LASTS_S, RENEW_AFTER_S, Leadership
from bot.store.deliveries import message
from bot.store.outbox_tables import outbox_lease
from tests.slack.delivering import StillClock, World

CALL_S = 10.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A store that takes itself for one of several replicas'."""
    world = await World(tmp_path).open()
    await world.outbox.stop(0)
    await world.store.tx(lambda c: c.execute(sa.delete(outbox_lease)))
    world.store.is_sqlite = False
    yield world
    await world.close()


def replica(world: World, clock: Clock) -> Leadership:
    return Leadership(world.store, clock, CALL_S)


async def test_the_first_leads_as_long_as_it_renews(world: World) -> None:
    mine, theirs = StillClock(), StillClock()
    first, second = replica(world, mine), replica(world, theirs)
    for _ in range(10):
        assert await first.holds()
        assert first.has_time()
        assert not await second.holds()
        mine.move(RENEW_AFTER_S + 1)
        theirs.move(RENEW_AFTER_S + 1)


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
async def test_another_leads_when_the_first_is_gone_whatever_the_clocks_say(
    world: World, step_s: float
) -> None:
    clock = StillClock()
    assert await replica(world, clock).holds()
    clock.time += step_s
    second = replica(world, clock)
    assert not await second.holds()
    clock.move(LASTS_S + CALL_S - 1)
    assert not await second.holds()
    clock.move(2)
    assert await second.holds()


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
async def test_a_clock_that_is_set_takes_the_lease_from_nobody(
    world: World, step_s: float
) -> None:
    mine, theirs = StillClock(), StillClock()
    first, second = replica(world, mine), replica(world, theirs)
    assert await first.holds()
    assert not await second.holds()
    mine.time += step_s
    assert await first.holds()
    assert first.has_time()
    theirs.time -= step_s
    assert not await second.holds()


async def test_one_whose_machine_slept_does_not_go_on_sending(world: World) -> None:
    """While a machine sleeps one of its clocks stands still."""
    clock = StillClock()
    first = replica(world, clock)
    assert await first.holds()
    clock.time += LASTS_S + CALL_S + 1
    assert not first.has_time()


async def test_who_was_followed_learns_it_when_it_cannot_take_a_delivery(world: World) -> None:
    mine, theirs = StillClock(), StillClock()
    first, second = replica(world, mine), replica(world, theirs)
    assert await first.holds()
    assert not await second.holds()
    theirs.move(LASTS_S + CALL_S + 1)
    assert await second.holds()
    assert await first.holds()  # as far as it knows
    first.doubt()
    assert not await first.holds()


async def test_who_ends_in_order_is_not_waited_for(world: World) -> None:
    world.start()
    await world.deliver(message("7F3K/step/1", "first"))
    await world.outbox.stop(0)
    other = Outbox(world.store, world.slack, lambda _: b"", clock=world.clock)
    world.outbox = other
    other.start()
    await world.deliver(message("7F3K/step/2", "second"))
    assert world.slack.texts("C-ORIGIN") == ["first", "second"]


@pytest.mark.parametrize("timeout_s", [1.0, 30.0, 60.0])
async def test_a_call_may_take_as_long_as_the_settings_allow(
    world: World, timeout_s: float
) -> None:
    world.slack.timeout_s = timeout_s
    world.start()
    for n in range(3):
        await world.deliver(message(f"7F3K/step/{n}", f"{n}"))
        await world.after(15)
    assert world.slack.texts("C-ORIGIN") == ["0", "1", "2"]


async def test_what_the_dead_leader_was_sending_is_looked_for_when_its_calls_are_over(
    world: World,
) -> None:
    world.start()
    world.slack.will("chat.postMessage", "lost before")
    world.slack.will("conversations.history", "not sent")
    await world.put(message("7F3K/approval/1", "approve?"))
    await world.quiet()
    await world.kill()
    world.start()
    await world.after(LASTS_S + CALL_S + 5 * CALL_S)
    assert world.slack.count("chat.postMessage") == 1
    await world.after(10)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]


async def test_what_this_replica_sent_itself_is_known_to_be_over(world: World) -> None:
    world.start()
    world.slack.will("chat.postMessage", "lost before")
    await world.deliver(message("7F3K/approval/1", "approve?"))
    await world.after(8)
    assert world.slack.texts("C-ORIGIN") == ["approve?"]
