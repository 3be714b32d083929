"""
What an app says in answer to an interaction: over a response_url, or in the ack of a command.

Only the person sees it unless it says in_channel. The answer to a press takes the place of the
message that was pressed in unless it says `replace_original: false`: that is not documented, but
what apps met (Netflix/dispatch pull request 2865, howdyai/botkit issue 444), so an app that relies
on the other reading fails here.
"""

from sandbox.slack import messages
from sandbox.slack.blocks import problems_in_blocks
from sandbox.slack.channels import Channel
from sandbox.slack.filling import filled
from sandbox.slack.messages import Draft
from sandbox.slack.responses import ResponseUrl
from sandbox.slack.team import Team
from sandbox.slack.wire import Failure, Json


def respond(team: Team, address: ResponseUrl, body: Json) -> None:
    """Raises Failure: nothing to say, or blocks that Slack refuses."""
    channel = team.channels.by_id[address.channel_id]
    if _yes(body, "delete_original"):
        _remove(team, channel, address)
        return
    draft = _draft(team, body)
    if address.message_ts and str(body.get("replace_original")).lower() != "false":
        _replace(team, channel, address, draft)
    elif body.get("response_type") == "in_channel":
        team.post(channel, draft)
    else:
        team.whisper(channel, address.user_id, draft)


def _yes(body: Json, name: str) -> bool:
    return str(body.get(name, "")).lower() == "true"


def _draft(team: Team, body: Json) -> Draft:
    blocks = body.get("blocks") or []
    if problems_in_blocks(blocks, "/blocks"):
        raise Failure("invalid_blocks")
    if not (body.get("text") or blocks or body.get("attachments")):
        raise Failure("no_text")
    thread_ts = body.get("thread_ts")
    text = str(body.get("text") or "")
    return Draft(team.bot_author, text, filled(blocks), thread_ts=thread_ts)


def _whispered(channel: Channel, address: ResponseUrl) -> Json | None:
    theirs = (m for who, m in channel.ephemerals if who == address.user_id)
    return next((m for m in theirs if m["ts"] == address.message_ts), None)


def _remove(team: Team, channel: Channel, address: ResponseUrl) -> None:
    if address.ephemeral:
        gone = _whispered(channel, address)
        channel.ephemerals = [(who, m) for who, m in channel.ephemerals if m is not gone]
    elif address.message_ts in channel.messages:
        gone = channel.messages[address.message_ts]
        messages.delete(channel, address.message_ts)
    else:
        raise Failure("message_not_found")
    team.message_changed(channel, gone or {"ts": address.message_ts})


def _replace(team: Team, channel: Channel, address: ResponseUrl, draft: Draft) -> None:
    found = _whispered(channel, address)
    message = found if address.ephemeral else channel.messages.get(address.message_ts or "")
    if message is None:
        raise Failure("message_not_found")
    changes: Json = {"text": draft.text, "blocks": draft.blocks}
    messages.edit(message, changes, team.app.user_id, team.stamps)
    team.message_changed(channel, message, address.user_id if address.ephemeral else None)
