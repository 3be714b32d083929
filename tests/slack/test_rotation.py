"""Slack's tokens may be changed while the bot runs."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.runbook.errors import Refused
from bot.secrets.reference import Reference
from bot.secrets.vault import Credential
from bot.settings import SlackSettings
from bot.slack.app import identify
from bot.slack.calls import NotSent, open_calls
from bot.slack.connection import Connection
from bot.slack.errands import Errands
from bot.slack.turned_away import TurnedAway
from sandbox.slack.workspace import Workspace
from tests.credentials import Changing, Kept, given
from tests.slack.forging import as_form, command, of_team, request
from tests.slack.small_desk import SmallDesk, SmallDirectory
from tests.slack.test_http_intake import http_office, now, send

pytestmark = pytest.mark.slow


@pytest.fixture
async def slack() -> AsyncIterator[Workspace]:
    slack = Workspace()
    slack.add_person("U0DANA", "dana")
    await slack.start()
    yield slack
    await slack.stop()


async def test_a_new_bot_token_is_found_and_the_message_is_posted_once(slack: Workspace) -> None:
    channel = slack.add_channel("ops", ["U0DANA"])
    token = Changing(slack.bot_token)
    async with open_calls(SlackSettings(api_url=slack.api_url), token.credential) as calls:
        await identify(calls)
        slack.team.app = replace(slack.team.app, bot_token="xoxb-a-new-one-0123456789")
        token.change(slack.bot_token)
        await calls.call("conversations.join", channel=channel)
        said = await calls.call("chat.postMessage", channel=channel, text="once")
        assert said["ok"]
        texts = [one["text"] for one in slack.messages(channel) if "subtype" not in one]
        assert texts == ["once"]


async def test_without_a_token_nothing_is_sent_and_it_is_said_where_it_should_be(
    slack: Workspace,
) -> None:
    nothing = Kept(Refused("There is no secret at env:TOKEN"))
    credential = Credential(Reference("env:TOKEN"), nothing)
    async with open_calls(SlackSettings(api_url=slack.api_url), credential) as calls:
        with pytest.raises(NotSent, match="env:TOKEN"):
            await calls.call("auth.test")
    assert not slack.calls


async def test_a_new_app_token_is_found_when_the_connection_is_opened_anew(
    slack: Workspace,
) -> None:
    async def authorize(**_: object) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=slack.team.id)

    token, errands = Changing(slack.app_token), Errands()
    idle = AsyncWebClient(base_url=slack.api_url)
    app = AsyncApp(client=idle, authorize=authorize)
    async with open_calls(SlackSettings(api_url=slack.api_url), given(slack.bot_token)) as calls:
        away = TurnedAway(SmallDesk(SmallDirectory()).turned_away, errands)
        connection = Connection(
            app, token.credential, calls.client, errands, away,
            ping_interval_s=0.05, look_every_s=0.02,
        )  # fmt: skip
        await connection.open()
        await slack.wait_connected()
        slack.team.app = replace(slack.team.app, app_token="xapp-1-a-new-one-0123456789")
        token.change(slack.app_token)
        slack.faults.kill_sockets()
        await slack.wait_for(lambda: slack.socket_mode.connections == 0)
        await slack.wait_connected()
        await connection.close(1.0)


async def test_a_new_signing_secret_is_found_and_the_old_one_opens_the_door_no_more() -> None:
    async with http_office() as (made, session):
        text = as_form(of_team(command(), made.slack.team.id))
        old, new = made.slack.signing_secret, "another-signing-secret"
        made.signing.change(new)
        assert (await send(made, session, request(new, now(made.slack), text)))[0] == 200
        assert (await send(made, session, request(old, now(made.slack), text)))[0] == 401
        await made.settled()
        assert [name for name, _ in made.desk.noted] == ["start"]
