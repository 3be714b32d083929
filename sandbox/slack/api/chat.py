"""chat.*: posting, changing, deleting, scheduling, and what only one person sees."""

import re

from sandbox.slack import messages
from sandbox.slack.api.call import Call, Method
from sandbox.slack.api.metadata import read_metadata
from sandbox.slack.blocks import MARKDOWN_MAX, problems_in_blocks
from sandbox.slack.channels import Channel
from sandbox.slack.filling import filled
from sandbox.slack.messages import Draft
from sandbox.slack.team import Scheduled
from sandbox.slack.wire import Failure, Json, new_id

UPDATE_TEXT_MAX = 4000
SCHEDULE_DAYS_MAX = 120


def _blocks(call: Call) -> list[Json]:
    blocks = call.tree("blocks", "invalid_blocks_format")
    if blocks is None:
        return []
    if not isinstance(blocks, list):
        raise Failure("invalid_blocks_format")
    if problems := problems_in_blocks(blocks, "/blocks"):
        lines = [problem.line() for problem in problems]
        raise Failure("invalid_blocks", *[f"[ERROR] {line}" for line in lines], errors=lines)
    return filled(blocks)


def draft(call: Call) -> Draft:
    """What the call wants said. Raises Failure: nothing to say, or in a form Slack refuses."""
    text, blocks = call.text("text"), _blocks(call)
    markdown = call.text("markdown_text")
    attachments = call.tree("attachments", "invalid_attachments") or []
    if not isinstance(attachments, list):
        raise Failure("invalid_attachments")
    if markdown and (text or blocks):
        raise Failure("markdown_text_conflict")
    if len(markdown) > MARKDOWN_MAX:
        raise Failure("msg_too_long")
    if not (text or markdown or blocks or attachments):
        raise Failure("no_text")
    return Draft(
        call.team.bot_author,
        text or markdown,
        blocks,
        list(attachments),
        read_metadata(call),
        call.text("thread_ts") or None,
        broadcast=call.flag("reply_broadcast"),
    )


def destination(call: Call) -> Channel:
    """Where the app may post: its channels, public ones with a scope for it, a person's DM."""
    team, wanted = call.team, call.need("channel")
    if wanted in team.people.by_id:
        return team.channels.direct(call.bot, wanted, team.now())[0]
    channel = team.channels.find(wanted)
    if channel is None or not channel.seen_by(call.bot):
        raise Failure("channel_not_found")
    if channel.is_archived:
        raise Failure("is_archived")
    if call.bot not in channel.members and "chat:write.public" not in team.app.scopes:
        raise Failure("not_in_channel")
    return channel


async def post_message(call: Call) -> Json:
    channel, wanted = destination(call), draft(call)
    message = call.team.post(channel, wanted)
    return {"channel": channel.id, "ts": message["ts"], "message": messages.shown(message)}


async def update(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, call.need("ts"))
    if message.get("bot_id") != call.team.app.bot_id or message.get("subtype"):
        raise Failure("cant_update_message")
    if len(call.text("text")) > UPDATE_TEXT_MAX:
        raise Failure("msg_too_long")
    if channel.is_archived:
        raise Failure("is_inactive")
    before = messages.shown(message)
    messages.edit(message, _changes(call), call.bot, call.team.stamps)
    call.team.message_changed(channel, message)
    shown = messages.shown(message)
    call.team.emit_edit(channel, before, shown)
    return {"channel": channel.id, "ts": message["ts"], "text": shown["text"], "message": shown}


def _changes(call: Call) -> Json:
    """
    Fields that are given replace, an empty list takes away, what is left out stays: text alone
    changes nothing of a message with blocks (slack-go/slack issue 1214).
    """
    named = ("text", "blocks", "attachments", "metadata")
    given = {name for name in named if call.args.get(name) is not None}
    if not given and not call.text("markdown_text"):
        raise Failure("no_text")
    if given == {"metadata"}:
        return {"metadata": read_metadata(call)}
    wanted = draft(call)
    changes: Json = {
        "text": wanted.text,
        "blocks": wanted.blocks,
        "attachments": wanted.attachments,
        "metadata": wanted.metadata,
    }
    kept = {name for name in named if name not in given}
    if call.text("markdown_text"):
        kept = kept - {"text", "blocks"}
    return {name: value for name, value in changes.items() if name not in kept}


async def delete(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, call.need("ts"))
    if message.get("bot_id") != call.team.app.bot_id:
        raise Failure("cant_delete_message")
    messages.delete(channel, message["ts"])
    call.team.message_changed(channel, message)
    call.team.emit_edit(channel, message, None)
    return {"channel": channel.id, "ts": message["ts"]}


async def post_ephemeral(call: Call) -> Json:
    channel = destination(call)
    user = call.need("user")
    if call.bot not in channel.members:
        raise Failure("not_in_channel")
    if user not in channel.members:
        raise Failure("user_not_in_channel")
    message = call.team.whisper(channel, user, draft(call))
    return {"message_ts": message["ts"]}


async def get_permalink(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, call.need("message_ts"))
    return {"channel": channel.id, "permalink": call.team.permalink(channel, message)}


async def schedule_message(call: Call) -> Json:
    team, channel, wanted = call.team, destination(call), draft(call)
    if not re.fullmatch(r"\d{1,12}", call.need("post_at")):
        raise Failure("invalid_time")
    post_at = int(call.need("post_at"))
    if post_at <= team.now():
        raise Failure("time_in_past")
    if post_at > team.now() + SCHEDULE_DAYS_MAX * 86400:
        raise Failure("time_too_far")
    scheduled = Scheduled(new_id("Q"), channel.id, post_at, wanted)
    team.schedule(scheduled)
    return {
        "channel": channel.id,
        "scheduled_message_id": scheduled.id,
        "post_at": post_at,
        "message": {**team.bot_author, "type": "delayed_message", "text": wanted.text},
    }


async def delete_scheduled_message(call: Call) -> Json:
    channel = call.channel()
    scheduled = call.team.scheduled.get(call.need("scheduled_message_id"))
    if scheduled is None or scheduled.channel_id != channel.id:
        raise Failure("invalid_scheduled_message_id")
    del call.team.scheduled[scheduled.id]
    return {}


async def list_scheduled_messages(call: Call) -> Json:
    wanted = call.text("channel")
    scheduled = [
        {
            "id": each.id,
            "channel_id": each.channel_id,
            "post_at": each.post_at,
            "date_created": 0,
            "text": each.draft.text,
        }
        for each in call.team.scheduled.values()
        if wanted in ("", each.channel_id)
    ]
    page, cursor = call.page(scheduled)
    return {"scheduled_messages": page, "response_metadata": {"next_cursor": cursor}}


_WRITE = ("chat:write",)
METHODS = {
    "chat.postMessage": Method(post_message, _WRITE),
    "chat.update": Method(update, _WRITE),
    "chat.delete": Method(delete, _WRITE),
    "chat.postEphemeral": Method(post_ephemeral, _WRITE),
    "chat.getPermalink": Method(get_permalink, takes_json=False),
    "chat.scheduleMessage": Method(schedule_message, _WRITE),
    "chat.deleteScheduledMessage": Method(delete_scheduled_message, _WRITE),
    "chat.scheduledMessages.list": Method(list_scheduled_messages),
}
