"""
Block Kit's composition objects: texts, options, confirmation dialogs. Figures are Slack's limits.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.slack.shapes import Check, Report, boolean, by_type, listing, one_of, shape, string

ACTION_ID = string(255)
BLOCK_ID = string(255)
TEXT_MAX = 3000
BUTTON_TEXT_MAX = 75


def plain_text(longest: int = TEXT_MAX) -> Check:
    return by_type({"plain_text": shape({"text": string(longest)}, {"emoji": boolean})})


def any_text(longest: int = TEXT_MAX) -> Check:
    return by_type(
        {
            "plain_text": shape({"text": string(longest)}, {"emoji": boolean}),
            "mrkdwn": shape({"text": string(longest)}, {"verbatim": boolean}),
        }
    )


def option(text: Check, *, with_url: bool = False) -> Check:
    optional: dict[str, Check] = {"description": text}
    if with_url:
        optional["url"] = string(3000)
    return shape({"text": text, "value": string(150)}, optional)


OPTION = option(plain_text(75))
MRKDWN_OPTION = option(any_text(75))
OPTION_GROUP = shape({"label": plain_text(75), "options": listing(OPTION, 100)})

CONFIRM = shape(
    {
        "title": plain_text(100),
        "text": any_text(300),
        "confirm": plain_text(30),
        "deny": plain_text(30),
    },
    {"style": one_of("primary", "danger")},
)


def one_of_fields(*names: str) -> Check:
    """Exactly one of these fields."""

    def check(value: Any, at: str, report: Report) -> None:
        given = [name for name in names if value.get(name) is not None]
        if len(given) != 1:
            wanted = ", ".join(names)
            report.add(at, f"must have exactly one of: {wanted}", type="one_of", expected=wanted)

    return check


def initial_among_options(name: str) -> Check:
    """What is chosen from the start can be chosen at all."""

    def check(value: Any, at: str, report: Report) -> None:
        initial = value.get(name)
        if initial is None:
            return
        offered = [_identity(each) for each in options_of(value)]
        chosen = initial if isinstance(initial, list) else [initial]
        for each in chosen:
            if _identity(each) not in offered:
                message = f"{name} must be among the options"
                report.add(f"{at}/{name}", message, type="initial")

    return check


def options_of(element: Mapping[str, Any]) -> list[Any]:
    groups = [group for group in _list(element.get("option_groups")) if isinstance(group, dict)]
    grouped = [each for group in groups for each in _list(group.get("options"))]
    return [*_list(element.get("options")), *grouped]


def _list(part: Any) -> list[Any]:
    return part if isinstance(part, list) else []


def _identity(each: Any) -> tuple[Any, Any]:
    if not isinstance(each, dict) or not isinstance(each.get("text"), dict):
        return (None, None)
    return (each["text"].get("text"), each.get("value"))
