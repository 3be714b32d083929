"""What adapters say in a run's channel arrives there, and only what is ours is live in it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.http_calls import HttpCalls
from adapters.tickets import CreateTicket, Tickets
from assembly.room import RunRoom
from bot.settings import TicketSettings
from bot.slack.views.kit import Rendered
from tests.hostile import MIXED
from tests.live import assert_inert
from tests.slack.delivering import World
from tests.slack.views.checking import assert_message


@pytest.mark.slow
async def test_what_is_said_in_the_channel_is_shown_as_it_is(tmp_path: Path) -> None:
    world = await World(tmp_path).open()
    tickets = Tickets(HttpCalls(1), TicketSettings(), RunRoom(world.outbox), None)
    for number, malice in enumerate(MIXED, start=1):
        change = CreateTicket(
            run="7F3K", number=number, since=datetime.now(UTC), title=malice or "-", text=malice
        )
        await tickets._create(change, "key")
    await world.after(2 * len(MIXED))
    said = world.slack.messages["C-ORIGIN"]
    assert len(said) == len(MIXED)
    for one in said:
        assert_message(Rendered(one["text"], one["blocks"]))
        assert_inert(one)
        (block,) = one["blocks"]
        assert block["text"]["verbatim"] is True  # Where a bare address is no link.
    await world.close()
