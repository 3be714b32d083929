"""
What Slack's notation would make of a text: mentions, links, formats, emoji. The reading is the
broad one: where clients differ, what any of them makes of it counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.slack.views.kit import Rendered
from tests.hostile import NO_GROUP, NOBODY, NOWHERE


@dataclass(frozen=True)
class Live:
    kind: str  #: mention, link, date, code, bold, italic, strike, quote, emoji
    what: str


#: As the sandbox's page reads it, but that a mark may stand behind any letter that is not ASCII.
FENCE = re.compile(r"```(.+?)```", re.DOTALL)
ANGLE = re.compile(r"<([^<>\n]+)>")
CODE = re.compile(r"`([^`\n]+)`")
MARKS = {
    "bold": re.compile(r"(?<![A-Za-z0-9])\*(?=\S)([^\n*]*[^\s*])\*(?![A-Za-z0-9*])"),
    "italic": re.compile(r"(?<![A-Za-z0-9])_(?=\S)([^\n_]*[^\s_])_(?![A-Za-z0-9_])"),
    "strike": re.compile(r"(?<![A-Za-z0-9])~(?=\S)([^\n~]*[^\s~])~(?![A-Za-z0-9~])"),
}
QUOTE = re.compile(r"^(?:&gt;|>) ?(.*)$", re.MULTILINE)
EMOJI = re.compile(r":([a-z0-9_+-]*[a-z_+-][a-z0-9_+-]*|\d{3,}):")
URL = re.compile(r"(?:https?|mailto|javascript|ftp)://[^\s<>|]+|(?<![\w@.])www\.\w[^\s<>|]*")


def live_in(text: str, verbatim: bool = False) -> list[Live]:
    """In mrkdwn. `verbatim`: bare addresses stay text."""
    return list(_live(text, verbatim))


def _live(text: str, verbatim: bool) -> Iterator[Live]:
    for found in FENCE.finditer(text):
        yield Live("code", found[1])
    for found in ANGLE.finditer(text):
        yield _angle(found[1])
    text = ANGLE.sub(" ", text)
    for found in CODE.finditer(text):
        yield Live("code", found[1])
    for kind, mark in MARKS.items():
        yield from (Live(kind, found[1]) for found in mark.finditer(text))
    yield from (Live("quote", found[1]) for found in QUOTE.finditer(text))
    yield from (Live("emoji", found[1]) for found in EMOJI.finditer(text))
    if not verbatim:
        yield from (Live("link", found[0]) for found in URL.finditer(text))


def _angle(inside: str) -> Live:
    if inside.startswith("!date^"):
        return Live("link" if inside.count("^") > 2 else "date", inside)
    return Live("mention" if inside[0] in "@#!" else "link", inside)


def live_in_blocks(part: Any) -> Iterator[Live]:
    """In whatever of Block Kit: blocks, elements, views."""
    if isinstance(part, list | tuple):
        for one in part:
            yield from live_in_blocks(one)
    elif isinstance(part, dict):
        yield from _live_in_element(part)
        yield from live_in_blocks([v for v in part.values() if isinstance(v, dict | list)])


KNOWN = {
    "user": ("mention", "user_id"), "usergroup": ("mention", "usergroup_id"),
    "channel": ("mention", "channel_id"), "broadcast": ("mention", "range"),
    "link": ("link", "url"), "emoji": ("emoji", "name"),
}  # fmt: skip
STYLES = {"bold": "bold", "italic": "italic", "strike": "strike", "code": "code"}


def _live_in_element(element: dict[str, Any]) -> Iterator[Live]:
    kind = element.get("type")
    if kind == "mrkdwn":
        yield from live_in(str(element["text"]), bool(element.get("verbatim")))
    elif kind == "plain_text" and element.get("emoji", True):
        yield from (Live("emoji", found[1]) for found in EMOJI.finditer(str(element["text"])))
    elif kind == "markdown":
        yield Live("markdown", str(element["text"]))
    elif kind in KNOWN:
        name, field = KNOWN[str(kind)]
        yield Live(name, str(element[field]))
    if "url" in element and kind != "link":
        yield Live("link", str(element["url"]))
    if "image_url" in element:
        yield Live("link", str(element["image_url"]))


def assert_inert(shown: Rendered | dict[str, Any], mine: str = "") -> None:
    """Nothing from outside is live in it. `mine`: a pattern of ids that may be named."""
    if isinstance(shown, Rendered):
        found = [*live_in(shown.text), *live_in_blocks(shown.blocks)]
    elif shown.get("type") in ("modal", "home"):
        found = list(live_in_blocks(shown))
    else:  # A payload: a message's, or what a delivery has of it.
        found = [*live_in(str(shown.get("text", ""))), *live_in_blocks(shown.get("blocks") or [])]
    assert not [one for one in found if is_foreign(one, mine)], found


def is_foreign(live: Live, mine: str = "") -> bool:
    if live.kind == "mention":
        return not (mine and re.fullmatch(rf"[@#]?(?:!subteam\^)?(?:{mine})", live.what))
    ids = (NOBODY, NOWHERE, NO_GROUP, "evil", "EVIL")
    outside = any(one in live.what for one in ids)
    return outside or live.kind in ("link", "emoji", "quote", "markdown")
