"""
What was filled into a form, as the values its schema means. The inverse of inputs.py.

Nothing is judged here: what is no number stays the text that was typed, and the engine says what
is wrong with it, by field.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bot.runbook.values import all_storable
from bot.slack.views import limits, names
from bot.slack.views.escape import cut, one_line
from bot.slack.views.fields import FormField, Schema, form_fields
from bot.slack.views.names import Strange

LEFT_OUT = object()  #: The field takes its default.
ERROR_TEXT = 300  #: What is readable below a field; Slack documents no limit.


def read_values(schema: Schema, state_values: Mapping[str, Any]) -> dict[str, Any]:
    """
    `state_values`: `view["state"]["values"]`. A field left empty takes its default. Raises Strange
    for what no element of Slack's gives.
    """
    values: dict[str, Any] = {}
    for field in form_fields(schema):
        given = state_values.get(field.name[: limits.ID], {}).get(names.VALUE, {})
        try:
            value = _value(field, given)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise Strange("a field that was filled in as no field can be") from error
        if value is not LEFT_OUT:
            _put(values, field.name, value)
    return values


def is_of_another_version(schema: Schema, state_values: Mapping[str, Any]) -> bool:
    """Whether there are fields that the schema does not have: what they say would be lost."""
    known = {field.name[: limits.ID] for field in form_fields(schema)}
    return bool(set(state_values) - known)


def flat(values: Mapping[str, Any], name: str) -> Any:
    """The value of a field in nested values; None when it is not there."""
    here: Any = values.get(name)
    if here is None and "." in name:
        outer, _, inner = name.partition(".")
        within = values.get(outer)
        here = flat(within, inner) if isinstance(within, Mapping) else None
    return here


def field_errors(schema: Schema, wrong: Mapping[str, str]) -> dict[str, str]:
    """
    For `response_action: errors`: what is wrong, by block_id. A name that no field has is said at
    the first field, so that nothing stays unsaid.
    """
    shown: dict[str, str] = {}
    fields = [field.name[: limits.ID] for field in form_fields(schema)]
    for name, why in wrong.items():
        nearest = [one for one in fields if one == name or one.startswith(f"{name}.")]
        at = (nearest or fields or [name])[0]
        said = why if nearest else f"{name}: {why}"
        shown[at] = f"{shown[at]}; {said}" if at in shown else said
    return {at: cut(one_line(why), ERROR_TEXT) for at, why in shown.items()}


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    outer, dot, inner = name.partition(".")
    if not dot:
        values[name] = value
    else:
        _put(values.setdefault(outer, {}), inner, value)


def _value(field: FormField, given: Mapping[str, Any]) -> Any:
    kind = given.get("type", "")
    if any(len(str(one)) > limits.INPUT_VALUE for one in _given(given)):
        raise ValueError("longer than Slack lets anybody type")
    if field.kind == "fixed":
        return field.schema["const"]
    if kind == "multi_static_select":
        chosen = [str(one["value"]) for one in given.get("selected_options") or ()]
        return [_choice(field, one) for one in chosen]
    if kind == "checkboxes":
        return bool(given.get("selected_options"))
    if kind == "static_select":
        return _or_empty(field, (given.get("selected_option") or {}).get("value"))
    return _or_empty(field, _raw(given))


def _given(given: Mapping[str, Any]) -> Iterator[Any]:
    """All that was typed or chosen."""
    yield _raw(given)
    for option in (given.get("selected_option"), *(given.get("selected_options") or ())):
        yield option["value"] if option else ""


def _raw(given: Mapping[str, Any]) -> Any:
    places = ("value", "selected_date_time", "selected_date", "selected_user")
    return next((given[one] for one in places if given.get(one) is not None), None)


def _or_empty(field: FormField, raw: Any) -> Any:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        if field.kind == "lines":
            return []
        return None if field.nullable else LEFT_OUT
    return _typed(field, raw)


def _typed(field: FormField, raw: Any) -> Any:
    if field.kind == "one":
        return _choice(field, str(raw))
    if field.kind == "lines":
        return [line.strip() for line in str(raw).splitlines() if line.strip()]
    if field.kind in ("whole", "decimal"):
        return _number(str(raw), field.kind == "whole")
    if field.kind == "moment":
        return datetime.fromtimestamp(int(raw), tz=UTC).isoformat()
    if field.kind == "person" and field.schema.get("type") == "object":
        return {"user_id": str(raw)}
    if field.kind == "json":
        return _json(str(raw))
    return str(raw)


def _choice(field: FormField, chosen: str) -> Any:
    """An enum of numbers comes back as numbers."""
    return next((one for one in field.choices if str(one) == chosen), chosen)


def _number(typed: str, whole: bool) -> Any:
    try:
        return int(typed) if whole else float(typed)
    except ValueError:
        return typed


def _json(typed: str) -> Any:
    try:
        return all_storable(json.loads(typed))
    except (ValueError, RecursionError):
        return typed
