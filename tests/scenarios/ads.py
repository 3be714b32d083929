"""A company whose ads are in trouble, in the words of the scenarios."""

from dataclasses import dataclass

from bot.slack.views import names
from sandbox.box import Box
from tests.scenarios.stage import Incident, Message, Person, is_card, until


@dataclass(frozen=True)
class AdsCompany:
    """A run of it speaks where it was started."""

    box: Box

    @property
    def dana(self) -> Person:
        return Person(self.box, "U0DANA")

    async def starts(self, name: str, text: str) -> Incident:
        """In a channel of its own."""
        channel = self.box.slack.add_channel(name, ("U0DANA", "U0RAVI"))
        assert (await self.dana.types(text, channel)).acked
        room = Incident(self.box, channel, name)
        await until(self.box, lambda: any(map(is_card, room.messages)) or None)
        return room

    async def picks(self, room: Incident, step: str, words: str) -> Message:
        """The step's plan, which has these words."""
        await self.presses(room, f"{names.PICK}:{step}")
        return await room.asks_for_approval(words)

    async def presses(self, room: Incident, action: str) -> None:
        """Once it is offered."""
        await self.dana.presses(await room.offers(action), room.channel, action)

    async def approves(self, room: Incident, asked: Message) -> None:
        await Person(self.box, "U0RAVI").presses(asked, room.channel, names.APPROVE)
