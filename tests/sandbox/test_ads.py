"""The company's ads in a box, through the adapters of a bot that is set up for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from adapters.internal_api import TriggerSync
from adapters.meta import AdAccount, StoredToken
from assembly.ads import ads, looks
from assembly.outside import http_calls, kubernetes
from bot.runbook.company import AdSync
from bot.runbook.errors import Refused
from bot.secrets.providers import Files
from bot.secrets.vault import Vault
from sandbox.ads_faults import BACKLOG, EXPIRED, REVOKED, STALE
from sandbox.box import Box
from sandbox.company.work import PARTS

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
A_WHILE = timedelta(minutes=30)
T = TypeVar("T")


class Bot:
    """As much of it as asks about ads."""

    def __init__(self, box: Box, stack: contextlib.AsyncExitStack) -> None:
        self.settings, vault = box.settings(), Vault({"file": Files()})
        self.made = ads(self.settings, vault, lambda limit_s: http_calls(limit_s, stack), None)
        self.celery, self.data, self.internal, self.meta = self.made
        self.kubernetes = kubernetes(self.settings, vault, stack)

    async def accounts(self, organization: int) -> list[AdAccount]:
        found = (await self.data.last_syncs(organization)).accounts
        return [
            AdAccount(account=one.account, business_account=one.business_account)
            for one in found
            if one.business_account
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    made = Box(tmp_path_factory.mktemp("box"), scale=0.005, organizations=60)
    async with made.running():
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def bot(box: Box, tmp_path: Path) -> AsyncIterator[Bot]:
    async with contextlib.AsyncExitStack() as stack:
        yield Bot(box, stack)


def _freshened(box: Box) -> Callable[[], Awaitable[list[int]]]:
    async def freshened() -> list[int]:
        return list(box.ads.syncing.freshened)

    return freshened


async def until(ask: Callable[[], Awaitable[T]], is_so: Callable[[T], bool]) -> T:
    async with asyncio.timeout(20):
        while not is_so(found := await ask()):  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(0.02)
        return found


def is_on(box: Box, name: str) -> bool:
    box._forget_cured()
    return name in box.on


async def test_a_company_that_is_well_looks_well(box: Box, bot: Bot) -> None:
    (account, *_) = await bot.accounts(STALE)
    assert not [one for one in (await bot.data.last_syncs(STALE)).stale(A_WHILE) if one.age]
    assert (await bot.meta.token(StoredToken(business_account=EXPIRED))).trouble == ""
    assert (await bot.meta.headroom(account)).limited == ""
    found = await bot.meta.subscriptions()
    assert found.of_accounts and found.of_accounts.is_active
    assert (await bot.meta.hearings([account])).lacking == ()
    assert (await bot.meta.endpoint()).is_well
    assert (await bot.internal.health()).is_up
    if box.ads.work.is_there:
        assert (await bot.celery.queue("ad_sync")).waiting == 0
        assert len((await bot.celery.workers()).alive_for("ad_sync")) == 3


@pytest.mark.parametrize(
    ("scene", "organization", "says"),
    [("expired-token", EXPIRED, "has expired"), ("revoked-token", REVOKED, "logged out")],
)
async def test_a_dead_token_makes_an_organization_stale_and_its_syncs_fail(
    box: Box, bot: Bot, scene: str, organization: int, says: str
) -> None:
    place = StoredToken(business_account=organization)
    await box.switch(scene, on=True)
    state = await bot.meta.token(place)
    assert not state.is_valid and says in state.trouble
    soon = {one.business_account for one in (await bot.data.tokens(timedelta(days=7))).tokens}
    assert (organization in soon) == (scene == "expired-token")
    stale = {one for one, _ in (await bot.data.last_syncs()).stale_organizations(A_WHILE)}
    assert organization in stale
    failed = await bot.data.failed_syncs(organization=organization)
    assert "190" in {one.code for one in failed.failures}
    await box.switch(scene, on=False)
    assert (await bot.meta.token(place)).trouble == ""


async def test_a_limit_of_meta_s_is_seen_in_headers_and_in_our_own_log(box: Box, bot: Bot) -> None:
    (account, *_) = await bot.accounts(STALE)
    before = (await bot.data.requests("meta")).limited
    await box.switch("meta-limited", on=True)
    found = await bot.meta.headroom(account)
    assert (found.code, found.regain) == (80004, timedelta(minutes=23))
    assert (await bot.data.requests("meta")).limited > before + 100
    assert is_on(box, "meta-limited")
    now = box.ads.graph.now
    box.ads.graph.now = lambda: now() + 24 * 60
    assert not is_on(box, "meta-limited")
    box.ads.graph.now = now
    box.ads.graph.limits.relax()


async def test_the_regular_sync_goes_by_the_parameters_that_slow_it_down(box: Box) -> None:
    names, ads = AdSync(), box.ads
    if not ads.work.is_there:
        pytest.skip("without Redis there is no queue")
    before = ads.work._pace()
    assert (before.interval_min, before.backs_off, before.first) == (15, False, ())
    for worker in ads.work.workers[1:]:  # Of several nobody knows who is the first to be done.
        await worker.die()
    box.aws.set_parameter(names.interval_parameter, "60")
    box.aws.set_parameter(names.first_parameter, "7,3")
    try:
        assert ads.work._pace().interval_min == 60
        ads.syncing.freshened.clear()
        await ads.work.tick()
        await until(_freshened(box), lambda found: len(found) >= 40)
        assert set(list(ads.syncing.freshened)[:3]) >= {7, 3}
    finally:
        box.aws.set_parameter(names.interval_parameter, "15")
        box.aws.set_parameter(names.first_parameter, "none")
        ads.work.revive()


@pytest.mark.parametrize(("backoff", "is_longer"), [("off", True), ("on", False)])
async def test_calls_while_meta_limits_us_make_it_last_longer_unless_workers_back_off(
    box: Box, bot: Bot, monkeypatch: pytest.MonkeyPatch, backoff: str, is_longer: bool
) -> None:
    (account, *_) = await bot.accounts(STALE)
    now = box.ads.graph.now()
    monkeypatch.setattr(box.ads.graph, "now", lambda: now)  # it stands still
    await box.switch("meta-limited", on=True)
    box.aws.set_parameter(AdSync().backoff_parameter, backoff)
    for part in range(PARTS):
        await box.ads.syncing.freshen(part, PARTS, box.ads.work._pace().backs_off)
    regain = (await bot.meta.headroom(account)).regain
    assert regain and (regain > timedelta(minutes=30)) == is_longer
    await box.switch("meta-limited", on=False)
    box.aws.set_parameter(AdSync().backoff_parameter, "off")


async def test_a_version_that_is_gone_is_named(box: Box, bot: Bot) -> None:
    (account, *_) = await bot.accounts(STALE)
    await box.switch("meta-version-gone", on=True)
    with pytest.raises(Refused, match="code 2635"):
        await bot.meta.headroom(account)
    await box.switch("meta-version-gone", on=False)
    assert not (await bot.meta.headroom(account)).limited


async def test_lost_webhooks_come_back_when_app_and_account_are_subscribed_again(
    box: Box, bot: Bot
) -> None:
    (account, *_) = await bot.accounts(STALE)
    await box.switch("webhook-lost", on=True)
    since = await bot.data.now()
    assert not await box.ads.graph.change_ad(account.account)
    change = (await bot.meta.subscriptions()).moved_to(
        box.ads.callback.callback_url, ("with_issues_ad_objects", "in_process_ad_objects")
    )
    assert change
    await bot.meta._subscribe(change, "key")
    (hears,) = (await bot.meta.hearings([account])).subscribe()
    await bot.meta._subscribe_app(hears, "key")
    assert not is_on(box, "webhook-lost")
    assert await box.ads.graph.change_ad(account.account)
    events = (await bot.data.webhook_events(since, account.account)).events
    assert [one.field for one in events] == ["with_issues_ad_objects"]


async def test_a_callback_with_another_verify_token_is_found_out(box: Box, bot: Bot) -> None:
    await box.switch("webhook-wrong-token", on=True)
    found = await bot.meta.endpoint()
    assert found.says == "It does not accept our verify token (HTTP 403)"
    await box.switch("webhook-wrong-token", on=False)
    assert (await bot.meta.endpoint()).is_well


async def test_jobs_pile_up_behind_dead_workers_and_are_done_when_they_are_back(
    box: Box, bot: Bot
) -> None:
    work = box.ads.work
    if not work.is_there:
        pytest.skip("there is no redis-server")
    await bot.celery.workers()
    await box.switch("queue-backlog-dead-worker", on=True)
    assert (await bot.celery.queue("ad_sync")).waiting == BACKLOG
    await work.tick()
    assert (await bot.celery.queue("ad_sync")).waiting == BACKLOG + 12
    assert len((await bot.celery.workers()).dead) == 3
    pods = await bot.kubernetes.deployment("celery-worker")
    assert pods.ready == 0
    await bot.kubernetes._restart(pods.restart(), "key")
    await until(lambda: bot.celery.queue("ad_sync"), lambda one: one.waiting == 0)
    assert not is_on(box, "queue-backlog-dead-worker")


async def test_a_stale_organization_is_fresh_after_a_sync_and_the_fault_is_over(
    box: Box, bot: Bot
) -> None:
    await box.switch("stale-sync", on=True)
    stale = (await bot.data.last_syncs(STALE)).stale(A_WHILE)
    assert stale and is_on(box, "stale-sync")
    since = await bot.data.now()
    change = TriggerSync(run="7F3K", organization=STALE, organization_name="x", since=since)
    await bot.internal._trigger(change, "key")
    done: Any = await until(lambda: bot.data.sync_of(change.key), lambda one: one.is_over)
    assert done.status == "succeeded"
    said = await bot.kubernetes.lines("celery-worker", since, f"org_id={STALE} ")
    assert f"{done.ads_synced} ads" in said.lines[-1].text
    assert not [one for one in (await bot.data.last_syncs(STALE)).stale(A_WHILE) if one.age]
    await until(lambda: asyncio.sleep(0, is_on(box, "stale-sync")), lambda on: not on)


async def test_the_doctor_looks_at_all_that_is_configured(box: Box, bot: Bot) -> None:
    found = {name: await look for name, look in looks(bot.settings, bot.made).items()}
    assert len(found) == (5 if box.ads.work.is_there else 3)
    assert not [name for name, one in found.items() if getattr(one, "error", "")]


async def test_a_bot_in_a_process_of_its_own_is_told_the_same(box: Box) -> None:
    told = box.environment()
    assert told["RUNBOOK_BOT_CELERY"] and box.ads.graph.app_secret not in "".join(told.values())
