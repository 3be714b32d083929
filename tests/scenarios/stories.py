"""
Stories that take long, for somebody in them waits: such as the 40 s until a call that nobody
answered counts as not made. All of a module are told at the same time, each with a company of its
own but for its database, and each has a test that waits for its end.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.company import bot_in, company_in
from tests.scenarios.life import Lives
from tests.scenarios.life import lives as lives_of

#: The fixture that waits for the story which its test is parametrized with.
TOLD = "told"
STARTING_AT_ONCE = 2  #: Companies and bots: that is work for the machine, and not waiting.


class Stage:
    """Where the stories are set."""

    def __init__(self, folders: pytest.TempPathFactory, database: Database) -> None:
        self._folders, self._database = folders, database
        self._starting = asyncio.Semaphore(STARTING_AT_ONCE)
        self._migrating = asyncio.Lock()

    @asynccontextmanager
    async def company(self) -> AsyncIterator[tuple[Box, Path]]:
        """With the folder of its bot's store."""
        folder = self._folders.mktemp("company")
        async with AsyncExitStack() as stack:
            async with self._starting:
                box = await stack.enter_async_context(company_in(folder, self._database))
            yield box, folder

    @asynccontextmanager
    async def bot(self, box: Box) -> AsyncIterator[None]:
        """In this process, in which no two may migrate their stores at the same time."""
        async with AsyncExitStack() as stack:
            async with self._migrating:
                await stack.enter_async_context(bot_in(box))
            yield

    @asynccontextmanager
    async def lives(self, box: Box, folder: Path) -> AsyncIterator[Lives]:
        async with AsyncExitStack() as stack:
            async with self._starting:
                bot = await stack.enter_async_context(lives_of(box, folder))
            yield bot


class Story(Protocol):
    async def tell(self, stage: Stage) -> Any:
        """To its end; what the test looks at then."""


def chosen(items: Sequence[pytest.Item], module: Path) -> list[Story]:
    """Those of this module whose tests are run."""
    ours = [one for one in items if one.path == module]
    calls: list[Any] = [getattr(one, "callspec", None) for one in ours]
    return [call.params[TOLD] for call in calls if call and TOLD in call.params]
