"""
What Slack adds to blocks when it keeps them: ids that were left out, `emoji` and `verbatim`.

A click names the block and the action, so both always have an id once stored.
"""

import secrets
import string
from collections.abc import Iterator
from typing import Any

from sandbox.slack.wire import Json

_LETTERS = string.ascii_letters + string.digits


def _short_id() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def filled(blocks: list[Json]) -> list[Json]:
    """A copy of valid blocks as Slack stores them."""
    stored = [_without_nulls(block) for block in blocks]
    for block in stored:
        block.setdefault("block_id", _short_id())
        for task in block.get("tasks", []):
            task.setdefault("block_id", _short_id())
        _complete(block)
    return stored


def _without_nulls(part: Any) -> Any:
    """A copy; a field that is null is a field left out."""
    if isinstance(part, list):
        return [_without_nulls(each) for each in part]
    if isinstance(part, dict):
        return {name: _without_nulls(each) for name, each in part.items() if each is not None}
    return part


def _complete(block: Json) -> None:
    for element in interactive(block):
        element.setdefault("action_id", _short_id())
    for part in _objects(block):
        if part.get("type") == "plain_text":
            part.setdefault("emoji", True)
        elif part.get("type") == "mrkdwn":
            part.setdefault("verbatim", False)


def interactive(block: Json) -> list[Json]:
    if block["type"] == "actions":
        return list(block["elements"])
    if block["type"] == "input":
        return [block["element"]]
    accessory = block.get("accessory")
    return [accessory] if accessory and accessory["type"] != "image" else []


def _objects(part: object) -> Iterator[Json]:
    if isinstance(part, list):
        for each in part:
            yield from _objects(each)
    elif isinstance(part, dict):
        yield part
        for each in part.values():
            yield from _objects(each)
