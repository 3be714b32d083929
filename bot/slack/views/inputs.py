"""
One field of a form as Slack's input: a menu where there is something to choose from, so that an
identifier is never typed; otherwise the narrowest input that takes it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bot.slack.views import limits, names
from bot.slack.views.escape import USER_ID, cut
from bot.slack.views.fields import FormField
from bot.slack.views.kit import Element, context, option, plain
from bot.slack.views.limits import Block

LONG_TEXT = 200  #: From here on a text gets several lines.
SOME_FORM = {
    "duration": "Such as PT30M for 30 minutes, or P1D for a day.",
    "time": "Such as 14:30.",
}


def input_blocks(
    field: FormField, menu: Sequence[str] | None, value: Any, error: str = ""
) -> list[Block]:
    """`value` is what the field holds when the form opens; None: nothing."""
    element = _element(field, menu, value)
    made: Block = {
        "type": "input",
        "block_id": field.name[: limits.ID],
        "label": plain(field.title, limits.INPUT_LABEL),
        "element": element | {"action_id": names.VALUE},
        "optional": field.nullable or not field.required or field.kind in ("yes", "fixed"),
    }
    if hint := _hint(field, menu):
        made["hint"] = plain(hint, limits.INPUT_HINT)
    return [*([context(plain(f"{field.title}: {error}", 1000))] if error else []), made]


def menu_values(field: FormField, menu: Sequence[str] | None) -> tuple[str, ...]:
    """What there is to choose from; empty: it is typed. Nobody chooses what cannot be seen."""
    offered = tuple(map(str, field.choices)) or tuple(menu or ())
    sensible = all(0 < len(one) <= limits.OPTION_VALUE and one.isprintable() for one in offered)
    return tuple(dict.fromkeys(offered)) if sensible else ()


def _element(field: FormField, menu: Sequence[str] | None, value: Any) -> Element:
    if field.kind in ("one", "many", "text", "lines") and (offered := menu_values(field, menu)):
        return _menu(field, offered, value)
    return _MAKE.get(field.kind, _text)(field, value)


def _menu(field: FormField, offered: Sequence[str], value: Any) -> Element:
    several = field.kind in ("many", "lines")
    wanted = [str(one) for one in (value if isinstance(value, list | tuple) else [value])]
    if not field.choices:  # A live menu may lack what a finding filled in; the engine judges it.
        known = set(offered)
        offered = [*offered, *(one for one in _typed_in(field, wanted) if one not in known)]
    element: Element = {
        "type": "multi_static_select" if several else "static_select",
        "placeholder": plain("Choose", limits.INPUT_PLACEHOLDER),
        **_options(offered),
    }
    chosen = [option(one, one) for one in dict.fromkeys(wanted) if one in set(offered)]
    if several and chosen:
        element["initial_options"] = chosen[: limits.OPTIONS]
    elif chosen and not several:
        element["initial_option"] = chosen[0]
    return element


def _typed_in(field: FormField, wanted: Sequence[str]) -> list[str]:
    """What was filled in and is not merely the default of the field."""
    default = field.default
    own = [str(one) for one in (default if isinstance(default, list | tuple) else [default])]
    return [one for one in wanted if one not in own and 0 < len(one) <= limits.OPTION_VALUE]


def _options(offered: Sequence[str]) -> Element:
    """More than a hundred are shown in groups, of which there may be a hundred."""
    size = limits.OPTIONS
    if len(offered) <= size:
        return {"options": [option(one, one) for one in offered]}
    pages = [offered[at : at + size] for at in range(0, len(offered), size)][:size]
    return {
        "option_groups": [
            {
                "label": plain(f"{cut(page[0], 34)} to {cut(page[-1], 34)}", limits.OPTION_TEXT),
                "options": [option(one, one) for one in page],
            }
            for page in pages
        ]
    }


def _text(field: FormField, value: Any) -> Element:
    longest = min(field.schema.get("maxLength", limits.INPUT_VALUE), limits.INPUT_VALUE)
    element: Element = {
        "type": "plain_text_input",
        "multiline": field.kind in ("lines", "json") or LONG_TEXT < longest < limits.INPUT_VALUE,
        "max_length": max(1, longest),
    }
    shortest = field.schema.get("minLength", 0)
    if 0 < shortest <= longest and field.kind == "text":
        element["min_length"] = shortest
    if value not in (None, "", [], ()) and field.kind != "secret":
        element["initial_value"] = _shown(field, value)[:longest]
    return element


def _shown(field: FormField, value: Any) -> str:
    if field.kind == "json":
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return str(value)


def _number(field: FormField, value: Any) -> Element:
    element: Element = {"type": "number_input", "is_decimal_allowed": field.kind == "decimal"}
    step = 1 if field.kind == "whole" else 0
    if "minimum" in field.schema:
        element["min_value"] = str(field.schema["minimum"])
    elif step and "exclusiveMinimum" in field.schema:
        element["min_value"] = str(field.schema["exclusiveMinimum"] + step)
    if "maximum" in field.schema:
        element["max_value"] = str(field.schema["maximum"])
    elif step and "exclusiveMaximum" in field.schema:
        element["max_value"] = str(field.schema["exclusiveMaximum"] - step)
    if isinstance(value, int | float):
        element["initial_value"] = str(value)
    return element


def _yes(field: FormField, value: Any) -> Element:
    box = option("Yes", "yes")
    element: Element = {"type": "checkboxes", "options": [box]}
    return element | ({"initial_options": [box]} if value is True else {})


def _moment(field: FormField, value: Any) -> Element:
    element: Element = {"type": "datetimepicker"}
    try:
        seconds = int(datetime.fromisoformat(str(value)).timestamp())
    except ValueError:
        return element
    in_range = 1_000_000_000 <= seconds <= 9_999_999_999
    return element | ({"initial_date_time": seconds} if in_range else {})


def _date(field: FormField, value: Any) -> Element:
    element: Element = {"type": "datepicker"}
    try:
        return element | {"initial_date": date.fromisoformat(str(value)).isoformat()}
    except ValueError:
        return element


def _person(field: FormField, value: Any) -> Element:
    element: Element = {"type": "users_select", "placeholder": plain("Choose a person", 150)}
    user = value.get("user_id", "") if isinstance(value, Mapping) else value
    known = isinstance(user, str) and USER_ID.fullmatch(user)
    return element | ({"initial_user": user} if known else {})


def _fixed(field: FormField, value: Any) -> Element:
    only = option(str(field.schema["const"]), "fixed")
    return {"type": "static_select", "options": [only], "initial_option": only}


_MAKE: dict[str, Callable[[FormField, Any], Element]] = {
    "whole": _number,
    "decimal": _number,
    "yes": _yes,
    "moment": _moment,
    "date": _date,
    "person": _person,
    "fixed": _fixed,
}


def _hint(field: FormField, menu: Sequence[str] | None) -> str:
    """Sentences. A pattern is for machines: it is shown only where nobody described the field."""
    parts = [_sentence(str(field.schema.get("description", "")))]
    if field.kind == "text" and not parts[0] and (pattern := field.schema.get("pattern")):
        parts.append(f"Must match {pattern}")
    if field.kind == "lines" and not menu_values(field, menu):
        parts.append("One to a line.")
    if field.kind == "json":
        parts.append("As JSON.")
    if field.kind == "secret":
        parts.append("Goes into the secret store at once; it is never shown, logged or stored.")
    parts.append(SOME_FORM.get(field.schema.get("format", ""), ""))
    return " ".join(filter(None, parts))


def _sentence(words: str) -> str:
    words = words.strip()
    return f"{words[:1].upper()}{words[1:].rstrip('.')}." if words else ""
