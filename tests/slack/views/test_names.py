"""What comes back from a button is validated before anything is made of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runbook.values import storable
from bot.slack.views import names
from bot.slack.views.kit import button, menu, option
from bot.slack.views.names import Metadata, Pressed, Strange, pressed, unpack
from tests.hostile import MALICE

A_BUTTON = {"type": "button", "action_id": "rb.pick:roll_back", "value": "7F3K roll_back"}


def test_a_button_says_which_run_and_which_step() -> None:
    made = button("Review plan", names.PICK, names.value("7F3K", "deploy.roll_back"), "roll_back")
    assert pressed(made) == Pressed(names.PICK, "7F3K", "deploy.roll_back")
    assert names.pattern(names.PICK).match(made["action_id"])
    assert not names.pattern(names.PICK).match("rb.pick_other:x")


def test_a_menu_is_read_like_a_button() -> None:
    made = menu("Re-check…", names.AGAIN, [option("Database", names.value("7F3K", "database"))])
    came = made | {"selected_option": made["options"][0]}
    assert pressed(came) == Pressed(names.AGAIN, "7F3K", "database")


def test_a_chosen_person_comes_with_the_question() -> None:
    came = {"type": "users_select", "action_id": "rb.claim_other:qu-1", "selected_user": "U0LENA"}
    assert pressed(came) == Pressed(names.CLAIM_OTHER, "qu-1", user="U0LENA")


def test_a_cleared_choice_of_person_is_refused() -> None:
    came = {"type": "users_select", "action_id": "rb.claim_other:qu-1", "selected_user": None}
    with pytest.raises(Strange):
        pressed(came)


def test_a_choice_and_a_hop_have_a_number() -> None:
    assert Pressed(names.CHOOSE, "qu-1", "12").number == 12
    hop = Pressed(names.NEXT_HOP, "7F3K", "services#2")
    assert (hop.step, hop.number) == ("services", 2)


@pytest.mark.parametrize("key", ["", "x", "-1", "1e3", "9" * 30, "services#", "²"])
def test_a_choice_without_a_number_is_refused(key: str) -> None:
    with pytest.raises(Strange):
        _ = Pressed(names.CHOOSE, "qu-1", key).number


#: Looked up like any other id, and found nowhere.
HARMLESS = ("a device", "a device with an ending", "hidden", "only dots", "two endings", "empty")
ODD = {name: malice for name, malice in MALICE.items() if name not in HARMLESS}


@pytest.mark.parametrize("malice", ODD.values(), ids=ODD)
def test_nothing_odd_passes_for_an_id(malice: str) -> None:
    chosen = {"type": "users_select", "action_id": "rb.claim_other:qu-1", "selected_user": malice}
    for came in (A_BUTTON | {"value": malice}, A_BUTTON | {"value": f"7F3K {malice}"}, chosen):
        with pytest.raises(Strange):
            pressed(came)
    with pytest.raises(Strange):
        unpack(json.dumps({"about": malice}))


@pytest.mark.parametrize(
    "changed",
    [
        {"action_id": "other"},
        {"action_id": None},
        {"value": "7F3K roll back; drop table runs"},
        {"value": "7F3K <script>"},
        {"value": "x" * 500},
    ],
)
def test_what_is_not_ours_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Strange):
        pressed(A_BUTTON | changed)


@given(st.text(), st.integers(0, 99), st.booleans(), st.text())
def test_metadata_comes_back_as_it_was(search: str, page: int, dry: bool, channel: str) -> None:
    name, words = storable(channel[:80]), storable(search[:200])
    sent = Metadata("RB-INC-001", "qu-1", "C0", "1.2", name, words, page, dry)
    assert unpack(sent.pack()) == sent


@pytest.mark.parametrize(
    "stored",
    [
        *("[]", "nonsense", "3", '{"other": 1}', "[" * 3000, '{"book":' * 900),
        *(f'{{"page": {page}}}' for page in ('"x"', "-1", "true", "1e3", "NaN", "9" * 9, "null")),
        *(f'{{"{name}": "a b"}}' for name in ("book", "about", "channel", "message")),
        *(f'{{"{name}": "{"x" * 300}"}}' for name in ("search", "channel_name")),
    ],
)
def test_metadata_of_another_shape_is_refused(stored: str) -> None:
    with pytest.raises(Strange):
        unpack(stored)


def test_metadata_stays_below_its_limit() -> None:
    sent = Metadata("B" * 40, "q" * 40, "C" * 20, "1" * 40, "漢" * 500, "漢" * 5000, 7, True)
    assert len(sent.pack()) <= 3000
