"""Asks whether somebody may, and writes every refusal into the audit log."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.access.acts import Act, Allowed, Approve, Denied
from bot.access.member import Member
from bot.engine.access import Access, refusal
from bot.engine.freezes import switch
from bot.engine.intents import Actor, Refusal
from bot.engine.taking import note
from bot.store.store import Store


@dataclass(frozen=True)
class Judge:
    access: Access
    store: Store

    async def may(
        self, by: Actor, act: Act, what: str = "", about: str = "", run: str | None = None
    ) -> Member | Refusal:
        """`what`, `about` and `run` are what the audit log says of a refusal."""
        member = await self.access.member(by.user_id)
        if isinstance(member, Member):
            stopped = await self.store.read(switch) if isinstance(act, Approve) else None
            answer = self.access.may(member, act, stopped)
            if isinstance(answer, Allowed):
                return member
            member = refusal(answer)
        word = what or type(act).__name__.lower()
        await self.refused(member, word, about or getattr(act, "book", ""), by, run)
        return member

    def why_not(self, member: Member, act: Act) -> str:
        answer = self.access.may(member, act)
        return answer.why if isinstance(answer, Denied) else ""

    async def refused(
        self, why: Refusal, what: str, about: str, by: Actor, run: str | None = None
    ) -> None:
        def write(c: sa.Connection) -> None:
            now = self.access.clock.now()
            note(c, now, run, f"refused {what}", about, by.user_id, why=why.why)

        await self.store.tx(write)
