"""The whole bot begins with a store that answers, and ends with nothing left unsaid."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from assembly.serving import running_bot
from bot.engine.intents import Actor, Started, StartRun
from bot.engine.record import Origin
from bot.secrets.reference import Reference
from bot.settings import AwsSettings, Settings, SlackSettings, StoreSettings
from bot.store.store import Store
from bot.store.unusable import StoreUnusable
from sandbox.postgres import Database
from sandbox.slack.workspace import Workspace

pytestmark = pytest.mark.slow
POLICY = """
[roles.responder]
users = ["U0DANA"]
[[start]]
roles = ["responder"]
runbooks = ["*"]
"""
NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
async def slack() -> AsyncIterator[Workspace]:
    slack = Workspace()
    slack.add_person("U0DANA", "dana")
    slack.add_channel("general", ["U0DANA"], id="C0GENERAL")
    await slack.start()
    yield slack
    await slack.stop()


@pytest.fixture
def settings(slack: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("SLACK_TOKEN", slack.bot_token)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    return Settings(
        slack=SlackSettings(bot_token=Reference("env:SLACK_TOKEN"), api_url=slack.api_url),
        store=StoreSettings(url=f"sqlite:///{tmp_path}/bot.db"),
        policy=str(policy),
        aws=AwsSettings(endpoint_url=NOBODY_LISTENS),
    )


async def test_what_work_says_while_the_bot_is_being_stopped_is_delivered_before_it_ends(
    slack: Workspace, settings: Settings
) -> None:
    opening = slack.faults.delay("conversations.create", 1000.0)
    order = StartRun(
        "RB-INC-001",
        {"brief_desc": "core"},
        Actor("U0DANA", slack.team.id),
        Origin("C0GENERAL", "general"),
        "k1",
    )
    async with running_bot(settings) as bot:
        assert isinstance(await bot.desk.start_run(order), Started)
        await slack.wait_for(lambda: opening not in slack.faults.active)
        asyncio.get_running_loop().call_soon(slack.clock.advance, 1000.0)  # once the end began
    (room,) = [one for one in slack.channels() if one.name.startswith("incident-")]
    assert any("RB-INC-001" in one["text"] for one in slack.messages(room.id))


async def test_a_store_that_takes_no_writes_ends_the_start_with_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database(organizations=0, with_replica=False) as server:
        store = Store(server.admin_dsn)
        await store.open()
        await store.close()
        admin = await asyncpg.connect(server.admin_dsn)
        await admin.execute("alter database complyai set default_transaction_read_only = on")
        await admin.close()
        monkeypatch.setenv("STORE_URL", server.admin_dsn)
        there = settings.model_copy(update={"store": StoreSettings(url="env:STORE_URL")})
        with pytest.raises(StoreUnusable, match="only reads: it may be a replica"):
            async with running_bot(there):
                raise AssertionError("it has started")
