"""
What a run itself has made, read from its rows: undo rests on this, not on what a plan wanted. What
was so already is somebody else's, and is not taken back.
"""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from bot.engine.plans import Kinds, calls_of
from bot.engine.turns import UNDO
from bot.runbook.changes import Change
from bot.runbook.errors import Outdated
from bot.store.tables import changes, plans

DONE = ("applied", "already so")


def made_by(c: sa.Connection, run_id: str, key: str, kinds: Kinds) -> tuple[Change, ...]:
    """
    What was applied through an action, in whatever attempt, since it was last taken back; in the
    order it was applied. Raises Outdated when it was made by a version that made other changes.
    """
    query = sa.select(plans.c.step, plans.c.text, plans.c.id).where(plans.c.run == run_id)
    both = query.where(plans.c.step.in_((key, key + UNDO))).order_by(plans.c.asked_at)
    made: dict[str, Change] = {}
    for row in c.execute(both).all():
        states = _states(c, row.id)
        calls = calls_of(row.text)
        if row.step == key:
            ours = [call for call, state in zip(calls, states, strict=True) if state == "applied"]
            made |= {
                json.dumps(call, sort_keys=True): _change(call[0], call[1], kinds) for call in ours
            }
        elif all(state in DONE for state in states):
            made.clear()
    return tuple(made.values())


def _states(c: sa.Connection, plan_id: str) -> list[str]:
    query = sa.select(changes.c.state).where(changes.c.plan == plan_id)
    return [row.state for row in c.execute(query.order_by(changes.c.number))]


def _change(kind: str, fields: Mapping[str, Any], kinds: Kinds) -> Change:
    try:
        return kinds[kind](**fields)
    except (KeyError, ValidationError) as error:
        raise Outdated(f"{kind} was made by another version of the bot") from error
