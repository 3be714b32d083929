"""conversations.*: channels, who is in them, and what they are about."""

from sandbox.slack.api.call import ByKind, Call, Method
from sandbox.slack.channels import TOPIC_MAX, Channel, Kind, Note
from sandbox.slack.wire import Failure, Json

INVITED_MAX = 100

READ: ByKind = {"public": ("channels:read",), "private": ("groups:read",), "im": ("im:read",)}
MANAGE: ByKind = {
    "public": ("channels:manage",),
    "private": ("groups:write",),
}
OPEN: ByKind = {**MANAGE, "im": ("im:write",)}
INVITE: ByKind = {
    "public": ("channels:manage", "channels:write.invites"),
    "private": ("groups:write", "groups:write.invites"),
}
TOPIC: ByKind = {
    "public": ("channels:manage", "channels:write.topic"),
    "private": ("groups:write", "groups:write.topic"),
}


def _shape(call: Call, channel: Channel) -> Json:
    return channel.shape(call.bot, call.team.id)


async def create(call: Call) -> Json:
    private = call.flag("is_private")
    call.check_scope(MANAGE["private" if private else "public"])
    team = call.team
    channel = team.channels.create(call.text("name"), call.bot, team.now(), private=private)
    team.channels_changed()
    return {"channel": _shape(call, channel)}


async def info(call: Call) -> Json:
    channel = call.channel()
    shape = _shape(call, channel)
    if call.flag("include_num_members"):
        shape["num_members"] = len(channel.members)
    return {"channel": shape}


KINDS: dict[str, Kind | None] = {
    "public_channel": "public",
    "private_channel": "private",
    "im": "im",
    "mpim": None,
}


def _listed(call: Call) -> list[Channel]:
    types = call.names("types") or ["public_channel"]
    if not set(types) <= set(KINDS):
        raise Failure("invalid_types")
    kinds = {KINDS[name] for name in types} - {None}
    for kind in kinds:
        call.check_scope(READ[kind] if kind else ())
    found = [channel for channel in call.team.channels if channel.kind in kinds]
    if call.flag("exclude_archived"):
        found = [channel for channel in found if not channel.is_archived]
    return [channel for channel in found if channel.seen_by(call.bot)]


async def list_(call: Call) -> Json:
    page, cursor = call.page(_listed(call))
    shapes = [_shape(call, channel) | {"num_members": len(channel.members)} for channel in page]
    return {"channels": shapes, "response_metadata": {"next_cursor": cursor}}


async def of_user(call: Call) -> Json:
    user = call.text("user", call.bot)
    call.team.person(user)
    page, cursor = call.page([channel for channel in _listed(call) if user in channel.members])
    shapes = [_shape(call, channel) for channel in page]
    return {"channels": shapes, "response_metadata": {"next_cursor": cursor}}


async def members(call: Call) -> Json:
    page, cursor = call.page(call.channel().members)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


async def invite(call: Call) -> Json:
    channel = call.channel()
    if channel.is_archived:
        raise Failure("is_archived")
    if call.bot not in channel.members:
        raise Failure("not_in_channel")
    users = call.names("users")
    if not users:
        raise Failure("no_user")
    if len(users) > INVITED_MAX:
        raise Failure("too_many_users")
    wrong = {user: _not_invitable(call, channel, user) for user in users}
    refused = [
        {"user": user, "ok": False, "error": error} for user, error in wrong.items() if error
    ]
    if refused and not call.flag("force"):
        raise Failure(str(refused[0]["error"]), errors=refused)
    for user in users:
        if wrong[user] is None:
            call.team.join(channel, user)
    answer: Json = {"channel": _shape(call, channel)}
    return answer | ({"errors": refused} if refused else {})


def _not_invitable(call: Call, channel: Channel, user: str) -> str | None:
    person = call.team.people.by_id.get(user)
    if person is None:
        return "user_not_found"
    if user == call.bot:
        return "cant_invite_self"
    if person.deleted:
        return "cant_invite"
    return "already_in_channel" if user in channel.members else None


async def join(call: Call) -> Json:
    channel = call.channel()
    if channel.kind != "public":
        raise Failure("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Failure("is_archived")
    if call.bot in channel.members:
        answer: Json = {"channel": _shape(call, channel), "warning": "already_in_channel"}
        return answer | {"response_metadata": {"warnings": ["already_in_channel"]}}
    call.team.join(channel, call.bot)
    return {"channel": _shape(call, channel)}


async def kick(call: Call) -> Json:
    channel = call.channel(member=True)
    user = call.need("user")
    call.team.person(user)
    if user == call.bot:
        raise Failure("cant_kick_self")
    if channel.is_general:
        raise Failure("cant_kick_from_general")
    if user not in channel.members:
        raise Failure("not_in_channel")
    call.team.leave(channel, user)
    return {}


async def archive(call: Call) -> Json:
    channel = call.channel(member=True)
    if channel.is_archived:
        raise Failure("already_archived")
    if channel.is_general:
        raise Failure("cant_archive_general")
    call.team.note(channel, call.bot, "channel_archive", f"<@{call.bot}> archived the channel")
    channel.is_archived = True
    call.team.channels_changed()
    return {}


async def unarchive(call: Call) -> Json:
    channel = call.channel()
    if not channel.is_archived:
        raise Failure("not_archived")
    channel.is_archived = False
    call.team.channels_changed()
    return {}


async def rename(call: Call) -> Json:
    channel = call.channel(member=True)
    if channel.is_archived:
        raise Failure("is_archived")
    name = call.team.channels.free_name(call.text("name"))
    channel.previous_names.insert(0, channel.name)
    channel.name = name
    call.team.channels_changed()
    return {"channel": _shape(call, channel)}


async def set_topic(call: Call) -> Json:
    return await _set_note(call, "topic")


async def set_purpose(call: Call) -> Json:
    return await _set_note(call, "purpose")


async def _set_note(call: Call, what: str) -> Json:
    channel = call.channel(member=True)
    if channel.is_archived:
        raise Failure("is_archived")
    value = call.text(what)
    if len(value) > TOPIC_MAX:
        raise Failure("too_long")
    setattr(channel, what, Note(value, call.bot, call.team.now()))
    text = f"<@{call.bot}> set the channel {what}: {value}"
    call.team.note(channel, call.bot, f"channel_{what}", text)
    call.team.channels_changed()
    return {"channel": _shape(call, channel)}


async def open_(call: Call) -> Json:
    users = call.names("users")
    if call.text("channel"):
        return {"channel": {"id": call.channel().id}}
    if not users:
        raise Failure("users_list_not_supplied")
    if len(users) > 1:
        raise Failure("too_many_users")  # group messages are not part of the sandbox
    call.check_scope(OPEN["im"])
    if call.team.person(users[0]).deleted:
        raise Failure("user_disabled")
    channel, existed = call.team.channels.direct(call.bot, users[0], call.team.now())
    shape = _shape(call, channel) if call.flag("return_im") else {"id": channel.id}
    answer: Json = {"channel": shape}
    return answer | ({"no_op": True, "already_open": True} if existed else {})


METHODS = {
    "conversations.create": Method(create, by_kind=MANAGE),
    "conversations.info": Method(info, by_kind=READ, takes_json=False),
    "conversations.list": Method(list_, by_kind=READ, takes_json=False),
    "conversations.members": Method(members, by_kind=READ, takes_json=False),
    "users.conversations": Method(of_user, by_kind=READ, takes_json=False),
    "conversations.invite": Method(invite, by_kind=INVITE),
    "conversations.join": Method(join, ("channels:join",)),
    "conversations.kick": Method(kick, by_kind=MANAGE),
    "conversations.archive": Method(archive, by_kind=MANAGE),
    "conversations.unarchive": Method(unarchive, by_kind=MANAGE),
    "conversations.rename": Method(rename, by_kind=MANAGE),
    "conversations.setTopic": Method(set_topic, by_kind=TOPIC),
    "conversations.setPurpose": Method(set_purpose, by_kind=TOPIC),
    "conversations.open": Method(open_, by_kind=OPEN),
}
