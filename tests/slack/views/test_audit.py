"""A run's audit log as people read it."""

import json
from collections.abc import Mapping

import pytest

from bot.slack.views.audit import anchor, trail, trail_text
from bot.store.chain import Entry, canonical, follow
from bot.store.verifying import verify
from tests.slack.views.checking import assert_message, elements, words
from tests.slack.views.sample import HOSTILE
from tests.store.chains import chain, head_of


def entries(*noted: tuple[str, str, str, Mapping[str, object]]) -> list[Entry]:
    made: list[Entry] = []
    for what, about, by, body in noted:
        at = 1_769_868_000.0 + len(made)
        made.append(follow(head_of(made), at, "7F3K", what, about, by, canonical(body)))
    return made


APPROVED = entries(
    ("started", "", "U0DANA0000", {"book": "RB-INC-001", "team": "T0TEAM"}),
    ("refused decide", "roll_back", "U0DANA0000", {"why": "You asked for this change."}),
    ("approval asked", "roll_back", "U0DANA0000", {"shown": [{"command": "aws ecs go-back"}]}),
    ("approved", "roll_back", "U0RAVI0000", {"digest": "ab" * 32, "reason": "it is down"}),
    ("change intended", "roll_back", "", {"command": "aws ecs update-service", "number": 1}),
)


def test_it_says_when_who_did_what_and_why_and_that_the_log_is_whole() -> None:
    shown = trail("7F3K", APPROVED, verify(APPROVED))
    assert_message(shown.says)
    assert shown.left == 0
    said = words(shown.says)
    for part in (
        f"The log is whole up to entry 5: {APPROVED[-1].hash}",
        "2026-01-31 14:00:03",
        "aws ecs go-back",
        "You asked for this change.",
        "roll_back · it is down · plan abababababab",
        "aws ecs update-service",
        "the bot",
    ):
        assert part in said
    people = [one["user_id"] for one in elements(shown.says, type="user")]
    assert people == ["U0DANA0000"] * 3 + ["U0RAVI0000"]
    assert "whole up to entry 5" in shown.says.text and "approved" in shown.says.text


def test_a_log_that_is_not_whole_says_so_first_and_names_what_was_done() -> None:
    forged = [*APPROVED[:2], APPROVED[2]._replace(by="U0VERA0000"), *APPROVED[3:]]
    shown = trail("7F3K", forged, verify(forged))
    assert_message(shown.says)
    assert "THE LOG IS NOT WHOLE" in words(shown.says)
    assert "Entry 3 (2026-01-31 14:00:02" in words(shown.says)
    assert "THE LOG IS NOT WHOLE" in shown.says.text
    assert "was changed" in trail_text("7F3K", forged, verify(forged))


def test_what_does_not_fit_is_counted_and_the_file_has_all_of_it() -> None:
    long = chain(400)
    shown = trail("7F3K", long, verify(long))
    assert_message(shown.says)
    assert 0 < shown.left < 400
    assert f"{shown.left} earlier entries: see the file" in words(shown.says)
    assert "s400" in words(shown.says)
    text = trail_text("7F3K", long, verify(long))
    assert all(f"{one.seq}  2023-11-14" in text and one.hash in text for one in long)


@pytest.mark.parametrize("malice", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_an_entry_says_slack_takes_it_and_nobody_is_mentioned(malice: str) -> None:
    hostile = entries(*[(malice, malice, malice, {"why": malice, malice: malice})] * 30)
    shown = trail("7F3K", hostile, verify(hostile))
    assert_message(shown.says)
    assert "<!" not in shown.says.text and "<@" not in shown.says.text
    assert not elements(shown.says, type="mrkdwn")


def test_an_entry_whose_body_somebody_spoilt_is_shown_all_the_same() -> None:
    bodies = ("{no json", '["a list"]', '{"shown": 7}', '{"shown": [7]}', '{"why": {}}')
    spoilt = [one._replace(body=body) for one, body in zip(APPROVED, bodies, strict=True)]
    odd = Entry(**{**spoilt[1]._asdict(), "by": b"U1", "what": None, "about": 7, "body": b"\xff"})
    assert_message(trail("7F3K", [*spoilt, odd], verify(spoilt)).says)
    assert "{no json" in trail_text("7F3K", spoilt, verify(spoilt))


def test_an_anchor_can_be_given_to_the_command_as_it_stands_there() -> None:
    shown = anchor("2026-01-31", 5231, "ab" * 32)
    assert_message(shown)
    assert f"audit verify --anchor 5231:{'ab' * 32}" in shown.text
    assert f"audit verify --anchor 5231:{'ab' * 32}" in words(shown)


def test_a_file_of_a_log_holds_what_its_entries_hold() -> None:
    text = trail_text("7F3K", APPROVED, verify(APPROVED))
    for one in APPROVED:
        for name, value in json.loads(one.body).items():
            shown = value if isinstance(value, str) else json.dumps(value)
            assert f"{name}: {shown}" in text
