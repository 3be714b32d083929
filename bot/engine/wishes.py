"""What one person wants of one plan, in one delivery."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.access.member import Member
from bot.engine.intents import Actor, Refusal
from bot.engine.reading import run_of_plan
from bot.engine.taking import lock_run
from bot.store.tables import plans

GONE = Refusal("This request does not exist (any more).")


@dataclass(frozen=True)
class Wish:
    plan: str
    by: Actor
    member: Member
    words: str  #: The reason, or what was found.
    key: str  #: Of the event, if it becomes one.
    typed: str = ""


def plan_of(c: sa.Connection, wish: Wish) -> Any:
    """Its row, and its run's, locked: within this transaction nobody else decides. Or None."""
    if (run_id := run_of_plan(c, wish.plan)) is None:
        return None
    lock_run(c, run_id)
    return c.execute(sa.select(plans).where(plans.c.id == wish.plan).with_for_update()).one()
