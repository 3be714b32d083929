"""RB-REC-002 as it goes when a service was deleted: the real bot, in the whole company."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.postgres import Database
from tests.scenarios.ads import AdsCompany
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import Incident, Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

API, NAME = "complyai-api", "complyai-api.complyai.io"
LONG = 300.0  #: Seconds in which tasks have ended, and others come up.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdsCompany]:
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=0) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        yield AdsCompany(box)


async def two_approve(company: AdsCompany, room: Incident, words: str, typed: str) -> None:
    for who in ("U0RAVI", "U0LENA"):
        asked = await room.asks_for_approval(words)
        person = Person(company.box, who)
        await person.presses(asked, room.channel, names.APPROVE_DESTROY)
        form = await person.sees_form(names.APPROVE_MODAL)
        assert not (await person.submits(form, {names.TYPED: typed})).errors


async def test_a_deleted_service_is_made_anew_and_answers_under_its_name(
    company: AdsCompany,
) -> None:
    box = company.box
    await box.switch("service-gone", on=True)
    box.aws.advance(LONG)
    assert not box.aws.exists(API)
    room = await company.starts(
        "recover", f"RB-REC-002 service={API} version=1.31.0 count=3 dns_name={NAME}"
    )
    await room.shows("complyai-api is inactive; it ran complyai-api:3")
    await room.shows("complyai-api:2 has complyai-api:1.31.0 already")
    await two_approve(company, room, "create-service", API)
    await company.approves(room, await room.asks_for_approval("modify-rule"))
    box.aws.advance(LONG)
    await room.shows("OK · Verify health checks passing")
    assert (box.aws.task_state(API).healthy, box.aws.version_of(API)) == (3, ("1.31.0",))
    await two_approve(company, room, "change-resource-record-sets", NAME)
    await room.shows("OK · Every name server knows it")
    await room.says("FINISHED")
    assert len([one for one in box.aws.calls if one.operation == "CreateService"]) == 1
