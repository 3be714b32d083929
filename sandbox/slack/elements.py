"""
Block Kit's elements: what can be pressed, chosen and filled in, and in which blocks each may be.
"""

from typing import Any

from sandbox.slack.composition import (
    ACTION_ID,
    BUTTON_TEXT_MAX,
    CONFIRM,
    MRKDWN_OPTION,
    OPTION,
    OPTION_GROUP,
    initial_among_options,
    one_of_fields,
    option,
    plain_text,
)
from sandbox.slack.shapes import (
    Check,
    Report,
    anything,
    boolean,
    integer,
    listing,
    one_of,
    shape,
    string,
)

PLACEHOLDER = plain_text(150)
_ACTION: dict[str, Check] = {"action_id": ACTION_ID}
_CHOOSING: dict[str, Check] = {
    **_ACTION,
    "placeholder": PLACEHOLDER,
    "confirm": CONFIRM,
    "focus_on_load": boolean,
}
_FILLING: dict[str, Check] = {
    **_ACTION,
    "placeholder": PLACEHOLDER,
    "focus_on_load": boolean,
    "dispatch_action_config": shape(
        {"trigger_actions_on": listing(one_of("on_enter_pressed", "on_character_entered"), 2)}
    ),
}
_OPTIONS: dict[str, Check] = {
    "options": listing(OPTION, 100),
    "option_groups": listing(OPTION_GROUP, 100),
}
_SEVERAL: dict[str, Check] = {"max_selected_items": integer(1)}
_ID_LIST = listing(string(), 100, 0)


def select(initial: str, what: Check) -> Check:
    return shape({}, {**_CHOOSING, initial: what})


def multi_select(initial: str, what: Check = _ID_LIST) -> Check:
    return shape({}, {**_CHOOSING, **_SEVERAL, initial: what})


def _lengths_make_sense(value: Any, at: str, report: Report) -> None:
    least, most = value.get("min_length"), value.get("max_length")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        report.add(at, "min_length must not be more than max_length", type="range")


BUTTON = shape(
    {"text": plain_text(BUTTON_TEXT_MAX)},
    {
        **_ACTION,
        "url": string(3000),
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
IMAGE = shape(
    {"alt_text": string(2000)},
    {"image_url": string(3000), "slack_file": anything},
    one_of_fields("image_url", "slack_file"),
)
STATIC_SELECT = shape(
    {},
    {**_CHOOSING, **_OPTIONS, "initial_option": OPTION},
    one_of_fields("options", "option_groups"),
    initial_among_options("initial_option"),
)
MULTI_STATIC_SELECT = shape(
    {},
    {**_CHOOSING, **_OPTIONS, **_SEVERAL, "initial_options": listing(OPTION, 100)},
    one_of_fields("options", "option_groups"),
    initial_among_options("initial_options"),
)
EXTERNAL_SELECT = shape(
    {}, {**_CHOOSING, "initial_option": OPTION, "min_query_length": integer(0)}
)
MULTI_EXTERNAL_SELECT = shape(
    {},
    {
        **_CHOOSING,
        **_SEVERAL,
        "initial_options": listing(OPTION, 100),
        "min_query_length": integer(0),
    },
)
PLAIN_TEXT_INPUT = shape(
    {},
    {
        **_FILLING,
        "initial_value": string(3000, 0),
        "multiline": boolean,
        "min_length": integer(0, 3000),
        "max_length": integer(1, 3000),
    },
    _lengths_make_sense,
)
NUMBER_INPUT = shape(
    {"is_decimal_allowed": boolean},
    {**_FILLING, "initial_value": string(), "min_value": string(), "max_value": string()},
)
ADDRESS_INPUT = shape({}, {**_FILLING, "initial_value": string(3000, 0)})
CHECKBOXES = shape(
    {"options": listing(MRKDWN_OPTION, 10)},
    {
        **_ACTION,
        "initial_options": listing(MRKDWN_OPTION, 10),
        "confirm": CONFIRM,
        "focus_on_load": boolean,
    },
    initial_among_options("initial_options"),
)
RADIO_BUTTONS = shape(
    {"options": listing(MRKDWN_OPTION, 10)},
    {**_ACTION, "initial_option": MRKDWN_OPTION, "confirm": CONFIRM, "focus_on_load": boolean},
    initial_among_options("initial_option"),
)
OVERFLOW = shape(
    {"options": listing(option(plain_text(75), with_url=True), 5)},
    {**_ACTION, "confirm": CONFIRM},
)
DATETIMEPICKER = shape(
    {},
    {
        **_ACTION,
        "initial_date_time": integer(1_000_000_000, 9_999_999_999),
        "confirm": CONFIRM,
        "focus_on_load": boolean,
    },
)

CHOICES: dict[str, Check] = {
    "static_select": STATIC_SELECT,
    "multi_static_select": MULTI_STATIC_SELECT,
    "external_select": EXTERNAL_SELECT,
    "multi_external_select": MULTI_EXTERNAL_SELECT,
    "users_select": select("initial_user", string()),
    "multi_users_select": multi_select("initial_users"),
    "conversations_select": select("initial_conversation", string()),
    "multi_conversations_select": multi_select("initial_conversations"),
    "channels_select": select("initial_channel", string()),
    "multi_channels_select": multi_select("initial_channels"),
    "checkboxes": CHECKBOXES,
    "radio_buttons": RADIO_BUTTONS,
    "datepicker": select("initial_date", string(10, 10)),
    "timepicker": select("initial_time", string(5, 5)),
    "datetimepicker": DATETIMEPICKER,
}
PRESSED: dict[str, Check] = {"button": BUTTON, "overflow": OVERFLOW}

IN_ACTIONS: dict[str, Check] = {**PRESSED, **CHOICES}
IN_SECTION: dict[str, Check] = {**IN_ACTIONS, "image": IMAGE}
IN_INPUT: dict[str, Check] = {
    **CHOICES,
    "plain_text_input": PLAIN_TEXT_INPUT,
    "number_input": NUMBER_INPUT,
    "email_text_input": ADDRESS_INPUT,
    "url_text_input": ADDRESS_INPUT,
}
