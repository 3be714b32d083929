"""RB-SYNC-002 as it goes when a token has expired: the real bot, in the whole company."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.company.ads import FRESH
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


async def test_an_expired_token_is_replaced_and_the_new_one_is_shown_nowhere(
    company: AdsCompany, caplog: pytest.LogCaptureFixture
) -> None:
    box, dana = company.box, company.dana
    await box.switch("expired-token", on=True)
    room = await company.starts("expired", 'RB-SYNC-002 organization="Maple Media"')
    await room.shows("1 of 1 tokens are to be refreshed: Maple Media")
    await company.presses(room, f"{names.CHOOSE}:0")
    await company.presses(room, names.ANSWER)
    form = await dana.sees_form(names.ANSWER_MODAL)
    await dana.submits(form, {"token": FRESH})
    await room.shows("OK · Check the new token, before anything is stored")
    asked = await room.asks_for_approval("store-token 33")
    await company.approves(room, asked)
    await room.shows("OK · Verify token works")
    await room.says("FINISHED")
    said = [one for channel in box.slack.channels() for one in channel.messages.values()]
    assert said and FRESH not in json.dumps(said)
    assert FRESH not in caplog.text


async def test_a_revoked_token_is_found_though_the_database_knows_nothing_of_it(
    company: AdsCompany,
) -> None:
    await company.box.switch("revoked-token", on=True)
    room = await company.starts("revoked", 'RB-SYNC-002 organization="Pine Outdoor"')
    await room.shows("1 of 1 tokens are to be refreshed: Pine Outdoor")
    await room.shows("Meta says that the token is not valid")
