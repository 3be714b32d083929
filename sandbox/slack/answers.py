"""
What a person can answer in a form, and how Slack writes it down.

An answer is checked against the field as it is shown: what cannot be picked there cannot be
answered, so that a test cannot do more than a person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.slack.composition import options_of
from sandbox.slack.filling import interactive
from sandbox.slack.wire import Json

#: Element type -> the field its answer is in, and the field that says what it starts with.
FIELDS: dict[str, tuple[str, str]] = {
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "plain_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
}
_CHOSEN = ("selected_option", "selected_options")


class CannotDo(LookupError):
    """A person looking at this could not do it: it is not there, or not allowed there."""


def starting(element: Json) -> Json:
    """The field's answer before anybody touched it."""
    field, initial = FIELDS[element["type"]]
    empty: object = [] if field.endswith("s") else None
    return {"type": element["type"], field: element.get(initial, empty)}


def answer(element: Json, value: object, suggested: Sequence[Json] = ()) -> Json:
    """
    The field's answer when a person gives `value`.

    `value` is what they type, the value of an option or a list of them, an id, or an answer as
    Slack writes it. `suggested`: what an external select was last offered.
    """
    kind = element["type"]
    if kind not in FIELDS:
        raise CannotDo(f"a {kind} takes no answer")
    field, _ = FIELDS[kind]
    if isinstance(value, Mapping) and field in value:
        value = value[field]
    if field in _CHOSEN:
        offered = list(suggested) if "external" in kind else options_of(element)
        value = _picked(offered, value, several=field.endswith("s"))
    elif field == "value":
        value = None if value is None or value == "" else str(value)
    return {"type": kind, field: value}


def _picked(offered: list[Json], value: object, *, several: bool) -> Json | list[Json] | None:
    if several:
        values = value if isinstance(value, list | tuple) else [value]
        return [_option(offered, each) for each in values if each is not None]
    return None if value is None else _option(offered, value)


def _option(offered: list[Json], value: object) -> Json:
    wanted = value.get("value") if isinstance(value, Mapping) else value
    for option in offered:
        if option["value"] == str(wanted):
            return option
    names = ", ".join(option["value"] for option in offered)
    raise CannotDo(f"{wanted} is not offered; there is: {names or 'nothing'}")


def state_of(blocks: Sequence[Json], given: Mapping[str, Mapping[str, Any]]) -> Json:
    """`state.values`: what was answered, and what the untouched fields start with."""
    values: Json = {}
    for block in blocks:
        for element in interactive(block):
            if element["type"] in FIELDS:
                answered = given.get(block["block_id"], {}).get(element["action_id"])
                row = values.setdefault(block["block_id"], {})
                row[element["action_id"]] = answered or starting(element)
    return values


def held_back(blocks: Sequence[Json], values: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What Slack's own client says under the fields before it sends a form at all."""
    found = {
        block["block_id"]: _complaint(block, values[block["block_id"]])
        for block in blocks
        if block["type"] == "input"
    }
    return {block_id: complaint for block_id, complaint in found.items() if complaint}


def _complaint(block: Json, answers: Mapping[str, Any]) -> str:
    element = block["element"]
    field, _ = FIELDS[element["type"]]
    value = answers[element["action_id"]].get(field)
    if value in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] == "number_input":
        return _number_complaint(element, str(value))
    if len(str(value)) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    longest = element.get("max_length", 3000)
    if field == "value" and len(value) > longest:
        return f"Please enter at most {longest} characters."
    return ""


def _number_complaint(element: Json, text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return "Please enter a number."
    if not element["is_decimal_allowed"] and not number.is_integer():
        return "Please enter a whole number."
    if number < float(element.get("min_value", "-inf")):
        return f"Please enter a number that is at least {element['min_value']}."
    if number > float(element.get("max_value", "inf")):
        return f"Please enter a number that is at most {element['max_value']}."
    return ""
