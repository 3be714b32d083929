"""
A workspace with the real Bolt app in it, over real Socket Mode, and a small desk behind it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp

from bot.runbook.values import Secret
from bot.settings import SlackSettings
from bot.slack.app import build_app, identify
from bot.slack.calls import Calls, open_calls
from bot.slack.connection import Connection
from bot.slack.errands import Errands
from bot.slack.http_intake import EVENTS, HttpIntake
from bot.slack.listeners.front import Front
from bot.slack.listeners.telling import Telling
from bot.slack.turned_away import TurnedAway
from bot.slack.views.kit import Rendered
from sandbox.slack.acks import Ack
from sandbox.slack.workspace import Workspace
from tests.credentials import Changing, given
from tests.slack.small_desk import SmallDesk, SmallDirectory

GENERAL, DANA, LENA = "C0GENERAL", "U0DANA", "U0LENA"
MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "manifest.yml").read_text())


@dataclass
class Office:
    slack: Workspace
    calls: Calls
    desk: SmallDesk
    directory: SmallDirectory
    errands: Errands
    front: Front = field(init=False)
    app: AsyncApp = field(init=False)
    kept: list[tuple[str, str]] = field(default_factory=list)  #: Secrets: field and value.
    url: str = ""  #: Where the bot listens, over HTTP.
    signing: Changing = field(init=False)  #: The signing secret, as the bot has it.

    #: What each message is about, by channel and ts.
    stands: Mapping[tuple[str, str], tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        self.signing = Changing(self.slack.signing_secret)

    async def type(self, text: str, user: str = DANA, channel: str = GENERAL) -> Ack:
        return await self.slack.command(user, channel, "/runbook", text)

    async def told(self, text: str, user: str = DANA) -> str:
        """What `/runbook text` is answered with at once, to that person alone."""
        ack = await self.type(text, user)
        assert ack.payload["response_type"] == "ephemeral", ack
        return str(ack.payload["text"])

    async def answered(self, text: str, user: str = DANA, channel: str = GENERAL) -> str:
        """What `/runbook text` is answered with once it is acknowledged, to that person alone."""
        ack = await self.type(text, user, channel)
        assert ack.acked and not ack.payload, ack
        await self.settled()
        return await self.whispered(user, channel)

    async def post(self, says: Rendered, thread: str | None = None) -> str:
        said = await self.calls.call(
            "chat.postMessage",
            channel=GENERAL, text=says.text, blocks=says.blocks, thread_ts=thread,
        )  # fmt: skip
        assert said["ok"], said
        return str(said["ts"])

    async def press(self, ts: str, action: str, value: object = None, user: str = DANA) -> Ack:
        ack = await self.slack.click(user, GENERAL, ts, None, action, value)
        assert ack.acked, ack
        return ack

    async def press_in_form(self, action: str, value: object = None, user: str = DANA) -> Ack:
        form = self.slack.views(user)[-1]
        ack = await self.slack.click(user, None, form["id"], None, action, value)
        assert ack.acked, ack
        return ack

    async def form(self, callback_id: str, user: str = DANA) -> dict[str, Any]:
        """The form on top, once it is that one."""

        def on_top() -> Mapping[str, Any] | None:
            open_now = self.slack.views(user)
            return (
                open_now[-1] if open_now and open_now[-1]["callback_id"] == callback_id else None
            )

        return dict(await self.slack.wait_for(on_top))  # type: ignore[arg-type]

    async def submit(self, user: str = DANA, **values: Any) -> Ack:
        form = self.slack.views(user)[-1]
        return await self.slack.submit_view(user, form["id"], values)

    async def whispered(self, user: str = DANA, channel: str = GENERAL) -> str:
        """The newest of what only this person saw in the channel, once there is something."""
        seen = await self.slack.wait_for(lambda: self.slack.ephemerals(user, channel))
        return str(seen[-1]["text"])

    async def shows(self, channel: str, ts: str, about: str) -> bool:
        """Whatever is pressed is where it was asked, unless `stands` says what stands there."""
        return self.stands is None or about in self.stands.get((channel, ts), ())

    async def settled(self) -> None:
        await self.errands.drain(5.0)

    async def keep(self, name: str, value: SecretStr, key: str) -> Secret:
        self.kept.append((name, value.get_secret_value()))
        return Secret(name=f"runs/{name}", version="1")


@asynccontextmanager
async def office(with_secret_store: bool = True, over_http: bool = False) -> AsyncIterator[Office]:
    slack = Workspace(manifest=MANIFEST, request_url="http://127.0.0.1:9/" if over_http else None)
    slack.add_person(DANA, "dana")
    slack.add_person(LENA, "lena")
    slack.add_channel("general", [DANA, LENA], id=GENERAL)
    await slack.start()
    settings = SlackSettings(api_url=slack.api_url)
    async with open_calls(settings, given(slack.bot_token)) as calls:
        directory = SmallDirectory()
        made = Office(slack, calls, SmallDesk(directory), directory, Errands())
        keep = made.keep if with_secret_store else None
        away = TurnedAway(made.desk.turned_away, made.errands)
        identity = await identify(calls)
        telling = Telling(calls, made.errands)
        made.front = Front(made.desk, telling, identity.team_id, away, made.shows, keep)
        made.app = build_app(made.front, identity)
        intake = await (_listening if over_http else _connected)(made, away)
        try:
            yield made
        finally:
            await intake.close(2.0)
            await slack.stop()


async def _connected(made: Office, away: TurnedAway) -> Connection:
    token, client = given(made.slack.app_token), made.calls.client
    connection = Connection(made.app, token, client, made.errands, away)
    await connection.open()
    await made.slack.wait_connected()
    return connection


async def _listening(made: Office, away: TurnedAway) -> HttpIntake:
    slack, place = made.slack, ("127.0.0.1", 0)
    intake = HttpIntake(
        made.app, made.signing.credential, place, made.errands, away, made.desk.look,
        now=slack.clock.now,
    )  # fmt: skip
    await intake.open()
    made.url = f"http://127.0.0.1:{intake.port}"
    slack.set_request_url(f"{made.url}{EVENTS}")
    return intake
