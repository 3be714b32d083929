"""What is typed behind /runbook is understood, or answered with what would be."""

from typing import Literal

import pytest
from pydantic import Field

from bot.engine.intents import Refusal
from bot.runbook import RunbookInputs, Secret
from bot.runbook.outline import Outline
from bot.slack.listeners.typed import Order, read_order
from bot.slack.listeners.typed_inputs import explained, missing, read_inputs


class Inputs(RunbookInputs):
    brief_desc: str = Field(title="Brief description", pattern=r"^[a-z0-9-]{3,40}$")
    name: str = Field(default="x", pattern=r"^[a-z]$", description="lowercase letters")
    services: tuple[str, ...] = Field(title="Services", default=("core",))
    severity: Literal["P1", "P2"] = "P1"
    most: int = Field(default=3, ge=1, le=9)
    value: Secret | None = None


BOOK = Outline(
    "RB-INC-001", "Service Outage", "P1", "Incident", Inputs.model_json_schema(), (), (), ()
)


def refusal(text: str) -> str:
    read = read_order(text)
    assert isinstance(read, Refusal)
    return read.why


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", Order("catalogue")),
        ("   ", Order("catalogue")),
        ("list", Order("list")),
        ("LIST data base", Order("list", "data base")),
        ("show rb-inc-001", Order("show", "RB-INC-001")),
        ("rb-inc-001", Order("run", "RB-INC-001")),
        ("status", Order("status")),
        ("status 7f3k", Order("status", "7F3K")),
        ("cancel 7f3k", Order("cancel", "7F3K")),
        ("help", Order("help")),
        ("freeze", Order("freeze")),
        ("FREEZE it's burning, don't touch", Order("freeze", "it's burning, don't touch")),
        ('freeze\u00a0"the primary is odd"', Order("freeze", "the primary is odd")),
        ("thaw all well", Order("thaw", "all well")),
        ('schedule add "0 8 * * *" X', Order("schedule", words=("add", "0 8 * * *", "X"))),
    ],
)
def test_a_word_means_what_the_help_says(text: str, order: Order) -> None:
    assert read_order(text) == order


def test_inputs_are_quoted_as_in_a_shell() -> None:
    read = read_order("dry RB-INC-001 brief-desc='core is down' services=a,b")
    assert read == Order("dry", "RB-INC-001", {"brief_desc": "core is down", "services": "a,b"})


def test_the_quotes_of_a_phone_are_quotes() -> None:
    read = read_order("RB-INC-001 brief_desc=\u201ccore is down\u201d")
    assert read == Order("run", "RB-INC-001", {"brief_desc": "core is down"})


def test_what_slack_escapes_is_read_as_it_was_typed() -> None:
    read = read_order('RB-1 a="x &lt; y &amp;&amp; z &gt; &amp;lt;"')
    assert read == Order("run", "RB-1", {"a": "x < y && z > &lt;"})


def test_an_open_quote_is_pointed_out() -> None:
    assert "not closed" in refusal("RB-INC-001 brief_desc='core is")


def test_a_word_without_an_equals_sign_is_not_guessed_at() -> None:
    assert '"core"' in refusal("RB-INC-001 core")
    assert '"=x"' in refusal("RB-INC-001 =x")


def test_an_input_given_twice_is_not_chosen_from() -> None:
    assert "given twice" in refusal("RB-INC-001 a=1 a=2")


@pytest.mark.parametrize("text", ["show", "dry", "cancel"])
def test_a_word_that_needs_an_id_asks_for_it(text: str) -> None:
    assert refusal(text).startswith("Say which")


def test_two_runs_are_never_cancelled_with_one_command() -> None:
    assert "one id" in refusal("cancel 7F3K 8G4L")


def test_a_list_is_split_at_its_commas() -> None:
    read = read_inputs(BOOK, {"services": "core, api,", "most": "4"})
    assert read == {"services": ["core", "api"], "most": "4"}
    assert Inputs.model_validate({"brief_desc": "abc", **read}).most == 4


def test_an_input_that_does_not_exist_is_answered_with_the_nearest() -> None:
    read = read_inputs(BOOK, {"service": "core"})
    assert isinstance(read, Refusal)
    assert 'no input "service". Did you mean `services`?' in read.why


def test_a_secret_is_never_typed_behind_a_command() -> None:
    read = read_inputs(BOOK, {"value": "hunter2"})
    assert isinstance(read, Refusal)
    assert "form" in read.why and "hunter2" not in read.why


def test_what_is_missing_is_what_has_no_default() -> None:
    assert missing(BOOK, {}) == ("brief_desc",)
    assert missing(BOOK, {"brief_desc": "x"}) == ()


@pytest.mark.parametrize(
    ("field", "allowed"),
    [
        ("severity", "one of P1, P2"),
        ("brief_desc", "written like ^[a-z0-9-]{3,40}$"),
        ("most", "a whole number, at least 1, at most 9"),
        ("name", "lowercase letters"),
        ("services", "several, with commas between them"),
    ],
)
def test_a_wrong_field_is_answered_with_what_is_allowed(field: str, allowed: str) -> None:
    refused = explained(BOOK, Refusal("Some inputs are not right.", {field: "Not this"}))
    assert refused.fields == {field: f"Not this ({allowed})"}
    again = explained(BOOK, Refusal("Not right.", {field: f"This must be {allowed}"}))
    assert again.fields == {field: f"This must be {allowed}"}


@pytest.mark.parametrize("verb", ["", "dry ", "show ", "status ", "cancel ", "history ", "audit "])
@pytest.mark.parametrize(
    "id", ["rb-\u0131nc-001", "\uff32B-INC-001", "7F3K\u200b", "7f\u212a", "a/b"]
)
def test_what_only_looks_like_an_id_is_none(verb: str, id: str) -> None:
    """In capitals some of them would be one."""
    assert "letters, digits and dashes" in refusal(f"{verb}{id}")
    assert isinstance(read_order(f"{verb}RB-INC-001"), Order)
