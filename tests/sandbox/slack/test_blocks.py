"""The Block Kit validator refuses what Slack refuses, and says where."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.slack.blocks import problems_in_blocks, problems_in_message, problems_in_view
from sandbox.slack.filling import filled
from sandbox.slack.wire import Json


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(value: str) -> Json:
    return {"text": plain(value), "value": value}


def section(**more: object) -> Json:
    return {"type": "section", "text": mrkdwn("x"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def field(element: Json, **more: object) -> Json:
    return {"type": "input", "label": plain("L"), "element": element, **more}


def button(action_id: str = "a", **more: object) -> Json:
    return {"type": "button", "text": plain("B"), "action_id": action_id, **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def words(text: str) -> Json:
    return {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}


def card(**more: object) -> Json:
    return {"type": "task_card", "task_id": "1", "title": "t", "status": "complete", **more}


def table(rows: int = 1, columns: int = 1, text: str = "x") -> Json:
    cell = {"type": "raw_text", "text": text}
    return {"type": "table", "rows": [[cell] * columns] * rows}


def confirm(**more: object) -> Json:
    texts = {"title": plain("t"), "text": mrkdwn("x"), "confirm": plain("y"), "deny": plain("n")}
    return {**texts, **more}


SELECT = {"type": "static_select", "action_id": "s", "options": [option("a"), option("b")]}

GOOD = [
    section(accessory=button(style="danger", confirm=confirm(style="danger"))),
    section(accessory={"type": "overflow", "action_id": "o", "options": [option("a")]}),
    {"type": "section", "fields": [mrkdwn("a"), plain("b")]},
    {"type": "header", "text": plain("h" * 150)},
    {"type": "divider"},
    {"type": "context", "elements": [mrkdwn("x"), plain("y")]},
    actions(button(), {**SELECT, "initial_option": option("b")}),
    actions({"type": "users_select", "action_id": "u", "initial_user": "U1"}),
    field({"type": "number_input", "is_decimal_allowed": False, "min_value": "1"}),
    field({"type": "plain_text_input", "multiline": True, "max_length": 10}, optional=True),
    field({"type": "checkboxes", "options": [option("a")], "initial_options": [option("a")]}),
    field({"type": "datetimepicker", "initial_date_time": 1_700_000_000}),
    field({"type": "multi_external_select", "min_query_length": 0}),
    {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"},
    rich(words("x"), {"type": "rich_text_list", "style": "bullet", "elements": [words("y")]}),
    rich({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "z"}]}),
    table(100, 20),
    {"type": "plan", "title": "p", "tasks": [card(details=rich(words("d")))]},
    card(sources=[{"type": "url", "url": "https://example.com", "text": "e"}]),
    {"type": "markdown", "text": "# x"},
]

BAD = [
    (section(text=mrkdwn("x" * 3001)), "/0/text/text", "less than 3001"),
    (section(text=mrkdwn("")), "/0/text/text", "more than 0"),
    ({"type": "section"}, "/0", "missing required field: text"),
    ({"type": "section", "fields": [mrkdwn("x")] * 11}, "/0/fields", "no more than 10"),
    (section(colour="red"), "/0", "invalid additional property: colour"),
    (section(text={"type": "html", "text": "x"}), "/0/text/type", "unsupported type: html"),
    ({"type": "header", "text": mrkdwn("x")}, "/0/text/type", "unsupported type: mrkdwn"),
    ({"type": "header", "text": plain("h" * 151)}, "/0/text/text", "less than 151"),
    ({"type": "video"}, "/0/type", "unsupported type: video"),
    (actions(), "/0/elements", "at least 1"),
    (actions(*[button(f"a{n}") for n in range(26)]), "/0/elements", "no more than 25"),
    (actions(button(), button()), "/0/elements/1/action_id", "already exists"),
    (actions(button(style="green")), "/0/elements/0/style", "unsupported value"),
    (actions(button(value="v" * 2001)), "/0/elements/0/value", "less than 2001"),
    (actions(button(text=plain("b" * 76))), "/0/elements/0/text/text", "less than 76"),
    (
        actions(button(confirm=confirm(text=mrkdwn("x" * 301)))),
        "/0/elements/0/confirm/text/text",
        "less than 301",
    ),
    (
        actions({**SELECT, "initial_option": option("c")}),
        "/0/elements/0/initial_option",
        "among the options",
    ),
    (
        actions({**SELECT, "options": [option(str(n)) for n in range(101)]}),
        "/0/elements/0/options",
        "no more than 100",
    ),
    (actions({"type": "plain_text_input"}), "/0/elements/0/type", "unsupported type"),
    (field(button()), "/0/element/type", "unsupported type: button"),
    (field({"type": "number_input"}), "/0/element", "is_decimal_allowed"),
    (rich({"type": "rich_text_table"}), "/0/elements/0/type", "unsupported type"),
    (table(101), "/0/rows", "no more than 100"),
    (table(1, 21), "/0/rows/0", "no more than 20"),
    (table(11, 10, "x" * 100), "", "less than 10001"),
    (card(status="done"), "/0/status", "unsupported value: done"),
    ({"type": "image", "alt_text": "a"}, "/0", "exactly one of"),
    ("text", "/0", "must be an object"),
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: str(block["type"]))
def test_a_good_block_is_taken(block: Json) -> None:
    assert problems_in_blocks([block]) == []


@pytest.mark.parametrize(("block", "pointer", "words"), BAD, ids=lambda part: str(part)[:40])
def test_a_bad_block_is_refused_where_it_is_bad(block: Json, pointer: str, words: str) -> None:
    problems = problems_in_blocks([block])
    assert [problem.pointer for problem in problems] == [pointer]
    assert words in problems[0].message


def test_a_message_holds_fifty_blocks_and_a_view_a_hundred() -> None:
    divider = {"type": "divider"}
    assert problems_in_message("x", [divider] * 50) == []
    assert problems_in_message("x", [divider] * 51)[0].pointer == "/blocks"
    assert problems_in_view({"type": "home", "blocks": [divider] * 100}) == []
    assert problems_in_view({"type": "home", "blocks": [divider] * 101})[0].pointer == "/blocks"


def test_a_block_id_is_used_once() -> None:
    twice = [{"type": "divider", "block_id": "d"}] * 2
    assert problems_in_blocks(twice)[0].pointer == "/1/block_id"


def test_markdown_counts_together() -> None:
    half = {"type": "markdown", "text": "x" * 6001}
    assert problems_in_blocks([half]) == []
    assert "together" in problems_in_blocks([half, half])[0].message


def test_a_message_has_one_table() -> None:
    assert problems_in_blocks([table(), table()])[0].message == "only_one_table_allowed"


MODAL = {
    "type": "modal",
    "title": plain("Start"),
    "submit": plain("Go"),
    "blocks": [field({"type": "plain_text_input"})],
}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": plain("t" * 25)}, "/title/text"),
        ({"submit": None}, "/submit"),
        ({"private_metadata": "m" * 3001}, "/private_metadata"),
        ({"callback_id": "c" * 256}, "/callback_id"),
        ({"hash": "1.a"}, ""),
        ({"blocks": [table()]}, "/blocks/0/type"),
        ({"type": "window"}, "/type"),
    ],
    ids=str,
)
def test_a_modal_has_slacks_limits(change: Json, pointer: str) -> None:
    assert problems_in_view(MODAL) == []
    assert problems_in_view(MODAL | change)[0].pointer == pointer


SCRAPS: st.SearchStrategy[Any] = st.sampled_from(
    [None, 7, "", "x", [], {}, [None], {"type": []}, {"type": "text"}]
)


def broken(part: Any, draw: st.DrawFn) -> Any:
    """The same with something odd in one place of it."""
    if draw(st.booleans()) or not isinstance(part, dict | list) or not part:
        return draw(SCRAPS)
    at = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
    copied = copy.copy(part)
    copied[at] = broken(part[at], draw)
    return copied


@given(st.data())
@settings(max_examples=3 * settings().max_examples, deadline=None)
def test_no_block_however_broken_breaks_the_validator(data: st.DataObject) -> None:
    block = data.draw(st.composite(lambda draw: broken(draw(st.sampled_from(GOOD)), draw))())
    if not problems_in_blocks([block]):
        filled([block])


def test_what_slack_fills_in_leaves_the_blocks_valid() -> None:
    blocks = [copy.deepcopy(block) for block in GOOD if block["type"] != "markdown"]
    stored = filled(blocks)
    assert problems_in_blocks(stored) == []
    assert len({block["block_id"] for block in stored}) == len(stored)
    assert stored[0]["text"]["verbatim"] is False
    assert stored[3]["text"]["emoji"] is True
