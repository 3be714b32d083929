"""What could not be shown, as people read it."""

from bot.slack.views.undelivered import all_there, missing
from tests.slack.views.checking import assert_message, words
from tests.slack.views.sample import HOSTILE

WHY = "Slack refused the upload of a file (HTTP 413)."


def test_it_says_what_is_missing_and_why_and_where_to_look() -> None:
    shown = missing("7F3K", [("7F3K/step/services#1/table", WHY)], [("7F3K/card", 7)], is_run=True)
    assert_message(shown)
    for said in (shown.text, words(shown)):
        assert "Run 7F3K: 2 messages could not be shown in Slack." in said
        assert f"step/services#1/table: given up. {WHY}" in said
        assert "card: Slack fails on it, after 7 tries. It is tried on." in said
        assert "/runbook status 7F3K" in said


def test_what_is_more_than_can_be_read_is_counted() -> None:
    lost = [(f"7F3K/step/{n}", hostile) for n, hostile in enumerate(HOSTILE)]
    shown = missing("7F3K", lost, [], is_run=True)
    assert_message(shown)
    assert f"And {len(HOSTILE) - 5} more" in words(shown)


def test_no_reason_pings_anybody() -> None:
    shown = missing("7F3K", [("7F3K/card", "<!channel> <@U0DANA0000>")], [], is_run=True)
    assert "<!channel>" not in shown.text
    assert "<@" not in shown.text


def test_what_arrived_after_all_is_said_to_be_there() -> None:
    shown = all_there("audit", is_run=False)
    assert_message(shown)
    assert words(shown) == shown.text == (
        "Audit: what could not be shown in Slack for a while is there now."
    )  # fmt: skip
