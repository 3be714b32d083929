"""The official kubectl takes the sandbox for a cluster: what an operator types works in it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.peers.kubernetes import Cluster
from tests.sandbox.kubernetes.waiting import until

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0
DEPLOYMENT = "deployment/celery-worker"


class Kubectl:
    """It is given nothing of the machine's own: no configuration, no proxy, no cache."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        program = shutil.which("kubectl")
        if program is None:
            raise RuntimeError("These tests drive kubectl: apt-get install kubernetes-client")
        self._program, self._folder = program, folder
        (folder / "config").write_text(cluster.kubeconfig())

    def start(self, *words: str) -> "asyncio.Task[asyncio.subprocess.Process]":
        own = ("--kubeconfig", str(self._folder / "config"), "--cache-dir", str(self._folder))
        return asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                self._program,
                *own,
                *words,
                env={"HOME": str(self._folder)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        )

    async def __call__(self, *words: str, fails: bool = False) -> str:
        process = await self.start(*words)
        try:
            async with asyncio.timeout(PATIENCE_S):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert bool(process.returncode) is fails, said.decode()
        return said.decode()


@pytest.fixture
async def kubectl(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Kubectl]:
    await until(lambda: cluster.alive() == 3)
    yield Kubectl(cluster, tmp_path)


async def test_it_sees_what_there_is(kubectl: Kubectl, cluster: Cluster) -> None:
    deployments = await kubectl("get", "deploy")
    assert [line.split()[:4] for line in deployments.splitlines()] == [
        ["NAME", "READY", "UP-TO-DATE", "AVAILABLE"],
        ["celery-beat", "1/1", "1", "1"],
        ["celery-worker", "3/3", "3", "3"],
    ]
    pods = await kubectl("get", "pods", "-l", "app in (celery-worker)", "--no-headers")
    assert [line.split()[:4] for line in pods.splitlines()] == [
        [name, "1/1", "Running", "0"] for name in sorted(pod.name for pod in cluster.pods())
    ]
    assert "Scaled up replica set celery-worker" in await kubectl("get", "events")
    assert "3 desired | 3 updated | 3 total | 3 available" in await kubectl("describe", DEPLOYMENT)
    assert "NotFound" in await kubectl("get", "deploy", "nope", fails=True)


async def test_a_restart_replaces_every_pod_and_is_seen_through(
    kubectl: Kubectl, cluster: Cluster
) -> None:
    before = {pod.name for pod in cluster.pods()}
    await kubectl("rollout", "restart", DEPLOYMENT)
    assert "successfully rolled out" in await kubectl("rollout", "status", DEPLOYMENT)
    after = {pod.name for pod in cluster.pods()}
    assert len(after) == 3 and not after & before


async def test_a_scale_holds_and_one_that_expects_something_else_does_not(
    kubectl: Kubectl, cluster: Cluster
) -> None:
    await kubectl("scale", DEPLOYMENT, "--replicas=5", "--current-replicas=3")
    await kubectl("rollout", "status", DEPLOYMENT)
    assert cluster.alive() == 5
    refused = ("scale", DEPLOYMENT, "--replicas=2", "--current-replicas=3")
    assert "Expected replicas to be 3, was 5" in await kubectl(*refused, fails=True)


async def test_a_bad_image_is_stuck_and_undone(kubectl: Kubectl, cluster: Cluster) -> None:
    cluster.kubelet.bad_images.add("complyai/worker:9")
    await kubectl("set", "image", DEPLOYMENT, "worker=complyai/worker:9")
    said = await kubectl("rollout", "status", DEPLOYMENT, fails=True)
    assert "exceeded its progress deadline" in said
    assert "ImagePullBackOff" in await kubectl("get", "pods")
    await kubectl("rollout", "undo", DEPLOYMENT)
    assert "successfully rolled out" in await kubectl("rollout", "status", DEPLOYMENT)


async def test_logs_are_followed_to_the_end_of_the_pod(kubectl: Kubectl, cluster: Cluster) -> None:
    pod = cluster.pods()[0]
    assert "ready." in await kubectl("logs", pod.name, "--timestamps", "--tail=1")
    process = await kubectl.start("logs", "-f", pod.name)
    assert process.stdout
    while b"ready." not in await process.stdout.readline():
        pass
    cluster.write(pod, "a line of later")
    assert await process.stdout.readline() == b"a line of later\n"
    cluster.kubelet.end(pod)
    assert await process.stdout.read() == b"worker: Warm shutdown (MainProcess)\n"
    assert await process.wait() == 0


async def test_workers_that_die_are_shown_and_their_last_life_is_kept(
    kubectl: Kubectl, cluster: Cluster
) -> None:
    pod = cluster.pods()[0]
    cluster.kill_workers()
    assert "CrashLoopBackOff" in await kubectl("get", "pods")
    await until(lambda: pod.restarts >= 1)
    cluster.revive_workers()
    await until(lambda: pod.is_ready)
    assert "signal 9" in await kubectl("logs", pod.name, "--previous")


async def test_whoever_may_not_is_told_so(cluster: Cluster, tmp_path: Path) -> None:
    cluster.restrict([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}])
    kubectl = Kubectl(cluster, tmp_path)
    await kubectl("get", "pods")
    said = await kubectl("scale", DEPLOYMENT, "--replicas=1", fails=True)
    assert "cannot get resource" in said and "deployments" in said
