"""
Secrets that a person fills into a form: they go to the secret store first, and what travels on is
a reference. Nothing here writes a value anywhere else, a log or an answer least of all.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from bot.access.acts import Act
from bot.engine.intents import Refusal
from bot.runbook.errors import StepError
from bot.secrets.redaction import REDACTOR
from bot.slack.listeners.front import Front
from bot.slack.listeners.visit import Visit
from bot.slack.views.answers import flat
from bot.slack.views.fields import secret_fields

NOWHERE = "This bot has no secret store, so it was thrown away. Tell whoever runs the bot."


async def with_secrets_kept(
    front: Front, visit: Visit, act: Act, schema: Mapping[str, Any], values: dict[str, Any]
) -> dict[str, Any] | Refusal:
    """The values with every secret in its place as a reference, if they may do this at all."""
    filled = [name for name in secret_fields(schema) if flat(values, name)]
    if not filled:
        return values
    for name in filled:
        REDACTOR.learn(str(flat(values, name)), name)
    member = await front.desk.judge(visit.actor, act)
    if isinstance(member, Refusal):
        return member
    for name in filled:
        if front.keep_secret is None:
            return Refusal(NOWHERE, {name: NOWHERE})
        value = SecretStr(str(flat(values, name)))
        try:
            kept = await front.keep_secret(name, value, f"{visit.key}/{name}")
        except StepError as error:
            return Refusal(f"The secret was not kept: {error}", {name: str(error)})
        _put(values, name, kept.model_dump())
    return values


def _put(values: dict[str, Any], name: str, value: Mapping[str, Any]) -> None:
    outer, dot, inner = name.partition(".")
    if dot:
        _put(values[outer], inner, value)
    else:
        values[outer] = value
