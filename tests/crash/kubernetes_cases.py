"""For every change in Kubernetes: a deployment of its own that it is due for. See cases.py."""

import contextlib

from adapters.kubernetes import Deployment, RestartDeployment, ScaleDeployment
from assembly.outside import kubernetes
from assembly.secrets import open_vault
from bot.runbook import Change
from sandbox.box import Box
from sandbox.peers.kubernetes import NAMESPACE
from sandbox.peers.kubernetes.store import DEPLOYMENTS
from tests.crash.cases import NUMBERS, Case, case, sent
from tests.sandbox.kubernetes.waiting import until


@case(RestartDeployment)
async def restart(box: Box) -> Case:
    found = await _deployed(box)
    return _written(box, found.name, found.restart())


@case(ScaleDeployment)
async def scale(box: Box) -> Case:
    found = await _deployed(box)
    return _written(box, found.name, found.scale(2))


async def _deployed(box: Box) -> Deployment:
    name = f"crash-{next(NUMBERS)}"
    box.kubernetes.deploy(name, 1)
    await until(lambda: box.kubernetes.alive(name) == 1)
    settings = box.settings()
    async with contextlib.AsyncExitStack() as stack:
        return await kubernetes(settings, open_vault(settings, stack), stack).deployment(name)


def _written(box: Box, name: str, change: Change) -> Case:
    """How often its spec was made another: each time it is another generation."""

    def generations(_run: str = "") -> int:
        found = box.kubernetes.store.get(DEPLOYMENTS, NAMESPACE, name)
        return int(found["metadata"]["generation"])

    before = generations()
    return Case(change, lambda _: generations() - before, sent(box.kubernetes, "PATCH"))
