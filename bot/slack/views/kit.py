"""
The pieces of Block Kit, each made to fit and safe for text from outside.

`plain_text` (without emoji) and `rich_text` carry what is not ours, because neither knows any
notation; mrkdwn carries only what escape.py made of it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.slack.views import limits, names
from bot.slack.views.escape import CHANNEL_ID, USER_ID, clean, cut, one_line
from bot.slack.views.limits import Block
from bot.slack.views.words import day_and_clock

View = dict[str, Any]
PEOPLE = re.compile(rf"<@({USER_ID.pattern})>")
Element = dict[str, Any]
Style = Literal["primary", "danger"]


@dataclass(frozen=True)
class Rendered:
    """A message. `text` alone names the run, the step, how it stands and what to do next."""

    text: str
    blocks: list[Block] = field(default_factory=list)


def plain(text: str, limit: int) -> Element:
    return {"type": "plain_text", "text": cut(one_line(text) or "-", limit), "emoji": False}


def mrkdwn(text: str) -> Element:
    """`text` is escaped already; `verbatim`: a name like #general or a bare URL stays text."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, limits.HEADER_TEXT)}


def section(text: Element, accessory: Element | None = None) -> Block:
    block: Block = {"type": "section", "text": text}
    return block | {"accessory": accessory} if accessory else block


def context(*elements: Element) -> Block:
    return {"type": "context", "elements": list(elements[: limits.CONTEXT_ELEMENTS])}


def actions(elements: Iterable[Element]) -> list[Block]:
    """As many blocks as the elements need; none for none."""
    every = list(elements)
    size = limits.ACTIONS_ELEMENTS
    return [
        {"type": "actions", "elements": every[at : at + size]} for at in range(0, len(every), size)
    ]


def button(
    label: str,
    name: str,
    value: str,
    suffix: str | int = "",
    style: Style | None = None,
    confirm: Element | None = None,
) -> Element:
    made: Element = {
        "type": "button",
        "text": plain(label, limits.BUTTON_TEXT),
        "action_id": names.action_id(name, suffix),
        "value": value,
    }
    return made | ({"style": style} if style else {}) | ({"confirm": confirm} if confirm else {})


def confirm(title: str, text: str, yes: str, no: str, style: Style = "primary") -> Element:
    return {
        "title": plain(title, limits.CONFIRM_TITLE),
        "text": plain(text, limits.CONFIRM_TEXT),
        "confirm": plain(yes, limits.CONFIRM_BUTTON),
        "deny": plain(no, limits.CONFIRM_BUTTON),
        "style": style,
    }


def option(label: str, value: str) -> Element:
    return {"text": plain(label, limits.OPTION_TEXT), "value": value}


def menu(placeholder: str, name: str, options: Sequence[Element], suffix: str = "") -> Element:
    return {
        "type": "static_select",
        "placeholder": plain(placeholder, limits.INPUT_PLACEHOLDER),
        "action_id": names.action_id(name, suffix),
        "options": list(options[: limits.OPTIONS]),
    }


def text(
    words: str,
    bold: bool = False,
    code: bool = False,
    italic: bool = False,
    strike: bool = False,
) -> Element:
    """A piece of a line of rich text; what stands in it is shown as it is."""
    styles = (("bold", bold), ("code", code), ("italic", italic), ("strike", strike))
    style = {name: True for name, on in styles if on}
    shown = cut(clean(words).replace("\n", " "), limits.SECTION_TEXT)
    element = {"type": "text", "text": shown or " "}
    return element | ({"style": style} if style else {})


def person(user_id: str) -> Element:
    if USER_ID.fullmatch(user_id):
        return {"type": "user", "user_id": user_id}
    return text(cut(one_line(user_id), 80))


def channel(channel_id: str) -> Element:
    if CHANNEL_ID.fullmatch(channel_id):
        return {"type": "channel", "channel_id": channel_id}
    return text("a private conversation")


def date(at: datetime) -> Element:
    """By the clock of whoever reads it."""
    shown = {"format": "{date_short_pretty} {time}", "fallback": day_and_clock(at)}
    return {"type": "date", "timestamp": int(at.timestamp()), **shown}


def with_people(words: str) -> list[Element]:
    """For what the desk wrote of an answer: `<@ID>` is a person there, and read as their name."""
    parts = PEOPLE.split(cut(one_line(words), limits.SECTION_TEXT))
    pieces = [person(part) if n % 2 else text(part) for n, part in enumerate(parts) if part]
    return pieces or [text(" ")]


def typed(words: str) -> list[Element]:
    """A sentence in which what can be typed stands between backticks, as in `/runbook help`."""
    parts = cut(one_line(words), limits.SECTION_TEXT).split("`")
    pieces = [text(part, code=bool(n % 2)) for n, part in enumerate(parts) if part]
    return pieces or [text(" ")]


def rich(*lines: Sequence[Element]) -> Block:
    """Each line a section of its own."""
    kept = [list(line) for line in lines if line] or [[text(" ")]]
    elements = [{"type": "rich_text_section", "elements": line} for line in kept]
    return {"type": "rich_text", "elements": elements}


def bullets(heading: Sequence[Element], *items: Sequence[Element]) -> Block:
    inside = [{"type": "rich_text_section", "elements": list(item)} for item in items]
    listed = {"type": "rich_text_list", "style": "bullet", "elements": inside}
    block = rich(heading)
    return block | {"elements": [*block["elements"], *([listed] if inside else [])]}


def preformatted(words: str) -> Block:
    """`words` stand as they are, line for line; what does not fit is the caller's to refuse."""
    shown = {"type": "text", "text": clean(words) or " "}
    inside = {"type": "rich_text_preformatted", "elements": [shown]}
    return {"type": "rich_text", "elements": [inside]}


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Block:
    cells = [[_cell(cell) for cell in row] for row in (columns, *rows)]
    aligned = [{"align": "right" if _is_number(rows, n) else "left"} for n in range(len(columns))]
    return {"type": "table", "rows": cells, "column_settings": aligned}


def _cell(cell: object) -> Element:
    """An element stays what it is, such as a rich text that names a person."""
    if isinstance(cell, dict):
        return cell
    return {"type": "raw_text", "text": one_line(str(cell)) or "-"}


def _is_number(rows: Sequence[Sequence[object]], column: int) -> bool:
    return all(
        isinstance(row[column], int | float) and not isinstance(row[column], bool) for row in rows
    )
