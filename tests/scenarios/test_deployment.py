"""RB-DEPLOY-001 as it goes with good and bad versions: the real bot, in the whole company."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.runbook.durations import seconds
from bot.runbook.step import Timing
from bot.slack.views import names
from commands import RUNBOOKS
from sandbox.postgres import Database
from tests.scenarios.ads import AdsCompany
from tests.scenarios.company import bot_in, company_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = "complyai-api"
STEPS = RUNBOOKS["RB-DEPLOY-001"].steps
LONG = 300.0  #: Seconds in which a rollout is over, and minutes with requests have passed.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdsCompany]:
    """The bot reads how often it looks when it starts."""
    folder = tmp_path_factory.mktemp("company")
    with pytest.MonkeyPatch.context() as patch:
        watches_for(patch, seconds(60))
        async for one in told(folder):
            yield one


async def told(folder: Path) -> AsyncIterator[AdsCompany]:
    async with (
        Database(organizations=0) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        yield AdsCompany(box)


def watches_for(monkeypatch: pytest.MonkeyPatch, lasting: timedelta) -> None:
    """In the place of a quarter of an hour; and they look more often."""
    for key in ("response", "user_reports", "back"):
        now = STEPS[key].timing
        assert now
        timing = Timing(seconds(0.3), now.until, lasting)
        monkeypatch.setitem(STEPS, key, replace(STEPS[key], timing=timing))


async def test_what_the_pipeline_deploys_is_followed_until_it_was_watched_long_enough(
    company: AdsCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    watches_for(monkeypatch, seconds(1))
    company.box.aws.deploy(API, "1.32.0")
    company.box.aws.advance(LONG)
    room = await company.starts("deploy-good", f"RB-DEPLOY-001 service={API} version=1.32.0")
    await company.presses(room, names.DONE)
    await room.shows("OK · Monitor deployment")
    await room.shows("All 10 answers say 1.32.0 and are healthy")
    await room.shows("OK · Error rates and response times")
    await room.shows("No worse than before")
    await room.shows("Nobody has reported anything in #support")
    await room.says("FINISHED")
    assert company.box.updates(API) == 0


async def test_a_version_that_answers_with_errors_is_rolled_out_noticed_and_rolled_back(
    company: AdsCompany,
) -> None:
    box = company.box
    before = box.aws.version_of(API)
    bad = box.aws.build(API, "errors")
    room = await company.starts("deploy-bad", f"RB-DEPLOY-001 service={API} version={bad}")
    await company.presses(room, names.DONE)
    await company.approves(room, await room.asks_for_approval("update-service"))
    await room.shows(f"All 10 answers say {bad} and are healthy")
    box.aws.advance(LONG)
    await room.shows("PROBLEM · Error rates and response times")
    await room.shows("Worse than before")
    assert not box.aws.is_well(API)
    asked = await company.picks(room, "roll_back", "is to be taken back to")
    await company.approves(room, asked)
    await room.shows("OK · The previous version is back")
    assert box.aws.version_of(API) == before
    assert box.updates(API) == 2


async def test_an_image_that_was_never_built_is_said_with_those_that_were(
    company: AdsCompany,
) -> None:
    room = await company.starts("deploy-none", f"RB-DEPLOY-001 service={API} version=7.0.0")
    await company.presses(room, names.DONE)
    await room.shows(f"ECR has no image {API}:7.0.0")
    await room.offers(names.GO_ON)
