"""A company, and the bot in it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from assembly.serving import serve
from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.stage import until

#: Seconds of real time that a second of AWS's rollouts takes here.
SCALE = 0.1


@contextmanager
def credentials(box: Box) -> Iterator[None]:
    """What boto3 looks for in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in box.credentials.items():
            patch.setenv(name, value)
        yield


@asynccontextmanager
async def company_in(
    folder: Path,
    lent: Database | None = None,
    over_http: bool = False,
    scale: float = SCALE,
) -> AsyncIterator[Box]:
    """A company, and nobody to help it yet. `lent`: a database that others use too."""
    found = Box(folder, scale=scale, lent=lent, over_http=over_http)
    with credentials(found):
        async with found.running():
            yield found


@asynccontextmanager
async def bot_in(box: Box, **told: object) -> AsyncIterator[None]:
    """The bot, connected. `told`: settings in the place of the sandbox's."""
    stop = asyncio.Event()
    settings = box.settings().model_copy(update=told)
    serving = asyncio.create_task(serve(settings, stop))
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
