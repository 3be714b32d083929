"""
Finds out whether something arrived whose answer was lost: by its op id in the channel's history,
by the file's shares, by the bookmarks. It only reads.

What may be done twice without a second thing to see (an edit, a topic, a pin, an invitation) is
not looked for, but done again.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot.slack.calls import Answer, Calls
from bot.slack.outbox.routing import Route
from bot.slack.outbox.verdicts import (
    HALF_DONE,
    SHUT_OUT,
    SHUT_OUT_AGAIN_S,
    Arrived,
    Failed,
    NotYetKnown,
    Outcome,
    Unreadable,
)
from bot.store.delivering import Sent

#: How far Slack's clock and ours may be apart, in seconds: history is read from that much before.
#: Wide enough for a machine that was set by the wrong time zone, or a day off.
CLOCKS_APART_S = 26 * 3600.0
PAGE = 200
#: Seconds after which what Slack does not show after a lost answer is not there.
SETTLED_S = 3.0
#: Slack shares a file after it has answered, when it has scanned it, and files.info shows where
#: only then (its developers: github.com/slackapi/bolt-js/issues/2115). It says nowhere how late.
SHARED_WITHIN_S, LOOK_FOR_SHARE_EVERY_S = 120.0, 5.0
NOT_SHARED = "Slack took the file and does not show it"


class Looker:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def look(
        self, route: Route, payload: Mapping[str, Any], by_wall: float, since_s: float
    ) -> Outcome:
        """
        `since_s`: seconds since nothing more of it can be on its way to Slack; negative: it may
        still be. Raises what Calls raises when Slack cannot be read.
        """
        kind = route.row.kind
        if kind == "ephemeral":
            return Arrived(note="its answer was lost, and nobody can look whether it was seen")
        if route.is_post and kind == "message":
            return await self._message(route, by_wall, since_s)
        if kind == "file" and route.row.remote:
            return await self._file(route, route.row.remote, since_s)
        if kind == "bookmark":
            return await self._bookmark(route, payload, since_s)
        return _absent(since_s)

    async def _message(self, route: Route, by_wall: float, since_s: float) -> Outcome:
        async for answer in self._pages(route, by_wall):
            if not answer["ok"]:
                return _unreadable(answer)
            for message in answer["messages"]:
                if _op_of(message) == route.row.id:
                    return Arrived(Sent(route.channel, message["ts"], route.thread_ts, by_wall))
        return _absent(since_s)

    async def _pages(self, route: Route, by_wall: float) -> AsyncIterator[Answer]:
        # Our clock may have been set back since: what it said then is no time to begin at.
        oldest = min(route.row.sending_at or by_wall, by_wall) - CLOCKS_APART_S
        where = {"channel": route.channel, "ts": route.thread_ts, "oldest": f"{oldest:.6f}"}
        cursor: str | None = None
        while True:
            answer = await self._calls.call(
                route.reads, **where, include_all_metadata=True, limit=PAGE, cursor=cursor
            )
            yield answer
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    async def _file(self, route: Route, file_id: str, since_s: float) -> Outcome:
        answer = await self._calls.call("files.info", file=file_id)
        if answer.get("error") == "file_not_found":  # What was not completed is no file yet.
            return _absent(since_s)
        if not answer["ok"]:
            return _unreadable(answer)
        file = answer["file"]
        shares = file.get("shares") or {}
        shared = {channel for kind in shares.values() for channel in kind}
        shared |= {*file.get("channels", ()), *file.get("groups", ())}
        if route.channel in shared:
            return Arrived()
        is_late = since_s >= SHARED_WITHIN_S
        return Failed(NOT_SHARED) if is_late else NotYetKnown(LOOK_FOR_SHARE_EVERY_S)

    async def _bookmark(self, route: Route, payload: Mapping[str, Any], since_s: float) -> Outcome:
        answer = await self._calls.call("bookmarks.list", channel_id=route.channel)
        if not answer["ok"]:
            return _unreadable(answer)
        wanted = (payload["title"], payload["link"])
        there = [(mark.get("title"), mark.get("link")) for mark in answer["bookmarks"]]
        return Arrived() if wanted in there else _absent(since_s)


def _op_of(message: Mapping[str, Any]) -> object:
    return ((message.get("metadata") or {}).get("event_payload") or {}).get("op")


def _absent(since_s: float) -> Outcome:
    """Not there counts only when nothing sent earlier can still arrive."""
    return NotYetKnown(SETTLED_S - since_s) if since_s < SETTLED_S else Failed()


def _unreadable(answer: Answer) -> Outcome:
    """
    Of a channel we may never read again nothing will be known. It is said again then: an approval
    that is seen twice is decided once, one that is lost is not decided at all.
    """
    error = str(answer.get("error", ""))
    if error in SHUT_OUT:
        return NotYetKnown(SHUT_OUT_AGAIN_S)
    if error in HALF_DONE:
        return Unreadable(f"Slack does not show whether it arrived ({error})")
    return Failed(f"whether it arrived cannot be read ({error})")
