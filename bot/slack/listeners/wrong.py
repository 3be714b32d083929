"""A refusal put into the form that was submitted, so that nothing typed is lost."""

from collections.abc import Mapping
from typing import Any

from bot.engine.intents import Refusal
from bot.slack.listeners.visit import Private, Visit, Wrong
from bot.slack.views.answers import field_errors
from bot.slack.views.ephemeral import refused
from bot.slack.views.escape import cut, one_line

LONGEST = 1000  #: Characters below a field; Slack documents no limit.


def wrong(
    visit: Visit, refusal: Refusal, schema: Mapping[str, Any] | None = None
) -> Wrong | Private:
    """Below the fields it is about; else below the last one; else said apart."""
    inputs = _inputs(visit.view)
    if refusal.fields and schema is not None:
        below = dict(field_errors(schema, refusal.fields))
    else:
        below = dict(refusal.fields)
    here = {block: why for block, why in below.items() if block in inputs}
    if len(here) < len(below) or not here:
        if not inputs:
            return Private(refused(refusal))
        apart = [
            refusal.why,
            *(f"{name}: {why}" for name, why in below.items() if name not in here),
        ]
        here[inputs[-1]] = " ".join(filter(None, [here.get(inputs[-1]), *apart]))
    return Wrong({block: cut(one_line(why), LONGEST) for block, why in here.items()})


def last_input(view: Mapping[str, Any]) -> str | None:
    return next(reversed(_inputs(view)), None)


def _inputs(view: Mapping[str, Any]) -> list[str]:
    blocks = [one for one in view.get("blocks") or () if isinstance(one, Mapping)]
    return [str(one.get("block_id")) for one in blocks if one.get("type") == "input"]
