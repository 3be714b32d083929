"""Whether Slack would take what was made, by the rules of Block Kit."""

from typing import Any

from bot.slack.views.kit import Rendered, View
from bot.slack.views.limits import MESSAGE_TEXT
from sandbox.slack.blocks import problems_in_message, problems_in_view


def assert_message(shown: Rendered) -> None:
    assert shown.text.strip(), "the text alone must carry the meaning"
    assert len(shown.text) <= MESSAGE_TEXT
    problems = problems_in_message(shown.text, shown.blocks)
    assert not problems, [problem.line() for problem in problems]


def assert_view(view: View) -> None:
    problems = problems_in_view(view)
    assert not problems, [problem.line() for problem in problems]


def words(part: Any) -> str:
    """All that people read in it, in order."""
    if isinstance(part, Rendered):
        return words(part.blocks)
    if isinstance(part, list):
        return "\n".join(filter(None, map(words, part)))
    if not isinstance(part, dict):
        return ""
    own = [v for k, v in part.items() if k in ("text", "title") and isinstance(v, str)]
    inside = [words(v) for k, v in part.items() if isinstance(v, dict | list)]
    return "\n".join(filter(None, own + inside))


def elements(part: Any, **wanted: Any) -> list[dict[str, Any]]:
    """Every object in it that has these values."""
    if isinstance(part, Rendered):
        part = part.blocks
    if isinstance(part, list):
        return [found for one in part for found in elements(one, **wanted)]
    if not isinstance(part, dict):
        return []
    here = [part] if all(part.get(k) == v for k, v in wanted.items()) else []
    inside = [
        e for v in part.values() if isinstance(v, dict | list) for e in elements(v, **wanted)
    ]
    return here + inside


def action_ids(part: Any) -> set[str]:
    return {one["action_id"] for one in elements(part) if "action_id" in one}


def labels(part: Any) -> list[str]:
    return [one["text"]["text"] for one in elements(part, type="button")]
