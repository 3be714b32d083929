"""What the bot looks at is in trouble itself: that is said as it is, and never as fine."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.box import Box
from tests.scenarios.outage import CORE, Outage
from tests.scenarios.stage import Incident, Person
from tests.scenarios.stories import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class ThrottledUpdate:
    async def tell(self, stage: Stage) -> tuple[Outage, Incident]:
        async with stage.company() as (box, _), stage.bot(box):
            box.aws.faults.throttle("ecs", "UpdateService", times=3)
            outage = Outage(box)
            return outage, await outage.live()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("told", [ThrottledUpdate()], indirect=True, ids=["thrice"])
async def test_a_change_that_aws_throttles_is_made_a_little_later_and_nobody_is_asked_again(
    told: tuple[Outage, Incident],
) -> None:
    outage, room = told
    outage.check(room)
    assert outage.box.updates(CORE) == 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def diagnosed(shared: Box) -> AsyncIterator[Incident]:
    """A run, once it has looked at everything; nothing that it looks at answers as it should."""
    shared.aws.faults.deny("ecs", "DescribeServices")
    shared.vendors.vendors["Stripe"] = "unknown shape"
    await shared.database.exhaust_connections()
    room = await Person(shared, "U0DANA").starts("RB-INC-001 brief_desc=all-dark")
    await room.offers(names.CLOSE)
    yield room
    shared.aws.faults.clear()
    shared.vendors.vendors["Stripe"] = "well"
    await shared.database.free_connections()


async def test_what_aws_does_not_let_the_bot_read_is_unknown_and_names_the_right_it_lacks(
    diagnosed: Incident,
) -> None:
    lacks = "AWS refused ecs:DescribeServices"
    await diagnosed.shows(f"UNKNOWN · Check which services are affected: {lacks}")
    await diagnosed.shows(f"UNKNOWN · Check recent deployments: {lacks}")


async def test_a_database_that_takes_no_more_clients_is_a_problem_and_says_which(
    diagnosed: Incident,
) -> None:
    await diagnosed.shows(
        "PROBLEM · Check database connectivity: SELECT 1 failed: has no connection left"
    )


async def test_a_vendors_page_of_a_shape_that_nobody_knows_is_unknown_and_names_the_vendor(
    diagnosed: Incident,
) -> None:
    await diagnosed.shows("UNKNOWN · Check external dependencies")
    await diagnosed.shows("Stripe's status page has changed its shape")


async def test_where_nothing_could_be_seen_nothing_is_called_fine(diagnosed: Incident) -> None:
    await diagnosed.shows("UNKNOWN · Check external dependencies")
    assert not diagnosed.reads("OK · ")
