"""The switch that stops all changes."""

from collections.abc import Sequence
from typing import Literal

from bot.access.acts import Freeze, Frozen
from bot.engine.desk.hearing import Hearing
from bot.engine.freezes import standing
from bot.engine.intents import Actor, Noted, Refusal


class Stopping(Hearing):
    async def freeze(self, by: Actor, reason: str, key: str) -> Noted | Refusal:
        return await self._turn("freeze", by, reason, key)

    async def thaw(self, by: Actor, reason: str, key: str) -> Noted | Refusal:
        return await self._turn("thaw", by, reason, key)

    async def _turn(
        self, way: Literal["freeze", "thaw"], by: Actor, reason: str, key: str
    ) -> Noted | Refusal:
        member = await self._heard(self._judge.may(by, Freeze()), None, way, "", by)
        if isinstance(member, Refusal):
            return member
        return Noted(await self._engine.freezing.turn(way, member, reason, key))

    async def freezes(self) -> Sequence[Frozen]:
        return await self._engine.store.read(standing)
