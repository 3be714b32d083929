"""conversations.history and conversations.replies: what was said, page by page."""

from sandbox.slack import messages
from sandbox.slack.api.call import ByKind, Call, Method
from sandbox.slack.wire import Failure, Json

READ: ByKind = {
    "public": ("channels:history",),
    "private": ("groups:history",),
    "im": ("im:history",),
}
PAGE_MAX = 999


def _moment(call: Call, name: str, default: float) -> float:
    try:
        return float(call.text(name) or default)
    except ValueError:
        raise Failure(f"invalid_ts_{name}") from None


def _between(call: Call, found: list[Json]) -> list[Json]:
    oldest, latest = _moment(call, "oldest", 0.0), _moment(call, "latest", float("inf"))
    inclusive = call.flag("inclusive")
    return [
        message
        for message in found
        if oldest < float(message["ts"]) < latest
        or (inclusive and float(message["ts"]) in (oldest, latest))
    ]


def _shown(call: Call, found: list[Json]) -> list[Json]:
    with_metadata = call.flag("include_all_metadata")
    return [messages.shown(message, with_metadata=with_metadata) for message in found]


async def history(call: Call) -> Json:
    channel = call.channel(member=True)
    found = _between(call, messages.in_channel(channel))[::-1]
    page, cursor = call.page(found, most=PAGE_MAX)
    answer: Json = {
        "messages": _shown(call, page),
        "has_more": bool(cursor),
        "pin_count": len(channel.pins),
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


async def replies(call: Call) -> Json:
    channel = call.channel(member=True)
    asked = channel.messages.get(call.need("ts"))
    if asked is None:
        raise Failure("thread_not_found")
    thread_ts = str(asked.get("thread_ts", asked["ts"]))
    parent = channel.messages[thread_ts]
    found = _between(call, messages.replies(channel, thread_ts))
    page, cursor = call.page(found, default=1000)
    shown = _shown(call, [parent, *page])
    answer: Json = {"messages": shown, "has_more": bool(cursor)}
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


METHODS = {
    "conversations.history": Method(history, by_kind=READ),
    "conversations.replies": Method(replies, by_kind=READ, takes_json=False),
}
