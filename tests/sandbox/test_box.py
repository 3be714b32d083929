"""The company in a box: what is switched on goes wrong, and is over when it is cured."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from assembly.outside import kubernetes
from assembly.secrets import open_vault
from sandbox import breach
from sandbox.aws import account
from sandbox.aws.clock import RunningClock
from sandbox.box import Box
from sandbox.faults import BROKEN, MENDED, MISSED
from tests.sandbox.kubernetes.waiting import until

pytestmark = pytest.mark.slow
A_ROLLOUT_S = 60.0


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    found = Box(tmp_path)
    async with found.running():
        yield found


async def on_at_the_page(box: Box) -> set[str]:
    async with aiohttp.ClientSession(box.slack.url) as page, page.get("/page/faults") as answer:
        faults: list[Any] = (await answer.json())["faults"]
    return {one["name"] for one in faults if one["on"]}


async def test_a_bad_deployment_that_was_cured_is_off_and_can_happen_again(box: Box) -> None:
    await box.switch("bad-deploy", on=True)
    assert await on_at_the_page(box) == {"bad-deploy"}
    box.aws.deploy(BROKEN, MENDED)
    assert isinstance(box.aws.clock, RunningClock)
    box.aws.clock.advance(A_ROLLOUT_S)
    assert await on_at_the_page(box) == set()
    await box.switch("bad-deploy", on=True)
    assert await on_at_the_page(box) == {"bad-deploy"}
    box.aws.clock.advance(A_ROLLOUT_S)
    assert not box.aws.is_well(BROKEN)


async def test_a_bot_of_this_company_sees_its_workers_die_and_live(box: Box) -> None:
    settings = box.settings()
    async with contextlib.AsyncExitStack() as stack:
        found = kubernetes(settings, open_vault(settings, stack), stack)
        assert isinstance(box.aws.clock, RunningClock)
        box.aws.clock.advance(A_ROLLOUT_S)
        await until(lambda: box.kubernetes.alive() == 3)
        assert (await found.deployment(settings.company.workers)).trouble == ""
        box.kubernetes.kill_workers()
        assert "CrashLoopBackOff" in (await found.pods(settings.company.workers)).troubles
        box.kubernetes.revive_workers()
        await until(lambda: bool(box.kubernetes.pods()[0].restarts))
        box.aws.clock.advance(A_ROLLOUT_S)
        await until(lambda: box.kubernetes.alive() == 3)


async def test_switching_one_fault_of_aws_off_leaves_the_others_on(box: Box) -> None:
    for name in ("throttled", "access-denied", "lost-response"):
        await box.switch(name, on=True)
    await box.switch("access-denied", on=False)
    assert await on_at_the_page(box) == {"throttled", "lost-response"}
    assert {one["name"] for one in box.aws.faults.shape()} == {"throttle", "lost_response"}


async def test_missed_webhooks_are_over_once_our_endpoint_has_processed_them(box: Box) -> None:
    await box.switch("stripe-missed-events", on=True)
    assert await on_at_the_page(box) == {"stripe-missed-events"}
    for event in box.stripe.events:
        await box.webhooks.process(json.loads(box.stripe.body(event)))
    assert len(box.webhooks.handled) == len(set(box.webhooks.handled)) == len(MISSED) + 2
    assert await on_at_the_page(box) == set()


async def test_a_breach_is_over_once_keys_and_logins_are_worthless_and_can_happen_again(
    box: Box,
) -> None:
    for _ in range(2):
        await box.switch("breach", on=True)
        assert await on_at_the_page(box) == {"breach"}
        suspect, second = box.auth0.users
        assert len(suspect.sessions) == 4 and len(second.sessions) == 2
        suspect.is_blocked = True
        suspect.sessions.clear()
        suspect.refresh_tokens.clear()
        assert await on_at_the_page(box) == {"breach"}
        for key in (account.DEPLOYERS_KEY, *breach.MADE.values()):
            account.activate(key, is_active=False)
        assert await on_at_the_page(box) == set()
