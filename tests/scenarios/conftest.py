"""The whole sandbox and the whole bot in it, for each scenario."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.company import bot_in, company_in, credentials
from tests.scenarios.stage import Person
from tests.scenarios.stories import Stage, Story, chosen


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/scenarios/" in item.path.as_posix():
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module", autouse=True)
def also_on_a_busy_machine(forms_may_open_late: None) -> None:
    """Scenarios run whole bots beside other tests."""


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """The company of one test."""
    async with company_in(tmp_path) as found:
        yield found


@pytest.fixture
async def company(box: Box) -> AsyncIterator[Box]:
    """The company with its bot."""
    async with bot_in(box):
        yield box


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lent() -> AsyncIterator[Database]:
    """A database without tables, for all companies of a module and their bots' stores."""
    async with Database(organizations=0) as database:
        yield database


@pytest_asyncio.fixture(loop_scope="module")
async def lodger(tmp_path: Path, lent: Database) -> AsyncIterator[Box]:
    """The company of one test, on that database."""
    async with company_in(tmp_path, lent) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    """
    One company for all scenarios of a module. Its database has no tables, and its bot has run
    something: what it does for the first time takes it longer.
    """
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=0) as database,
        company_in(folder, database) as found,
        bot_in(found),
    ):
        await Person(found, "U0DANA").insists("dry RB-INC-001 brief_desc=first-of-all")
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stories(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[Story, asyncio.Task[Any]]]:
    """
    All of the module that are wanted, while they are told. Whoever ends leaves the others
    credentials.
    """
    with credentials(Box(tmp_path_factory.mktemp("nowhere"))):
        async with Database(organizations=0) as database:
            stage = Stage(tmp_path_factory, database)
            wanted = chosen(request.session.items, request.path)
            telling = {story: asyncio.create_task(story.tell(stage)) for story in wanted}
            yield telling
            for task in telling.values():
                task.cancel()
            await asyncio.gather(*telling.values(), return_exceptions=True)


@pytest_asyncio.fixture(loop_scope="module")
async def told(
    request: pytest.FixtureRequest, stories: Mapping[Story, asyncio.Task[Any]]
) -> object:
    """What the story of this test has come to, once all are told: none is left standing still."""
    await asyncio.wait(stories.values())
    return await stories[request.param]


@pytest.fixture
def dana(box: Box) -> Person:
    """May start runs and approve others' changes."""
    return Person(box, "U0DANA")


@pytest.fixture
def ravi(box: Box) -> Person:
    """On call; an operator."""
    return Person(box, "U0RAVI")


@pytest.fixture
def lena(box: Box) -> Person:
    """An operator and database administrator."""
    return Person(box, "U0LENA")


@pytest.fixture
def vera(box: Box) -> Person:
    """Has no role."""
    return Person(box, "U0VERA")
