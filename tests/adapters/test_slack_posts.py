"""What apps have posted in #alerts: by source, and what of it still stands."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.slack import Posts
from adapters.slack.channels import PatientCalls
from adapters.slack.posts import MOST_POSTS, read_posts
from bot.runbook.errors import Refused, Unreachable

SINCE = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
US = "U0BOT"


class Channel:
    """#alerts, two messages a page, the newest first."""

    def __init__(self, *messages: Any, error: str = "") -> None:
        self.messages, self.error = list(messages), error
        self.oldest = ""

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        if method == "users.conversations":
            more = "" if arguments["cursor"] else "next"
            name = "alerts" if arguments["cursor"] else "alerts-old"
            page = {"channels": [{"id": f"C-{name}", "name": name}]}
            return {"ok": True, **page, "response_metadata": {"next_cursor": more}}
        assert (method, arguments["channel"]) == ("conversations.history", "C-alerts")
        if self.error:
            return {"ok": False, "error": self.error}
        self.oldest, at = arguments["oldest"], int(arguments["cursor"] or 0)
        more = str(at + 2) if at + 2 < len(self.messages) else ""
        newest = self.messages[::-1]
        return {
            "ok": True, "messages": newest[at : at + 2],
            "response_metadata": {"next_cursor": more},
        }  # fmt: skip


def said(text: str, app: str = "Grafana", minute: int = 0, **more: Any) -> dict[str, Any]:
    at = (SINCE + timedelta(minutes=minute)).timestamp()
    return {
        "ts": f"{at:.6f}", "user": f"U0{app}", "bot_id": f"B0{app}", "text": text,
        "bot_profile": {"name": app}, **more,
    }  # fmt: skip


async def posts(*messages: Any) -> Posts:
    return await read_posts(PatientCalls(Channel(*messages)), US, "alerts", SINCE)


async def test_what_stands_stands_first_and_of_each_thing_the_newest_counts() -> None:
    found = await posts(
        said("[FIRING:1] HighLatency core", minute=1),
        said("[RESOLVED] HighLatency core", minute=5),
        said("Triggered #12: core is down", "PagerDuty", 2),
        said("[FIRING:2] HighLatency api", minute=3),
        said("[FIRING:3] HighLatency api", minute=4),
    )
    told = [(one.source, one.says, one.messages, one.is_settled) for one in found.alerts]
    assert told == [
        ("Grafana", "[FIRING:3] HighLatency api", 2, False),
        ("PagerDuty", "Triggered #12: core is down", 1, False),
        ("Grafana", "[RESOLVED] HighLatency core", 2, True),
    ]
    assert found.standing == found.alerts[:2] and found.is_complete
    assert found.alerts[0].at == SINCE + timedelta(minutes=4)


async def test_what_fires_again_after_it_was_resolved_stands() -> None:
    found = await posts(said("[RESOLVED] x"), said("[FIRING:1] x", minute=1))
    assert [one.says for one in found.standing] == ["[FIRING:1] x"]


@pytest.mark.parametrize(
    ("text", "is_settled"),
    [
        ("Resolved #12: core", True),
        ("OK: core-5xx", True),
        ("[Recovered on core] errors", True),
        ("Incident 4 closed", True),
        ("Unresolved issue in core", False),
        ("core is not ok", False),
        ("core is down; last time it was resolved by a restart", False),
    ],
)
async def test_it_is_settled_when_its_first_words_say_so(text: str, is_settled: bool) -> None:
    assert (await posts(said(text))).alerts[0].is_settled == is_settled


async def test_a_check_mark_settles_and_other_reactions_do_not() -> None:
    def ticked(name: str) -> dict[str, Any]:
        return said("core is down", reactions=[{"name": name, "count": 1}])

    assert not (await posts(ticked("white_check_mark"))).standing
    assert (await posts(ticked("eyes"))).standing


async def test_people_are_counted_and_we_ourselves_are_not() -> None:
    found = await posts(
        {"ts": "1.0", "user": "U0DANA", "text": "prod is down?"},
        {"ts": "2.0", "user": "U0DANA", "subtype": "channel_join", "text": "joined"},
        said("DAILY-001", user=US),
    )
    assert (found.by_people, found.alerts) == (1, ())


async def test_texts_are_cleaned_and_taken_from_what_is_attached() -> None:
    link = "&lt;b&gt; <https://grafana.example/x|panel>\nnext line"
    (one,) = (await posts(said("", attachments=[{"title": link}]))).alerts
    assert one.says == "<b> panel next line"


async def test_a_night_that_is_too_long_is_said_to_be() -> None:
    found = await posts(*(said(f"fire {chr(97 + n % 26)}") for n in range(MOST_POSTS + 3)))
    assert not found.is_complete


async def test_where_the_bot_is_not_it_says_so() -> None:
    calls = PatientCalls(Channel())
    with pytest.raises(Refused, match="in no channel #ops: invite it"):
        await read_posts(calls, US, "ops", SINCE)
    away = PatientCalls(Channel(error="not_in_channel"))
    with pytest.raises(Refused, match="not_in_channel"):
        await read_posts(away, US, "alerts", SINCE)


@pytest.mark.parametrize(
    "strange", [{"bot_id": "B1"}, {"bot_id": "B1", "ts": "soon"}, "text", None,
                {"bot_id": "B1", "ts": "1", "attachments": ["x"]}],
)  # fmt: skip
async def test_a_message_of_another_shape_is_no_quiet_night(strange: Any) -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        await posts(strange)
