"""RB-INT-001 as it goes when Meta limits us: the real bot, in the whole company."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.postgres import Database
from tests.scenarios.ads import AdsCompany
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.stage import Incident, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

BACKOFF = "/complyai/meta/backoff"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AdsCompany]:
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=12) as database,
        company_in(folder, database) as box,
        bot_in(box),
    ):
        yield AdsCompany(box)


def looked(room: Incident, times: int) -> bool | None:
    """Whether what suggested it was read so often: that it is read again ends an action."""
    found = "· Check current rate limit status"
    return [found in one["text"] for one in room.thread].count(True) == times or None


async def test_a_limit_is_found_waited_for_and_what_was_changed_is_set_back(
    company: AdsCompany,
) -> None:
    box = company.box
    await box.switch("meta-limited", on=True)
    room = await company.starts("limited", "RB-INT-001")
    await room.shows("PROBLEM · Check current rate limit status: Meta limits us")
    await room.shows("23 min until calls are let through")
    await room.shows("refused as too many")
    asked = await company.picks(room, "back_off", f"--name {BACKOFF} --value on")
    assert "by itself, which is approved with it" in json.dumps(asked)
    await company.approves(room, asked)
    await until(box, lambda: box.aws.parameter(BACKOFF) == "on" or None)
    await room.offers(f"{names.UNDO}:back_off")
    await room.shows("Enable rate limit backoff (if not already): back on ")
    await until(box, lambda: looked(room, 2))
    await company.presses(room, f"{names.UNDO}:back_off")  # before that time
    await company.approves(room, await room.asks_for_approval("--value off"))
    await until(box, lambda: box.aws.parameter(BACKOFF) == "off" or None)
    await until(box, lambda: looked(room, 3))
    await box.switch("meta-limited", on=False)  # the time has passed
    await company.presses(room, names.CLOSE)
    await room.shows("OK · Wait for rate limit reset: Meta lets calls of")
    await room.shows(
        f"OK · See what was changed set back, typically after 1 hour: Set back: {BACKOFF}"
    )
    before = len(box.github.issues)
    await company.presses(room, f"{names.PICK}:backoff_ticket")
    await until(box, lambda: len(box.github.issues) > before or None)
    await company.presses(room, names.CLOSE)
    await room.says("FINISHED")


async def test_a_version_of_the_api_that_is_gone_is_unknown_and_never_no_limit(
    company: AdsCompany,
) -> None:
    await company.box.switch("meta-version-gone", on=True)
    room = await company.starts("version-gone", "RB-INT-001")
    await room.shows("UNKNOWN · Check current rate limit status: No ad account could be asked")
    await company.box.switch("meta-version-gone", on=False)
