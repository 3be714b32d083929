"""Asks whether somebody may; the audit log has every refusal, and the policy it rests on."""

import json
from dataclasses import dataclass

import sqlalchemy as sa

from bot.access.acts import Act, Allowed, Approve, Denied
from bot.access.member import Member
from bot.access.policy import Policy
from bot.engine.access import Access, refusal
from bot.engine.freezes import switch
from bot.engine.intents import Actor, Refusal
from bot.engine.taking import note
from bot.runbook.changes import digest
from bot.store.store import Store
from bot.store.tables import audit

POLICY = "policy"


def note_policy(c: sa.Connection, now: float, policy: Policy) -> None:
    """
    The policy as the bot was started with it, if it is not the one of before: what the rules were
    that other entries name by their number.
    """
    text = policy.model_dump_json()
    last = sa.select(audit.c.about).where(audit.c.what == POLICY).order_by(audit.c.seq.desc())
    if c.execute(last.limit(1)).scalar() != digest(text):
        note(c, now, None, POLICY, digest(text), "", rules=json.loads(text))


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
