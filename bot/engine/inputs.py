"""
What a run is started with, judged: what can be told from the inputs alone, and what only the
outside knows, such as whether there is such a service.
"""

import asyncio
import difflib
import inspect
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bot.engine.calling import Surroundings, value_of
from bot.engine.intents import Refusal
from bot.engine.results import Results
from bot.runbook import Run, Runbook, RunbookInputs
from bot.runbook.book import Menu
from bot.runbook.errors import StepError
from bot.runbook.mrkdwn import named
from bot.runbook.values import Value
from bot.secrets.redaction import REDACTOR

log = logging.getLogger(__name__)

SECRET_HERE = (
    "This looks like a secret. It is not kept here, but Slack has it now: change that secret."
)
#: Seconds that live choices may take; without them a field is taken as it was typed.
MENU_LIMIT_S = 1.2
STRANGE_NAMED = 5  #: Of the values that do not exist.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY = Results(RunbookInputs(), Run(id="-", started_at=_EPOCH, started_by="-"))


def read_inputs(book: Runbook, given: Mapping[str, Any]) -> RunbookInputs | Refusal:
    """As far as it can be told without asking anybody."""
    try:
        inputs = book.inputs.model_validate(dict(given))
    except ValidationError as error:
        why = "Some inputs are not right; nothing was started."
        return Refusal(why, fields=wrong_fields(book.inputs, error))
    if wrong := secrets_in(inputs):
        return Refusal("There is a secret in it; nothing was started.", fields=wrong)
    return inputs


def secrets_in(value: Value) -> dict[str, str]:
    """What a person typed where all can read it, by field."""
    fields = value.model_dump(mode="json")
    return {name: SECRET_HERE for name, one in fields.items() if REDACTOR.holds(json.dumps(one))}


async def not_there(
    book: Runbook, inputs: RunbookInputs, around: Surroundings
) -> Mapping[str, str]:
    """By field, what was given and does not exist outside. Only what was given is asked about."""
    given = {field: getattr(inputs, field) for field in book.menus}
    menus = await live_choices(book, around, [field for field in given if given[field]])
    strange = {field: _strange(given[field], choices) for field, choices in menus.items()}
    return {field: why for field, why in strange.items() if why}


async def live_choices(
    book: Runbook, around: Surroundings, fields: Iterable[str]
) -> Mapping[str, Sequence[str]]:
    """What can be chosen now. A field whose choices cannot be read is left out."""
    menus = {field: book.menus[field] for field in fields}
    read = await asyncio.gather(*(_choices(book, menu, around) for menu in menus.values()))
    return {field: choices for field, choices in zip(menus, read, strict=True) if choices}


async def _choices(book: Runbook, menu: Menu, around: Surroundings) -> Sequence[str]:
    try:
        asked = {need.name: value_of(need, _NOBODY, around) for need in menu.needs}
        async with asyncio.timeout(MENU_LIMIT_S):
            choices = menu.run(**asked)
            return tuple(await choices if inspect.isawaitable(choices) else choices)
    except (StepError, TimeoutError) as error:
        log.warning("%s: no live choices: %s", book.id, error)
        return ()


def wrong_fields(kind: type[BaseModel], error: ValidationError) -> Mapping[str, str]:
    """A validation error as a sentence for whoever fills in each field."""
    return {str(one["loc"][0]): _plainly(one, kind.model_fields) for one in error.errors()}


def _plainly(error: Any, fields: Mapping[str, FieldInfo]) -> str:
    if error["type"] == "string_pattern_mismatch":
        field = fields.get(str(error["loc"][0]))
        described = field.description if field and len(error["loc"]) == 1 else None
        return f"This must be {described or 'written like ' + error['ctx']['pattern']}"
    if error["type"] == "missing":
        return "This is needed"
    if error["type"] == "extra_forbidden":
        return "This runbook has no such input"
    return str(error["msg"]).removeprefix("Value error, ")


def _strange(value: Any, choices: Iterable[str]) -> str:
    among = list(choices)
    given = value if isinstance(value, tuple | list) else (value,)
    strange = [str(one) for one in given if one is not None and one not in among]
    if not strange:
        return ""
    nearest = difflib.get_close_matches(strange[0], among, n=1)
    there_are = f" There are: {', '.join(map(named, among[:10]))}"
    hint = f" Did you mean {named(nearest[0])}?" if nearest else there_are
    return f"There is no {', '.join(map(named, strange[:STRANGE_NAMED]))}.{hint}"
