"""A PostgreSQL for tests with several replicas."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.engine import engine, leases
from tests.engine.approval_sites import OnServer, postgres
from tests.engine.replicas import Replicas
from tests.engine.small_world import World


@pytest.fixture(scope="package")
def server() -> Iterator[OnServer]:
    with postgres() as running:
        yield running


@pytest.fixture
def url(server: OnServer) -> str:
    """Of an empty database."""
    return server.new_url()


@pytest.fixture
async def replicas(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Replicas]:
    monkeypatch.setattr(leases, "LASTS_S", 1.0)
    monkeypatch.setattr(leases, "SEEN_EVERY_S", 0.2)
    monkeypatch.setattr(engine, "SWEEP_EVERY_S", 0.1)
    async with AsyncExitStack() as stack:
        yield Replicas(tmp_path, url, stack, World(), asyncio.Event())
