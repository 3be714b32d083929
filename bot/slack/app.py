"""
Bolt, set up so that a listener commits what is wanted and acknowledges within milliseconds.

Who the bot is at Slack is asked once, at boot; Bolt would ask in the first command's 3 seconds.
"""

import json
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.runbook.errors import Refused
from bot.secrets.redaction import REDACTOR
from bot.slack.calls import Calls
from bot.slack.listeners import register
from bot.slack.listeners.front import Front


@dataclass(frozen=True)
class Identity:
    """Who the bot is, and in which workspace."""

    team_id: str
    user_id: str
    bot_id: str
    enterprise_id: str | None = None


async def identify(calls: Calls) -> Identity:
    """Raises Unreachable, and Refused when Slack does not know the token."""
    said = await calls.call("auth.test")
    if not said["ok"]:
        raise Refused(
            f"Slack does not accept the bot's token ({said.get('error')})."
            f" Put the bot token of the installed app (xoxb-...) into {calls.token_reference}."
        )
    return Identity(
        str(said["team_id"]), str(said["user_id"]), str(said["bot_id"]), said.get("enterprise_id")
    )


def build_app(front: Front, identity: Identity) -> AsyncApp:
    calls = front.telling.calls

    async def authorize(**_: object) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=identity.enterprise_id,
            team_id=identity.team_id,
            bot_user_id=identity.user_id,
            bot_id=identity.bot_id,
            bot_token=calls.client.token,
        )

    # Bolt copies its client for every request; ours, with its session, stays out of that.
    idle = AsyncWebClient(base_url=calls.client.base_url, retry_handlers=[])
    app = _App(
        name="runbook-bot",
        client=idle,
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,  # HttpIntake does; this one fails on odd headers.
    )
    register(app, front)
    return app


class _App(AsyncApp):
    """No secret is in what it answers, whichever way that goes to Slack."""

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        response = await super().async_dispatch(req)
        if response.body.startswith("{"):
            response.body = json.dumps(REDACTOR.tree(json.loads(response.body)))
        elif response.body:
            response.body = REDACTOR.text(response.body)
        return response
