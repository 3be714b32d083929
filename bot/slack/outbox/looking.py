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
    Arrived,
    NotArrived,
    NotYetKnown,
    Outcome,
)
from bot.store.delivering import Sent

#: How far Slack's clock and ours may be apart, in seconds: history is read from that much before.
CLOCKS_APART_S = 300.0
PAGE = 200
LOOK_AGAIN_S = 5.0


class Looker:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def look(self, route: Route, payload: Mapping[str, Any], now: float) -> Outcome:
        """Raises what Calls raises when Slack cannot be read."""
        kind = route.row.kind
        if kind == "ephemeral":
            return Arrived(note="its answer was lost, and nobody can look whether it was seen")
        if route.is_post and kind == "message":
            return await self._message(route, now)
        if kind == "file" and route.row.remote:
            return await self._file(route, route.row.remote, now)
        if kind == "bookmark":
            return await self._bookmark(route, payload, now)
        return _absent(route, now)

    async def _message(self, route: Route, now: float) -> Outcome:
        async for answer in self._pages(route, now):
            if not answer["ok"]:
                return _unreadable(answer)
            for message in answer["messages"]:
                if _op_of(message) == route.row.id:
                    return Arrived(Sent(route.channel, message["ts"], route.thread_ts, now))
        return _absent(route, now)

    async def _pages(self, route: Route, now: float) -> AsyncIterator[Answer]:
        oldest = (route.row.sending_at or now) - CLOCKS_APART_S
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

    async def _file(self, route: Route, file_id: str, now: float) -> Outcome:
        answer = await self._calls.call("files.info", file=file_id)
        if not answer["ok"]:
            return _unreadable(answer)
        file = answer["file"]
        shares = file.get("shares") or {}
        shared = {channel for kind in shares.values() for channel in kind}
        shared |= {*file.get("channels", ()), *file.get("groups", ())}
        return Arrived() if route.channel in shared else _absent(route, now)

    async def _bookmark(self, route: Route, payload: Mapping[str, Any], now: float) -> Outcome:
        answer = await self._calls.call("bookmarks.list", channel_id=route.channel)
        if not answer["ok"]:
            return _unreadable(answer)
        wanted = (payload["title"], payload["link"])
        there = [(mark.get("title"), mark.get("link")) for mark in answer["bookmarks"]]
        return Arrived() if wanted in there else _absent(route, now)


def _op_of(message: Mapping[str, Any]) -> object:
    return ((message.get("metadata") or {}).get("event_payload") or {}).get("op")


def _absent(route: Route, now: float) -> Outcome:
    """Not there counts only when nothing sent earlier can still arrive."""
    left = (route.row.sure_at or now) - now
    return NotYetKnown(left) if left > 0 else NotArrived()


def _unreadable(answer: Answer) -> Outcome:
    """
    Of a channel we may never read again nothing will be known. It is said again then: an approval
    that is seen twice is decided once, one that is lost is not decided at all.
    """
    error = str(answer.get("error", ""))
    if error in SHUT_OUT or error in HALF_DONE:
        return NotYetKnown(LOOK_AGAIN_S)
    return NotArrived(why=f"whether it arrived cannot be read ({error}), so it is sent again")
