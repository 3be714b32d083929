"""One cluster for a module, where time is real and quick."""

from collections.abc import AsyncIterator

import pytest

from sandbox.peers.kubernetes import Cluster

SCALE = 0.02  #: Seconds that a second of the cluster's takes.


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with Cluster(SCALE) as made:
        yield made
