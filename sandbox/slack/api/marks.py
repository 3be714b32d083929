"""pins.*, bookmarks.* and reactions.*: what is attached to channels and messages."""

import re

from sandbox.slack import messages
from sandbox.slack.api.call import Call, Method, invalid
from sandbox.slack.channels import Channel
from sandbox.slack.wire import Failure, Json, new_id

PINS_MAX = 100
BOOKMARKS_MAX = 100


def _marked(call: Call, channel: Channel) -> Json:
    ts = call.text("timestamp")
    if not ts:
        raise Failure("no_item_specified")
    if not re.fullmatch(r"\d+\.\d{6}", ts):
        raise Failure("bad_timestamp")
    return call.message(channel, ts)


async def add_pin(call: Call) -> Json:
    channel = call.channel(member=True)
    message = _marked(call, channel)
    if any(pin["ts"] == message["ts"] for pin in channel.pins):
        raise Failure("already_pinned")
    if len(channel.pins) >= PINS_MAX:
        raise Failure("too_many_pins")
    channel.pins.append({"ts": message["ts"], "created": call.team.now(), "by": call.bot})
    message["pinned_to"] = [channel.id]
    item = {"type": "message", "channel": channel.id, "message": messages.shown(message)}
    event = {"type": "pin_added", "user": call.bot, "channel_id": channel.id, "item": item}
    call.team.emit(event | {"event_ts": call.team.stamps.next()})
    call.team.message_changed(channel, message)
    call.team.channels_changed()
    return {}


async def remove_pin(call: Call) -> Json:
    channel = call.channel(member=True)
    message = _marked(call, channel)
    if message.pop("pinned_to", None) is None:
        raise Failure("no_pin")
    channel.pins = [pin for pin in channel.pins if pin["ts"] != message["ts"]]
    call.team.message_changed(channel, message)
    call.team.channels_changed()
    return {}


async def list_pins(call: Call) -> Json:
    channel = call.channel()
    items = [
        {
            "type": "message",
            "channel": channel.id,
            "created": pin["created"],
            "created_by": pin["by"],
            "message": messages.shown(channel.messages[pin["ts"]])
            | {"permalink": call.team.permalink(channel, channel.messages[pin["ts"]])},
        }
        for pin in reversed(channel.pins)
    ]
    return {"items": items}


def _bookmark(call: Call, channel: Channel) -> Json:
    wanted = call.need("bookmark_id")
    found = next((mark for mark in channel.bookmarks if mark["id"] == wanted), None)
    if found is None:
        raise Failure("not_found")
    return found


def _link(call: Call) -> str:
    link = call.text("link")
    if not re.match(r"https?://", link):
        raise Failure("invalid_link")
    return link


async def add_bookmark(call: Call) -> Json:
    channel = call.channel("channel_id", member=True)
    if call.need("type") != "link":
        raise Failure("invalid_bookmark_type")
    if len(channel.bookmarks) >= BOOKMARKS_MAX:
        raise Failure("too_many_bookmarks")
    now = call.team.now()
    mark: Json = {
        "id": new_id("Bk"),
        "channel_id": channel.id,
        "title": call.need("title"),
        "link": _link(call),
        "emoji": call.text("emoji"),
        "icon_url": None,
        "entity_id": None,
        "type": "link",
        "date_created": now,
        "date_updated": now,
        "rank": "U",
        "last_updated_by_user_id": call.bot,
        "last_updated_by_team_id": call.team.id,
        "shortcut_id": None,
        "app_id": None,
    }
    channel.bookmarks.append(mark)
    call.team.channels_changed()
    return {"bookmark": dict(mark)}


async def edit_bookmark(call: Call) -> Json:
    mark = _bookmark(call, call.channel("channel_id", member=True))
    if not call.text("title") and not call.text("link"):
        raise invalid("missing required field: title or link")
    if call.text("title"):
        mark["title"] = call.text("title")
    if call.text("link"):
        mark["link"] = _link(call)
    mark["date_updated"] = call.team.now()
    call.team.channels_changed()
    return {"bookmark": dict(mark)}


async def list_bookmarks(call: Call) -> Json:
    return {"bookmarks": [dict(mark) for mark in call.channel("channel_id").bookmarks]}


async def remove_bookmark(call: Call) -> Json:
    channel = call.channel("channel_id", member=True)
    channel.bookmarks.remove(_bookmark(call, channel))
    call.team.channels_changed()
    return {}


async def add_reaction(call: Call) -> Json:
    channel = call.channel()
    if channel.is_archived:
        raise Failure("is_archived")
    message, name = _marked(call, channel), call.need("name")
    if not re.fullmatch(r"[a-z0-9_'+-]+(::skin-tone-[2-6])?", name):
        raise Failure("invalid_name")
    call.team.react(channel, message, name, call.bot)
    return {}


async def remove_reaction(call: Call) -> Json:
    channel = call.channel()
    message, name = _marked(call, channel), call.need("name")
    for reaction in message.get("reactions", []):
        if reaction["name"] == name and call.bot in reaction["users"]:
            reaction["users"].remove(call.bot)
            reaction["count"] -= 1
            message["reactions"] = [each for each in message["reactions"] if each["users"]]
            call.team.message_changed(channel, message)
            return {}
    raise Failure("no_reaction")


async def get_reactions(call: Call) -> Json:
    channel = call.channel()
    message = _marked(call, channel)
    return {"type": "message", "channel": channel.id, "message": messages.shown(message)}


METHODS = {
    "pins.add": Method(add_pin, ("pins:write",)),
    "pins.remove": Method(remove_pin, ("pins:write",)),
    "pins.list": Method(list_pins, ("pins:read",), takes_json=False),
    "bookmarks.add": Method(add_bookmark, ("bookmarks:write",)),
    "bookmarks.edit": Method(edit_bookmark, ("bookmarks:write",)),
    "bookmarks.list": Method(list_bookmarks, ("bookmarks:read",)),
    "bookmarks.remove": Method(remove_bookmark, ("bookmarks:write",)),
    "reactions.add": Method(add_reaction, ("reactions:write",)),
    "reactions.remove": Method(remove_reaction, ("reactions:write",)),
    "reactions.get": Method(get_reactions, ("reactions:read",), takes_json=False),
}
