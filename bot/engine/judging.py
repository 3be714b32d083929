"""Asks whether somebody may; the audit log has the policy that it rests on."""

import json
from dataclasses import dataclass

import sqlalchemy as sa

from bot.access.acts import Act, Allowed, Approve, Denied
from bot.access.member import Member
from bot.access.policy import Policy
from bot.engine.access import Access, refusal
from bot.engine.audit import note
from bot.engine.freezes import switch
from bot.engine.intents import Actor, Refusal
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

    async def may(self, by: Actor, act: Act) -> Member | Refusal:
        member = await self.access.member(by.user_id)
        if isinstance(member, Refusal):
            return member
        stopped = await self.store.read(switch) if isinstance(act, Approve) else None
        answer = self.access.may(member, act, stopped)
        return member if isinstance(answer, Allowed) else refusal(answer)

    def why_not(self, member: Member, act: Act) -> str:
        answer = self.access.may(member, act)
        return answer.why if isinstance(answer, Denied) else ""
