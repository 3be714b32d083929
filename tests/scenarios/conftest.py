"""The whole sandbox and the whole bot in it, for each scenario."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from assembly.serving import serve
from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.stage import Person, until

#: Seconds of real time that a second of AWS's rollouts takes here.
SCALE = 0.1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/scenarios/" in item.path.as_posix():
            item.add_marker(pytest.mark.slow)


@asynccontextmanager
async def company_in(folder: Path, lent: Database | None = None) -> AsyncIterator[Box]:
    """A company, and nobody to help it yet. `lent`: a database that others use too."""
    found = Box(folder, scale=SCALE, lent=lent)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.credentials.items():
            patch.setenv(name, value)
        async with found.running():
            yield found


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """The company of one test."""
    async with company_in(tmp_path) as found:
        yield found


@asynccontextmanager
async def bot_in(box: Box) -> AsyncIterator[None]:
    """The bot, connected."""
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(box.settings(), stop))
    connected = asyncio.create_task(until(box, lambda: box.slack.socket_mode.connections or None))
    await asyncio.wait({serving, connected}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    await connected
    try:
        yield
    finally:
        stop.set()
        await serving


@pytest.fixture
async def company(box: Box) -> AsyncIterator[Box]:
    """The company with its bot."""
    async with bot_in(box):
        yield box


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    """One company with its bot for all scenarios of a module; its database has no tables."""
    folder = tmp_path_factory.mktemp("company")
    async with (
        Database(organizations=0) as database,
        company_in(folder, database) as found,
        bot_in(found),
    ):
        yield found


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
