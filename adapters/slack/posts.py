"""
What others have posted in a channel, such as the alerts of a night: by whom, and what of it still
stands.

Of what an alert is about only its newest message counts. It is settled when that says so in its
first words, or when somebody has ticked it off with a check mark.
"""

import html
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.plain import plain
from adapters.slack.channels import PAGE, PatientCalls
from bot.runbook import Facts, Table
from bot.runbook.errors import Refused, Unreachable

MOST_POSTS, PAGE_OF_POSTS = 1000, 200
TICKS = frozenset({"white_check_mark", "heavy_check_mark", "ballot_box_with_check"})
SETTLED = re.compile(
    r"^(?:\W*\w+){0,2}?\W*(?<!not )\b(?:resolved|recovered|cleared|closed|ok)\b", re.IGNORECASE
)
#: Words that say how it is, and not what it is about.
STATES = frozenset(
    [
        "alarm",
        "alert",
        "cleared",
        "closed",
        "critical",
        "error",
        "firing",
        "ok",
        "open",
        "opened",
        "recovered",
        "resolved",
        "triggered",
        "warning",
    ]
)
LINK = re.compile(r"<[^<>|]*\|([^<>]*)>")


class Alert(Facts):
    """What one source has said about one thing, as its newest message has it."""

    source: str
    says: str
    at: datetime
    messages: int
    is_settled: bool


class Posts(Facts):
    """Of apps but ours: those that still stand first, then by source, the newest first."""

    channel: str
    alerts: tuple[Alert, ...]
    by_people: int  #: Messages that no app has posted.
    is_complete: bool  #: False: there are more than are read.
    since: datetime

    @property
    def standing(self) -> tuple[Alert, ...]:
        return tuple(one for one in self.alerts if not one.is_settled)

    def table(self) -> Table:
        rows = (
            (one.source, "settled" if one.is_settled else "STANDS", one.at, one.messages, one.says)
            for one in self.alerts
        )
        return Table(("Source", "State", "Last", "Messages", "Says"), tuple(rows))


async def read_posts(calls: PatientCalls, us: str, channel: str, since: datetime) -> Posts:
    """`us`: our own id. Raises Refused when we are in no channel of that name, Unreachable."""
    place, found = await _id_of(calls, channel), list[Mapping[str, Any]]()
    cursor: str | None = None
    while True:
        answer = await calls.do(
            "conversations.history",
            "messages",
            channel=place,
            oldest=f"{since.timestamp():.6f}",
            limit=PAGE_OF_POSTS,
            cursor=cursor,
        )
        found += answer["messages"]
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor or len(found) >= MOST_POSTS:
            break
    try:
        return _posts(channel, found, us, since, is_complete=not cursor)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise Unreachable(f"Slack gave messages of #{channel} that cannot be read") from None


async def _id_of(calls: PatientCalls, name: str) -> str:
    cursor = None
    while True:
        answer = await calls.do(
            "users.conversations",
            "channels",
            types="public_channel,private_channel",
            exclude_archived=True,
            limit=PAGE,
            cursor=cursor,
        )
        for one in answer["channels"]:
            if one.get("name") == name:
                return str(one["id"])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            raise Refused(f"The bot is in no channel #{plain(name, 80)}: invite it there.")


def _posts(
    channel: str, found: list[Mapping[str, Any]], us: str, since: datetime, is_complete: bool
) -> Posts:
    theirs = [one for one in found if one.get("user") != us]
    by_apps = [one for one in theirs if one.get("bot_id")]
    alerts = sorted(_alerts(by_apps), key=lambda one: one.at, reverse=True)
    return Posts(
        channel=channel,
        alerts=tuple(sorted(alerts, key=lambda one: (one.is_settled, one.source))),
        by_people=sum(not one.get("bot_id") and not one.get("subtype") for one in theirs),
        is_complete=is_complete,
        since=since,
    )


def _alerts(by_apps: list[Mapping[str, Any]]) -> Iterator[Alert]:
    about: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in sorted(by_apps, key=lambda one: float(one["ts"])):
        about.setdefault((_source(one), _subject(_text(one))), []).append(one)
    for (source, _), messages in about.items():
        newest = messages[-1]
        yield Alert(
            source=source,
            says=_text(newest),
            at=datetime.fromtimestamp(float(newest["ts"]), UTC),
            messages=len(messages),
            is_settled=bool(SETTLED.match(_text(newest))) or _is_ticked(newest),
        )


def _source(message: Mapping[str, Any]) -> str:
    profile = message.get("bot_profile") or {}
    return plain(message.get("username") or profile.get("name") or message["bot_id"], 60)


def _text(message: Mapping[str, Any]) -> str:
    """Its own, else that of what is attached."""
    attached: Mapping[str, Any] = next(iter(message.get("attachments") or ()), {})
    words = [message.get("text"), *(attached.get(name) for name in ("title", "fallback", "text"))]
    text = next((one for one in words if one), "(no text)")
    return plain(html.unescape(LINK.sub(r"\1", str(text))), 160)


def _subject(text: str) -> str:
    """What it is about, whatever its state and its figures are."""
    words = re.findall(r"[a-z][a-z_-]*", text.lower())
    return " ".join(word for word in words if word not in STATES)


def _is_ticked(message: Mapping[str, Any]) -> bool:
    return any(one["name"] in TICKS for one in message.get("reactions") or ())
