"""RB-SYNC-001 as it goes when a customer's ads are stale: the real bot, in the whole company."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.ads_faults import STALE
from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.ads import AdsCompany
from tests.scenarios.company import bot_in, company_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdsCompany]:
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=40) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        yield AdsCompany(box)


def syncs(box: Box) -> int:
    return sum(one.method == "POST" for one in box.ads.internal.calls)


async def test_a_stale_organization_is_found_by_its_name_and_synced_once(
    company: AdsCompany,
) -> None:
    box = company.box
    await box.switch("stale-sync", on=True)
    room = await company.starts("missing-ads", 'RB-SYNC-001 organization="Lumen Learning"')
    await room.shows("Lumen Learning (id 12)")
    await room.shows("Meta accepts the token of Lumen Learning")
    asked = await room.asks_for_approval("/sync/organization/12")
    assert syncs(box) == 0
    box.ads.internal.fail("lost response")
    await company.approves(room, asked)
    await room.shows("The sync is done")
    await room.shows("OK · Verify completion")
    await room.says("FINISHED")
    assert syncs(box) == 1 and STALE in box.ads.syncing.synced
    assert room.reads("org_id=12 sync")


async def test_an_internal_api_that_is_down_holds_the_run_before_anything_is_asked_of_it(
    company: AdsCompany,
) -> None:
    box, before = company.box, syncs(company.box)
    box.ads.internal.fail("error")
    room = await company.starts("api-down", 'RB-SYNC-001 organization="Lumen Learning"')
    await room.shows("PROBLEM · The internal API answers")
    await room.offers(names.GO_ON)
    assert syncs(box) == before
    box.ads.internal.heal()
