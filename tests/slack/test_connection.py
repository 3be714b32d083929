"""The connection to Slack comes back from what breaks it, and goes without cutting anyone off."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.runbook.errors import Refused, Unreachable
from bot.settings import SlackSettings
from bot.slack.app import identify
from bot.slack.calls import open_calls
from bot.slack.connection import Connection
from bot.slack.errands import Errands
from bot.slack.turned_away import TurnedAway
from sandbox.slack.workspace import Workspace
from tests.credentials import given
from tests.slack.small_desk import SmallDesk, SmallDirectory

pytestmark = pytest.mark.slow

GENERAL = "C0GENERAL"


@dataclass
class Bot:
    """A bot that answers every command once `may_answer`, and is connected to a workspace."""

    slack: Workspace
    now: float = 0.0
    stumbles: int = 0  #: So often its clock fails, as nobody expects.
    errands: Errands = field(default_factory=Errands)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    connection: Connection = field(init=False)

    def clock(self) -> float:
        if self.stumbles:
            self.stumbles -= 1
            raise RuntimeError("no clock")
        return self.now

    def app(self) -> AsyncApp:
        async def authorize(**_: object) -> AuthorizeResult:
            return AuthorizeResult(enterprise_id=None, team_id=self.slack.team.id)

        idle = AsyncWebClient(base_url=self.slack.api_url)
        app = AsyncApp(client=idle, authorize=authorize, process_before_response=True)

        @app.command("/runbook")
        async def answer(ack: AsyncAck) -> None:
            self.taken.set()
            await self.may_answer.wait()
            await ack("noted")

        return app

    async def command(self) -> str:
        ack = await self.slack.command("U0DANA", GENERAL, "/runbook")
        return ack.error or str(ack.payload["text"])


@asynccontextmanager
async def connected(slack: Workspace, ping_interval_s: float = 0.05) -> AsyncIterator[Bot]:
    async with open_calls(settings_for(slack), given(slack.bot_token)) as calls:
        bot = Bot(slack)
        bot.may_answer.set()
        away = TurnedAway(SmallDesk(SmallDirectory()).turned_away, bot.errands)
        bot.connection = Connection(
            bot.app(), given(slack.app_token), calls.client, bot.errands, away,
            ping_interval_s=ping_interval_s, look_every_s=0.02, clock=bot.clock,
        )  # fmt: skip
        await bot.connection.open()
        await slack.wait_connected()
        try:
            yield bot
        finally:
            await bot.connection.close(1.0)


@pytest.fixture
async def slack() -> AsyncIterator[Workspace]:
    slack = Workspace()
    slack.add_person("U0DANA", "dana")
    slack.add_channel("general", ["U0DANA"], id=GENERAL)
    await slack.start()
    yield slack
    await slack.stop()


@pytest.fixture
async def bot(slack: Workspace) -> AsyncIterator[Bot]:
    async with connected(slack) as bot:
        yield bot


async def test_a_command_is_answered(bot: Bot) -> None:
    assert await bot.command() == "noted"


async def test_a_refused_handshake_is_tried_again_with_a_fresh_address(bot: Bot) -> None:
    bot.slack.faults.refuse_handshake(times=2)
    bot.slack.faults.kill_sockets()
    await bot.slack.wait_for(lambda: bot.slack.socket_mode.connections == 0)
    await bot.slack.wait_connected()
    assert await bot.command() == "noted"


async def test_a_boot_while_slack_is_away_waits_for_it(slack: Workspace) -> None:
    slack.faults.refuse_handshake(times=3)
    async with connected(slack) as bot:
        assert await bot.command() == "noted"


async def test_silence_makes_it_connect_anew(slack: Workspace) -> None:
    async with connected(slack, ping_interval_s=1000.0) as bot:  # Slack's client notices nothing.
        await bot.command()
        await bot.connection.look()
        before = tickets(slack)
        bot.now += 61.0
        await slack.wait_for(lambda: tickets(slack) > before)
        await slack.wait_connected()
        assert await bot.command() == "noted"


async def test_the_watch_goes_on_after_an_error_that_nobody_expected(
    slack: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(slack, ping_interval_s=1000.0) as bot:
        await bot.command()
        before = tickets(slack)
        bot.stumbles, bot.now = 1, 61.0
        await slack.wait_for(lambda: tickets(slack) > before)
        await slack.wait_connected()
        assert await bot.command() == "noted"
    assert "the watch over the connection to Slack failed once" in caplog.text


async def test_a_word_from_slack_now_and_then_is_no_silence(bot: Bot) -> None:
    before = tickets(bot.slack)
    for _ in range(3):
        bot.now += 50.0
        await bot.command()
        await bot.connection.look()
    assert tickets(bot.slack) == before


async def test_what_was_taken_in_is_answered_before_it_closes(bot: Bot) -> None:
    bot.may_answer.clear()
    asked = asyncio.create_task(bot.command())
    await bot.taken.wait()
    closing = asyncio.create_task(bot.connection.close(5.0))
    with pytest.raises(TimeoutError):
        await bot.slack.wait_for(lambda: bot.slack.socket_mode.connections == 0, timeout=0.2)
    bot.may_answer.set()
    assert await asked == "noted"
    await closing
    assert bot.slack.socket_mode.connections == 0


async def test_closing_waits_for_errands_and_gives_up_those_that_hang(bot: Bot) -> None:
    done: list[str] = []
    gate = asyncio.Event()

    async def quick() -> None:
        await gate.wait()
        done.append("quick")

    async def hangs() -> None:
        await asyncio.Event().wait()

    bot.errands.run(quick(), "a quick one")
    bot.errands.run(hangs(), "one that hangs")
    gate.set()
    await bot.connection.close(0.2)
    assert done == ["quick"]
    assert len(bot.errands) == 0


async def test_closing_leaves_no_task_behind(slack: Workspace) -> None:
    async with connected(slack):
        pass
    left = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in left if "watchdog" in name]
    coroutines = {getattr(t.get_coro(), "__qualname__", "") for t in asyncio.all_tasks()}
    assert not [name for name in coroutines if name.startswith(("SocketModeClient", "AsyncBase"))]


async def test_no_log_has_a_ticket_of_socket_mode(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bot.slack.faults.refuse_handshake()
    bot.slack.faults.kill_sockets()
    await bot.slack.wait_for(lambda: bot.slack.socket_mode.connections == 0)
    await bot.slack.wait_connected()
    ours = [r for r in caplog.records if r.name.startswith("bot.slack.connection")]
    assert any("Failed to connect" in record.getMessage() for record in ours)
    assert not [r for r in ours if "ticket=" in r.getMessage() or r.exc_info]


async def test_the_bot_learns_who_it_is_once_at_boot(slack: Workspace) -> None:
    async with open_calls(settings_for(slack), given(slack.bot_token)) as calls:
        identity = await identify(calls)
    assert (identity.team_id, identity.user_id) == (slack.team.id, slack.bot_user_id)


async def test_a_wrong_token_is_answered_with_where_the_right_one_belongs(
    slack: Workspace,
) -> None:
    async with open_calls(settings_for(slack), given("xoxb-wrong-wrong")) as calls:
        with pytest.raises(Refused, match="env:GIVEN_BY_A_TEST") as refused:
            await identify(calls)
    assert "xoxb-wrong-wrong" not in str(refused.value)


async def test_a_slack_that_does_not_answer_at_boot_is_unreachable(slack: Workspace) -> None:
    slack.faults.server_error("auth.test")
    async with open_calls(settings_for(slack), given(slack.bot_token)) as calls:
        with pytest.raises(Unreachable):
            await identify(calls)


def settings_for(slack: Workspace) -> SlackSettings:
    return SlackSettings(api_url=slack.api_url)


def tickets(slack: Workspace) -> int:
    return sum(call.method == "apps.connections.open" for call in slack.calls)
