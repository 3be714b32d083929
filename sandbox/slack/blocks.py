"""
Block Kit's blocks, and what Slack takes in a message, a modal and a Home tab.

`problems_in_blocks`, `problems_in_message` and `problems_in_view` say everything that Slack would
refuse, each with its JSON pointer; an empty list means Slack takes it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.slack import elements
from sandbox.slack.composition import (
    BLOCK_ID,
    TEXT_MAX,
    any_text,
    one_of_fields,
    plain_text,
)
from sandbox.slack.rich_text import RICH_TEXT
from sandbox.slack.shapes import (
    Check,
    Problem,
    Report,
    anything,
    boolean,
    by_type,
    integer,
    listing,
    one_of,
    shape,
    string,
)
from sandbox.slack.wire import Json

MESSAGE_BLOCKS_MAX = 50
VIEW_BLOCKS_MAX = 100
MARKDOWN_MAX = 12_000  #: Of all markdown blocks of a message together.
TABLE_TEXT_MAX = 10_000  #: Of all cells of a message's table together.
PRIVATE_METADATA_MAX = 3000
VIEW_TITLE_MAX = 24
VIEW_BYTES_MAX = 250_000

_ID: dict[str, Check] = {"block_id": BLOCK_ID}
_RICH = by_type({"rich_text": RICH_TEXT})


def _some_content(value: Any, at: str, report: Report) -> None:
    if not value.get("text") and not value.get("fields"):
        report.add(at, "missing required field: text", type="required", expected="text")


SECTION = shape(
    {},
    {
        **_ID,
        "text": any_text(TEXT_MAX),
        "fields": listing(any_text(2000), 10),
        "accessory": by_type(elements.IN_SECTION),
        "expand": boolean,
    },
    _some_content,
)
CONTEXT = shape(
    {
        "elements": listing(
            by_type(
                {
                    "image": elements.IMAGE,
                    "plain_text": any_text(TEXT_MAX),
                    "mrkdwn": any_text(TEXT_MAX),
                }
            ),
            10,
        )
    },
    _ID,
)
ACTIONS = shape({"elements": listing(by_type(elements.IN_ACTIONS), 25)}, _ID)
INPUT = shape(
    {"label": plain_text(2000), "element": by_type(elements.IN_INPUT)},
    {**_ID, "hint": plain_text(2000), "optional": boolean, "dispatch_action": boolean},
)
IMAGE = shape(
    {"alt_text": string(2000)},
    {**_ID, "image_url": string(3000), "slack_file": anything, "title": plain_text(2000)},
    one_of_fields("image_url", "slack_file"),
)
CELL = by_type(
    {
        "raw_text": shape({"text": string(shortest=0)}),
        "raw_number": shape({"value": anything}, {"text": string()}),
        "rich_text": RICH_TEXT,
    }
)
COLUMN = shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})


def _column(value: Any, at: str, report: Report) -> None:
    if value is not None:
        COLUMN(value, at, report)


TABLE = shape(
    {"rows": listing(listing(CELL, 20), 100)}, {**_ID, "column_settings": listing(_column, 20)}
)
SOURCE = by_type({"url": shape({"url": string(3000), "text": string()}, {"icon_url": string()})})
TASK_CARD = shape(
    {
        "task_id": string(),
        "title": string(),
        "status": one_of("pending", "in_progress", "complete", "error"),
    },
    {**_ID, "details": _RICH, "output": _RICH, "sources": listing(SOURCE, 100, 0)},
)
PLAN = shape(
    {"title": string()}, {**_ID, "tasks": listing(by_type({"task_card": TASK_CARD}), 100, 0)}
)

EVERYWHERE: dict[str, Check] = {
    "section": SECTION,
    "header": shape({"text": plain_text(150)}, {**_ID, "level": integer(1, 6)}),
    "divider": shape({}, _ID),
    "context": CONTEXT,
    "actions": ACTIONS,
    "input": INPUT,
    "image": IMAGE,
    "rich_text": RICH_TEXT,
}
IN_MESSAGES: dict[str, Check] = {
    **EVERYWHERE,
    "table": TABLE,
    "plan": PLAN,
    "task_card": TASK_CARD,
    "markdown": shape({"text": string(MARKDOWN_MAX)}, _ID),
    "file": shape({"external_id": string(), "source": one_of("remote")}, _ID),
}


def problems_in_blocks(blocks: object, at: str = "", *, in_view: bool = False) -> list[Problem]:
    report = Report()
    kinds, most = (EVERYWHERE, VIEW_BLOCKS_MAX) if in_view else (IN_MESSAGES, MESSAGE_BLOCKS_MAX)
    listing(by_type(kinds), most, 0)(blocks, at, report)
    if not report.problems and isinstance(blocks, list):
        _unique_ids(blocks, at, report)
        _together(blocks, at, report)
    return report.problems


def problems_in_message(text: str, blocks: Sequence[Mapping[str, Any]] = ()) -> list[Problem]:
    """As chat.postMessage sees it. A message with blocks and no text is only warned about."""
    return problems_in_blocks([dict(block) for block in blocks], "/blocks")


def problems_in_view(view: object) -> list[Problem]:
    report = Report()
    by_type({"modal": _MODAL, "home": _HOME})(view, "", report)
    if report.problems or not isinstance(view, dict):
        return report.problems
    report.problems += problems_in_blocks(view["blocks"], "/blocks", in_view=True)
    has_input = any(block.get("type") == "input" for block in view["blocks"])
    if not report.problems and view["type"] == "modal" and has_input and not view.get("submit"):
        report.add("/submit", "missing required field: submit, as there are inputs")
    if len(json.dumps(view)) > VIEW_BYTES_MAX:
        report.add("", "the view is larger than 250 kB", type="max_size")
    return report.problems


_VIEW: dict[str, Check] = {
    "private_metadata": string(PRIVATE_METADATA_MAX, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
_MODAL = shape(
    {"title": plain_text(VIEW_TITLE_MAX), "blocks": anything},
    {
        **_VIEW,
        "close": plain_text(VIEW_TITLE_MAX),
        "submit": plain_text(VIEW_TITLE_MAX),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)
_HOME = shape({"blocks": anything}, _VIEW)


def _unique_ids(blocks: list[Json], at: str, report: Report) -> None:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id in seen:
            message = f'`block_id` "{block_id}" already exists for another block'
            report.add(f"{at}/{index}/block_id", message, type="unique")
        if block_id:
            seen.add(block_id)
        actions: set[str] = set()
        for number, element in enumerate(block.get("elements") or []):
            action_id = element.get("action_id") if isinstance(element, dict) else None
            if action_id in actions:
                message = f'`action_id` "{action_id}" already exists for another element'
                report.add(f"{at}/{index}/elements/{number}/action_id", message, type="unique")
            if action_id:
                actions.add(action_id)


def _together(blocks: list[Json], at: str, report: Report) -> None:
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MARKDOWN_MAX:
        report.add(at, f"markdown blocks must be less than {MARKDOWN_MAX + 1} characters together")
    tables = [block for block in blocks if block["type"] == "table"]
    if len(tables) > 1:
        report.add(at, "only_one_table_allowed", type="max_items", expected=1)
    for table in tables:
        if sum(_written(row) for row in table["rows"]) > TABLE_TEXT_MAX:
            report.add(at, f"a table must be less than {TABLE_TEXT_MAX + 1} characters")


def _written(part: object) -> int:
    """How many characters are written in this part of a table."""
    if isinstance(part, list):
        return sum(_written(each) for each in part)
    if isinstance(part, dict):
        text = part.get("text")
        own = len(text) if isinstance(text, str) else 0
        return own + sum(_written(each) for each in part.values() if not isinstance(each, str))
    return 0
