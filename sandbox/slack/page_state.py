"""What the browser page shows one person: who they are, their channels, and what is said there."""

from sandbox.slack import messages
from sandbox.slack.channels import Channel
from sandbox.slack.people import Person
from sandbox.slack.pressing import visible_channel
from sandbox.slack.team import Team
from sandbox.slack.wire import Json


def workspace_state(team: Team, user_id: str, notices: list[str]) -> Json:
    me = team.person(user_id)
    handles = [g.handle for g in team.people.groups.values() if user_id in g.members]
    shown = [channel for channel in team.channels if channel.seen_by(user_id)]
    return {
        "team": {"id": team.id, "name": team.name, "domain": team.domain},
        "app": {"name": team.app.name, "user_id": team.app.user_id},
        "me": _person(me) | {"roles": [*([me.title] if me.title else []), *handles]},
        "users": [_person(person) for person in team.people.by_id.values()],
        "groups": [
            {"id": group.id, "handle": group.handle, "members": group.members}
            for group in team.people.groups.values()
        ],
        "channels": [_channel(team, channel, user_id) for channel in shown],
        "commands": [
            {
                "command": command["command"],
                "description": command.get("description", ""),
                "usage_hint": command.get("usage_hint", ""),
            }
            for command in team.app.commands
        ],
        "faults": sorted({fault.name for fault in team.faults.active}),
        "notices": notices,
    }


def _person(person: Person) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "title": person.title,
        "is_bot": person.is_bot,
        "is_guest": person.is_guest,
        "deleted": person.deleted,
    }


def _channel(team: Team, channel: Channel, user_id: str) -> Json:
    other = next((who for who in channel.members if who != user_id), user_id)
    name = team.person(other).name if channel.kind == "im" else channel.name
    read = channel.last_read.get(user_id, "")
    unread = [m for m in messages.in_channel(channel) if m["ts"] > read and not m.get("subtype")]
    return {
        "id": channel.id,
        "name": name,
        "is_im": channel.kind == "im",
        "user": other if channel.kind == "im" else None,
        "is_private": channel.kind != "public",
        "is_member": user_id in channel.members,
        "is_archived": channel.is_archived,
        "topic": channel.topic.value,
        "purpose": channel.purpose.value,
        "bookmarks": [
            {"id": mark["id"], "title": mark["title"], "link": mark["link"]}
            for mark in channel.bookmarks
        ],
        "pins": [messages.shown(channel.messages[pin["ts"]]) for pin in channel.pins],
        "unread": len(unread),
    }


def seen_messages(team: Team, user_id: str, channel_id: str, thread_ts: str | None) -> list[Json]:
    """Oldest first, what only this person sees among them; the channel counts as read."""
    channel = visible_channel(team, user_id, channel_id)
    own = [m | {"ephemeral": True} for who, m in channel.ephemerals if who == user_id]
    if thread_ts is None:
        found = [*messages.in_channel(channel), *(m for m in own if not m.get("thread_ts"))]
        channel.last_read[user_id] = max((m["ts"] for m in found), default="")
    else:
        parent = [channel.messages[thread_ts]] if thread_ts in channel.messages else []
        replies = messages.replies(channel, thread_ts)
        found = [*parent, *replies, *(m for m in own if m.get("thread_ts") == thread_ts)]
    shown = [messages.shown(message, with_metadata=False) for message in found]
    for message in shown:
        message["pinned"] = bool(message.get("pinned_to"))
    return sorted(shown, key=lambda message: str(message["ts"]))
