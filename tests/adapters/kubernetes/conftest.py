"""A cluster, and the adapter that is set up for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.kubernetes import KubeCalls, Kubernetes
from bot.settings import KubernetesSettings
from sandbox.peers.kubernetes import NAMESPACE, Cluster
from tests.credentials import given

SCALE = 0.02  #: Seconds that a second of the cluster's takes.
LIMIT_S = 5.0


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with Cluster(SCALE) as made:
        yield made


@pytest.fixture
def ca(cluster: Cluster, tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_text(cluster.ca)
    return str(file)


@pytest.fixture
def settings(cluster: Cluster, ca: str) -> KubernetesSettings:
    return KubernetesSettings(url=cluster.url, ca=ca, timeout_s=LIMIT_S)


@pytest.fixture
async def calls(
    cluster: Cluster, settings: KubernetesSettings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KubeCalls]:
    monkeypatch.setattr("adapters.kubernetes.calls.PAUSE_S", 0.0)
    made = KubeCalls(settings, given(cluster.token))
    yield made
    await made.close()


@pytest.fixture
def kubernetes(calls: KubeCalls) -> Kubernetes:
    return Kubernetes(calls, NAMESPACE)
