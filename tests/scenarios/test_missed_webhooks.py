"""RB-INT-002 as it goes when our endpoint was down: the real bot, in the whole company."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.box import Box
from sandbox.faults import MISSED
from sandbox.postgres import Database
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import Incident, Message, Person, is_card, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROCESS, RESEND = f"{names.PICK}:process", f"{names.PICK}:resend"


@dataclass(frozen=True)
class Shop:
    """A company that has missed events. A run of it speaks where it was started."""

    box: Box

    @property
    def dana(self) -> Person:
        return Person(self.box, "U0DANA")

    @property
    def missed(self) -> list[str]:
        """The oldest first."""
        undelivered = [one for one in self.box.stripe.events if not one.is_delivered]
        return [one.id for one in undelivered][: len(MISSED)]

    @property
    def posts(self) -> int:
        return self.box.webhooks.posts

    async def misses_events(self) -> None:
        """Since now, and none was posted yet."""
        await self.box.switch("stripe-missed-events", on=False)
        await self.box.switch("stripe-missed-events", on=True)
        self.box.webhooks.calls.clear()

    async def starts(self, name: str, text: str = "RB-INT-002") -> Incident:
        """In a channel of its own."""
        channel = self.box.slack.add_channel(name, ("U0DANA", "U0RAVI"))
        assert (await self.dana.types(text, channel)).acked
        room = Incident(self.box, channel, name)
        await until(self.box, lambda: any(map(is_card, room.messages)) or None)
        return room

    async def asks(self, room: Incident, action: str, words: str) -> Message:
        card = await room.offers(action)
        await self.dana.presses(card, room.channel, action)
        return await room.asks_for_approval(words)

    async def approves(self, room: Incident, asked: Message) -> None:
        await Person(self.box, "U0RAVI").presses(asked, room.channel, names.APPROVE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=3) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        yield Shop(box)


async def test_missed_events_are_found_and_replayed_once_but_for_one_processed_meanwhile(
    shop: Shop,
) -> None:
    await shop.misses_events()
    room = await shop.starts("webhooks")
    await room.shows("Not in our table: 5 of 6 events")
    await room.shows("5 of 5 can be replayed, the oldest of")
    asked = await shop.asks(room, PROCESS, "replay-stripe-event")
    assert shop.posts == 0
    first, meanwhile, *others = shop.missed
    before = list(shop.box.webhooks.handled)
    (event,) = [one for one in shop.box.stripe.events if one.id == meanwhile]
    await shop.box.webhooks.process(json.loads(shop.box.stripe.body(event)))
    await shop.approves(room, asked)
    await room.shows("OK · Check our table of processed events: Our table has 5 of 5 events")
    assert shop.posts == 4
    assert shop.box.webhooks.handled == [*before, meanwhile, first, *others]
    assert not [one for one in shop.box.stripe.calls if one.method == "POST"]
    card = await room.offers(names.CLOSE)
    await shop.dana.presses(card, room.channel, names.CLOSE)
    await room.says("FINISHED")


async def test_a_replay_whose_answer_is_lost_is_looked_for_and_not_made_again(shop: Shop) -> None:
    await shop.misses_events()
    room = await shop.starts("answers-lost")
    asked = await shop.asks(room, PROCESS, "replay-stripe-event")
    before = list(shop.box.webhooks.handled)
    shop.box.webhooks.fail("lost response", times=2)
    await shop.approves(room, asked)
    await room.shows("OK · Check our table of processed events")
    assert shop.posts == len(MISSED)
    assert shop.box.webhooks.handled == [*before, *shop.missed]


async def test_one_event_is_delivered_again_by_stripe_itself(shop: Shop) -> None:
    await shop.misses_events()
    event = shop.missed[2]
    room = await shop.starts("by-stripe", f"RB-INT-002 events={event}")
    await room.shows("Not in our table: 1 of 1 events")
    asked = await shop.asks(room, RESEND, f"stripe events resend {event}")
    before = list(shop.box.webhooks.handled)
    await shop.approves(room, asked)
    await room.shows("OK · Check our table of processed events: Our table has 1 of 1 events")
    assert (shop.posts, shop.box.webhooks.handled) == (1, [*before, event])


async def test_stripe_that_does_not_answer_is_unknown_and_suggests_nothing(shop: Shop) -> None:
    await shop.misses_events()
    shop.box.stripe.fail("error")
    room = await shop.starts("stripe-down")
    await room.shows("UNKNOWN · Identify missed events")
    await room.shows("Stripe answered with an error of its own (HTTP 503)")
    assert not room.reads("suggested") and shop.posts == 0
    shop.box.stripe.heal()
