"""The payloads Slack sends for what people do, field by field."""

from typing import Any

from sandbox.slack import messages
from sandbox.slack.answers import FIELDS
from sandbox.slack.channels import Channel
from sandbox.slack.responses import ResponseUrl
from sandbox.slack.team import Team
from sandbox.slack.views import View
from sandbox.slack.wire import Json


def _user(team: Team, user_id: str) -> Json:
    name = team.person(user_id).name
    return {"id": user_id, "username": name, "name": name, "team_id": team.id}


def interaction(team: Team, kind: str, user_id: str) -> Json:
    return {
        "type": kind,
        "team": {"id": team.id, "domain": team.domain},
        "user": _user(team, user_id),
        "api_app_id": team.app.id,
        "token": "sandbox",
        "is_enterprise_install": False,
        "enterprise": None,
    }


def named(channel: Channel) -> Json:
    return {"id": channel.id, "name": channel.name or "directmessage"}


def slash_command(team: Team, user_id: str, channel: Channel, command: str, text: str) -> Json:
    address = team.response_urls.new(channel.id, user_id)
    return {
        "token": "sandbox",
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": named(channel)["name"],
        "user_id": user_id,
        "user_name": team.person(user_id).name,
        "command": command,
        "text": text,
        "api_app_id": team.app.id,
        "is_enterprise_install": "false",
        "response_url": response_url(team, address),
        "trigger_id": team.triggers.issue(user_id),
    }


def response_url(team: Team, address: ResponseUrl) -> str:
    return f"{team.url}/response/{team.id}/{address.token}"


def in_message(channel: Channel, message: Json) -> Json:
    """Where a press happened, when it was in a message."""
    ephemeral = bool(message.get("is_ephemeral"))
    container = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if message.get("thread_ts"):
        container["thread_ts"] = message["thread_ts"]
    place: Json = {"container": container, "channel": named(channel)}
    return place | ({} if ephemeral else {"message": messages.shown(message)})


def in_view(view: View) -> Json:
    return {"container": {"type": "view", "view_id": view.id}, "view": view.shape()}


def action(element: Json, block_id: str, given: Json, action_ts: str) -> Json:
    """One entry of `actions`: the element as stored, and what was chosen."""
    done: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block_id,
        "action_ts": action_ts,
    }
    initial = tuple(initial for _, initial in FIELDS.values())
    kept = ("text", "value", "style", "placeholder", "confirm", "url", *initial)
    done |= {name: element[name] for name in kept if name in element}
    return done | {name: value for name, value in given.items() if name != "type"}


def suggestion(element: Json, block_id: str, value: str) -> dict[str, Any]:
    return {"action_id": element["action_id"], "block_id": block_id, "value": value}
