"""`doctor` says what is wrong, also beside a bot that runs."""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import undelivered, vendors
from assembly.secrets import open_vault
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.vault import Vault
from bot.settings import AwsSettings, EvidenceSettings, Settings
from bot.store import outbox
from bot.store.deliveries import message
from bot.store.delivering import mark_dead
from bot.store.store import Store
from sandbox.aws import AwsWorld
from sandbox.aws.account import BUCKET
from sandbox.peers.auth0 import Auth0
from sandbox.peers.stripe import Stripe

DAY_S = 86_400.0


@pytest.fixture
def url(tmp_path: Path) -> sa.URL:
    return sa.make_url(f"sqlite:///{tmp_path}/a place%20with #/bot.db")


async def give_up(store: Store, name: str, age_s: float = 0.0) -> None:
    then = time.time() - age_s
    await store.tx(outbox.put, "7F3K", [message(name, "text")], now=lambda: then)
    await store.tx(mark_dead, f"{name}#1", "Slack refused chat.postMessage: no_text")


def test_a_bot_that_was_never_started_has_lost_nothing(url: sa.URL, tmp_path: Path) -> None:
    asyncio.run(undelivered(url))
    assert list(tmp_path.iterdir()) == []


async def test_what_was_given_up_since_yesterday_is_said_while_the_bot_runs(url: sa.URL) -> None:
    store = Store(str(url))
    await store.open()
    await undelivered(url)
    await give_up(store, "7F3K/old", age_s=DAY_S + 60)
    await give_up(store, "7F3K/step/1")
    with pytest.raises(Refused, match=r"1 could not .* 7F3K/step/1#1: .* no_text"):
        await undelivered(url)
    await give_up(store, "7F3K/step/2")  # the bot goes on as before
    await store.close()
    with pytest.raises(Refused, match="7F3K/step/2#1"):
        await undelivered(url)


async def test_a_store_that_cannot_be_read_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_text("no database")
    with pytest.raises(Unreachable, match="The store cannot be read"):
        await undelivered(sa.make_url(f"sqlite:///{tmp_path}/bot.db"))


@pytest.mark.slow
async def test_vendors_that_settings_give_a_key_to_are_asked_whether_they_take_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Stripe() as stripe, Auth0() as auth0:
        monkeypatch.setenv("STRIPE_KEY", stripe.api_key)
        monkeypatch.setenv("AUTH0_SECRET", auth0.client_secret)
        given: dict[str, Any] = {
            "stripe": {
                "api_key": "env:STRIPE_KEY", "api_url": stripe.url, "endpoint": stripe.endpoint,
                "webhook_url": "https://x.example",
            },
            "auth0": {
                "client_secret": "env:AUTH0_SECRET", "url": auth0.url,
                "client_id": auth0.client_id,
            },
        }  # fmt: skip

        async def looked() -> list[str]:
            async with contextlib.AsyncExitStack() as stack:
                settings = Settings(**given)
                looks = vendors(settings, open_vault(settings, stack), stack)
                assert list(looks) == ["Stripe", "Auth0"]
                found = await asyncio.gather(*looks.values(), return_exceptions=True)
                return [str(one) for one in found if isinstance(one, Exception)]

        assert await looked() == []
        auth0.scopes.discard("read:users")
        stripe.fail("denied")
        of_stripe, of_auth0 = await looked()
        assert "does not have the required permissions" in of_stripe
        assert "Insufficient scope, expected any of: read:users" in of_auth0


def test_vendors_without_a_key_are_not_asked() -> None:
    settings = Settings()
    assert not vendors(settings, Vault({}), contextlib.AsyncExitStack())


@pytest.mark.slow
async def test_where_evidence_is_kept_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    world = AwsWorld()
    await world.start()
    world.load_account()

    async def looked(bucket: str) -> None:
        aws, kept = AwsSettings(endpoint_url=world.endpoint_url), EvidenceSettings(bucket=bucket)
        told = Settings(aws=aws, evidence=kept)
        async with contextlib.AsyncExitStack() as stack:
            await vendors(told, Vault({}), stack)["the evidence's bucket"]

    await looked(BUCKET)
    with pytest.raises(Refused, match="s3:GetBucketObjectLockConfiguration"):
        await looked("no-such-bucket")
    await world.stop()
