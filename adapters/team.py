"""The company's own people, by the roles that the policy gives them."""

from collections.abc import Awaitable, Callable, Sequence

from bot.runbook import Adapter, Facts
from bot.runbook.values import UserId

#: Everybody who has a role. Raises Unreachable.
Holders = Callable[[str], Awaitable[Sequence[str]]]


class Members(Facts):
    role: str
    ids: tuple[UserId, ...]


class Team(Adapter):
    def __init__(self, holders: Holders) -> None:
        self._holders = holders

    async def members(self, role: str) -> Members:
        """Raises Unreachable."""
        return Members(role=role, ids=tuple(await self._holders(role)))
