"""RB-SYNC-003 as it goes when Meta tells us nothing: the real bot, in the whole company."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.meta.graph import OBJECT
from sandbox.postgres import Database
from tests.scenarios.ads import AdsCompany
from tests.scenarios.company import bot_in, company_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNTS = ("act_200001256748", "act_200005445908", "act_200009635068")  #: Of Lumen Learning.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdsCompany]:
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=40) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        yield AdsCompany(box)


async def test_app_and_accounts_are_subscribed_again_and_a_test_change_is_received(
    company: AdsCompany,
) -> None:
    box, graph = company.box, company.box.ads.graph
    await box.switch("webhook-lost", on=True)
    assert not await graph.change_ad(ACCOUNTS[0])
    room = await company.starts("no-webhooks", 'RB-SYNC-003 organization="Lumen Learning"')
    await room.shows("PROBLEM · Check current subscriptions")
    await room.shows("Meta tells us nothing about 3 of 3 ad accounts")
    await room.shows("OK · Verify webhook endpoint is accessible")
    asked = await company.picks(room, "subscribe", "object=ad_account")
    await company.approves(room, asked)
    await room.shows("OK · Check current subscriptions")
    asked = await company.picks(room, "subscribe_accounts", "subscribed_apps")
    await company.approves(room, asked)
    await room.shows("OK · Check that each ad account is subscribed, too")
    assert graph.subscriptions[OBJECT].is_active
    await company.presses(room, names.CLOSE)
    await room.says("say of which ad account it is")
    assert all([await graph.change_ad(one) for one in ACCOUNTS])
    await company.presses(room, names.PROPOSED)
    await room.shows("Our log has with_issues_ad_objects about act_")
    await room.says("FINISHED")


async def test_a_callback_that_does_not_know_our_verify_token_is_found(
    company: AdsCompany,
) -> None:
    await company.box.switch("webhook-wrong-token", on=True)
    room = await company.starts("wrong-token", 'RB-SYNC-003 organization="Lumen Learning"')
    await room.shows("PROBLEM · Verify webhook endpoint is accessible")
    await room.shows("It does not accept our verify token (HTTP 403)")
    await company.box.switch("webhook-wrong-token", on=False)
