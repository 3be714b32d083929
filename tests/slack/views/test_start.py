"""The form asks for what the schema says, and what was filled in comes back as it was meant."""

from datetime import UTC, date, datetime
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from bot.runbook.values import Facts, Person, RunbookInputs, Secret
from bot.slack.views import names
from bot.slack.views.answers import field_errors, read_values
from bot.slack.views.fields import form_fields, secret_fields
from bot.slack.views.inputs import input_blocks
from bot.slack.views.kit import View
from bot.slack.views.names import Metadata, unpack
from bot.slack.views.start import start_modal
from tests.hostile import MALICE
from tests.slack.views.checking import assert_view, elements, words
from tests.slack.views.sample import outline


class Window(Facts):
    days: int = Field(7, ge=1, le=30)
    note: str = ""


class Every(RunbookInputs):
    brief: str = Field(title="Brief", max_length=60, min_length=3, description="what is wrong")
    services: tuple[str, ...] = ("api", "core")
    kinds: tuple[Literal["a", "b"], ...] = ()
    severity: Literal["P1", "P2"] = "P2"
    level: Literal[1, 2] = 1
    only: Literal["x"] = "x"
    count: int = Field(5, gt=0, le=10)
    share: float | None = None
    since: datetime
    day: date | None = None
    sure: bool = False
    other: Literal["q", "r"] | None = None
    who: Person | None = None
    token: Secret | None = Field(None, title="New token")
    window: Window = Window(days=7)


SCHEMA = Every.model_json_schema()
MENUS = {"services": ["api", "core", "maestro"]}


def filled(view: View) -> dict[str, Any]:
    """What Slack sends back when nobody touches the form."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            values[block["block_id"]] = {names.VALUE: _state(block["element"])}
    return values


def _state(element: dict[str, Any]) -> dict[str, Any]:
    places = {
        "initial_value": "value",
        "initial_option": "selected_option",
        "initial_options": "selected_options",
        "initial_date_time": "selected_date_time",
        "initial_date": "selected_date",
        "initial_user": "selected_user",
    }
    state = {"type": element["type"]}
    return state | {there: element[here] for here, there in places.items() if here in element}


def test_an_untouched_form_gives_the_values_it_was_opened_with() -> None:
    given_values = {
        "brief": "api is down",
        "services": ["api", "maestro"],
        "kinds": ["b"],
        "severity": "P1",
        "level": 2,
        "count": 7,
        "share": 0.5,
        "since": "2026-03-06T14:00:00+00:00",
        "day": "2026-03-05",
        "sure": True,
        "other": "r",
        "who": {"user_id": "U0LENA0000"},
        "window": {"days": 9, "note": "n"},
    }
    view = start_modal(outline(inputs=SCHEMA), MENUS, given_values)
    assert_view(view)
    came = read_values(SCHEMA, filled(view))
    assert came == given_values | {"only": "x", "token": None}
    assert Every.model_validate(came).since == datetime(2026, 3, 6, 14, tzinfo=UTC)


texts = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=60
).filter(lambda one: one == one.strip())


@given(
    st.fixed_dictionaries(
        {
            "brief": texts.filter(lambda one: len(one) >= 3),
            "services": st.lists(st.sampled_from(MENUS["services"]), unique=True),
            "severity": st.sampled_from(["P1", "P2"]),
            "level": st.sampled_from([1, 2]),
            "count": st.integers(1, 10),
            "share": st.none() | st.floats(-1e6, 1e6),
            "since": st.integers(1_000_000_000, 9_999_999_999).map(
                lambda at: datetime.fromtimestamp(at, tz=UTC).isoformat()
            ),
            "sure": st.booleans(),
            "other": st.sampled_from([None, "q", "r"]),
        }
    )
)
def test_any_values_survive_the_form(values: dict[str, Any]) -> None:
    view = start_modal(outline(inputs=SCHEMA), MENUS, values)
    came = read_values(SCHEMA, filled(view))
    assert {name: came.get(name) for name in values} == values


@given(st.lists(texts.filter(lambda one: one and len(one.splitlines()) == 1), max_size=5))
def test_a_list_without_a_menu_is_one_to_a_line(services: list[str]) -> None:
    view = start_modal(outline(inputs=SCHEMA), {}, {"services": services})
    assert read_values(SCHEMA, filled(view))["services"] == services


def test_the_defaults_are_filled_in() -> None:
    came = read_values(SCHEMA, filled(start_modal(outline(inputs=SCHEMA), MENUS)))
    assert came["services"] == ["api", "core"]
    assert came["severity"] == "P2"
    assert came["count"] == 5
    assert came["window"] == {"days": 7}
    assert "brief" not in came


def test_a_menu_shows_live_choices_and_no_default_that_is_gone() -> None:
    view = start_modal(outline(inputs=SCHEMA), {"services": ["core"]})
    (element,) = [e for e in elements(view, type="multi_static_select") if len(e["options"]) == 1]
    assert [one["value"] for one in element["options"]] == ["core"]
    assert [one["value"] for one in element["initial_options"]] == ["core"]


def test_what_a_finding_filled_in_is_offered_even_if_the_menu_lacks_it() -> None:
    view = start_modal(outline(inputs=SCHEMA), MENUS, {"services": ["gone"]})
    assert read_values(SCHEMA, filled(view))["services"] == ["gone"]


def hint(view: View, name: str) -> str:
    (block,) = [one for one in view["blocks"] if one.get("block_id") == name]
    return str(block.get("hint", {}).get("text", ""))


def test_a_hint_is_in_sentences_and_a_pattern_is_shown_only_where_nothing_is_said() -> None:
    text = {"type": "string", "title": "Name", "pattern": "^[a-z]+$"}
    schema = {"properties": {"bare": text, "told": text | {"description": "lowercase letters"}}}
    view = start_modal(outline(inputs=schema), {})
    assert hint(view, "bare") == "Must match ^[a-z]+$"
    assert hint(view, "told") == "Lowercase letters."


def test_only_a_list_that_is_typed_is_said_to_be_one_to_a_line() -> None:
    assert hint(start_modal(outline(inputs=SCHEMA), {}), "services") == "One to a line."
    assert hint(start_modal(outline(inputs=SCHEMA), MENUS), "services") == ""


def test_a_thousand_choices_are_shown_in_groups() -> None:
    many = [f"snapshot-{n:04}" for n in range(1000)]
    view = start_modal(outline(inputs=SCHEMA), {"services": many})
    assert_view(view)
    assert words(view).count("snapshot-0999") >= 1


def test_choices_that_could_not_be_read_are_said_to_be_missing() -> None:
    assert "could not be read" in words(start_modal(outline(inputs=SCHEMA), {}))
    assert "could not be read" not in words(start_modal(outline(inputs=SCHEMA), MENUS))


def test_an_error_stands_at_its_field() -> None:
    view = start_modal(outline(inputs=SCHEMA), MENUS, {}, {"brief": "too long", "odd": "why"})
    assert_view(view)
    assert "Brief: too long" in words(view)
    assert "why" in words(view)


def test_an_error_of_an_inner_or_unknown_field_is_not_lost() -> None:
    assert field_errors(SCHEMA, {"brief": "no"}) == {"brief": "no"}
    assert field_errors(SCHEMA, {"window": "no"}) == {"window.days": "no"}
    assert field_errors(SCHEMA, {"odd": "no", "brief": "x"}) == {"brief": "odd: no; x"}


def test_what_is_no_number_comes_back_as_it_was_typed() -> None:
    typed = {"count": {names.VALUE: {"type": "number_input", "value": "many"}}}
    assert read_values(SCHEMA, typed)["count"] == "many"


def test_a_secret_is_never_filled_in_and_is_named() -> None:
    assert secret_fields(SCHEMA) == ("token",)
    view = start_modal(outline(inputs=SCHEMA), MENUS, {"token": "EAAB-very-secret"})
    assert "EAAB" not in str(view)


def test_the_form_remembers_its_runbook_and_where_it_was_opened() -> None:
    view = start_modal(outline(inputs=SCHEMA), MENUS, metadata=Metadata(channel="C1", dry=True))
    assert unpack(view["private_metadata"]) == Metadata("RB-INC-001", channel="C1", dry=True)
    assert "changes nothing" in words(view)


@pytest.mark.parametrize("field", form_fields(SCHEMA), ids=lambda field: field.name)
def test_every_field_says_whether_it_may_stay_empty(field: Any) -> None:
    (block,) = input_blocks(field, None, None)
    assert block["optional"] == (field.name not in ("brief", "since"))


@pytest.mark.parametrize("name", ["right to left", "half a pair", "zero width", "NUL", "empty"])
def test_a_field_is_typed_in_where_a_choice_could_not_be_seen(name: str) -> None:
    view = start_modal(outline(inputs=SCHEMA), {"services": ["complyai-core", MALICE[name]]})
    assert_view(view)
    (block,) = [one for one in view["blocks"] if one.get("block_id") == "services"]
    assert block["element"]["type"] == "plain_text_input"
