"""A deployment is restarted and scaled once, as planned or not at all, whatever gets lost."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.kubernetes import KubeCalls, Kubernetes, RestartDeployment, ScaleDeployment
from adapters.kubernetes.errors import Call, Overtaken
from bot.engine.systems import Systems
from bot.runbook import Seen
from bot.runbook.errors import NothingDone, Refused, Unreachable
from bot.settings import KubernetesSettings
from sandbox.aws.clock import StandingClock
from sandbox.peers.kubernetes import NAMESPACE, Cluster
from sandbox.peers.kubernetes.answers import TOO_MANY
from sandbox.peers.kubernetes.store import DEPLOYMENTS
from tests.credentials import given
from tests.sandbox.kubernetes.waiting import until

pytestmark = pytest.mark.slow

WORKER, KEY = "celery-worker", "the key of this change"
Change = RestartDeployment | ScaleDeployment


async def planned(kubernetes: Kubernetes, kind: str) -> Change:
    found = await kubernetes.deployment(WORKER)
    return found.restart() if kind == "restart" else found.scale(5)


async def see(kubernetes: Kubernetes, change: Change) -> Seen:
    return await Systems(kubernetes).hand(change).observe(change)


async def make(kubernetes: Kubernetes, change: Change) -> None:
    made = Systems(kubernetes).hand(change).apply(change, KEY)
    assert isinstance(made, Awaitable)
    await made


async def make_at_last(kubernetes: Kubernetes, change: Change) -> None:
    """As the engine does it: the cluster's own writes come in between while pods come and go."""

    async def is_made() -> bool:
        try:
            await make(kubernetes, change)
        except Overtaken:
            return False
        return True

    await until(is_made)


async def settled(kubernetes: Kubernetes, change: Change) -> Seen:
    found: list[Seen] = []

    async def is_over() -> bool:
        found.append(await see(kubernetes, change))
        return found[-1].state != "applying"

    await until(is_over)
    return found[-1]


@contextmanager
def time_standing(cluster: Cluster) -> Iterator[None]:
    """No pod becomes ready meanwhile."""
    running = cluster.store.clock
    cluster.store.clock = StandingClock(datetime.now(UTC))
    yield
    cluster.store.clock = running


def patches(cluster: Cluster) -> int:
    return sum(call.method == "PATCH" for call in cluster.calls)


def spec(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = cluster.store.get(DEPLOYMENTS, NAMESPACE, WORKER)["spec"]
    return found


def alter(cluster: Cluster, change: Callable[[dict[str, Any]], None]) -> None:
    """Somebody else writes the deployment's spec."""
    there = cluster.store.get(DEPLOYMENTS, NAMESPACE, WORKER)
    metadata = {**there["metadata"], "generation": there["metadata"]["generation"] + 1}
    altered = {**there["spec"]}
    change(altered)
    content = {**there, "metadata": metadata, "spec": altered}
    cluster.store.put(DEPLOYMENTS, NAMESPACE, WORKER, content)


def touch(cluster: Cluster) -> None:
    """The cluster itself writes it, as it does with every pod that becomes ready."""
    there = cluster.store.get(DEPLOYMENTS, NAMESPACE, WORKER)
    cluster.store.put(DEPLOYMENTS, NAMESPACE, WORKER, there)


async def test_a_restart_is_seen_before_while_and_after_it(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    change = await planned(kubernetes, "restart")
    before = {pod.name for pod in cluster.pods()}
    assert (await see(kubernetes, change)).state == "before"
    with time_standing(cluster):
        await make(kubernetes, change)
        at_once = await see(kubernetes, change)
    assert at_once.state == "applying" and "in progress" in at_once.now
    assert await settled(kubernetes, change) == Seen(
        "applied", "celery-worker has 3 of 3 pods ready"
    )
    assert not before & {pod.name for pod in cluster.pods()}
    assert change.command() == (
        "kubectl --namespace production rollout restart deployment/celery-worker"
    )


async def test_a_scale_is_seen_before_while_and_after_it_and_taken_back(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    change = (await kubernetes.deployment(WORKER)).scale(5)
    assert (await see(kubernetes, change)).state == "before"
    with time_standing(cluster):
        await make(kubernetes, change)
        assert (await see(kubernetes, change)).state == "applying"
    assert (await settled(kubernetes, change)).state == "applied"
    assert cluster.alive() == 5
    undo = change.undo()
    assert undo.command() == (
        "kubectl --namespace production scale deployment/celery-worker --replicas=3"
    )
    assert (await see(kubernetes, undo)).state == "before"
    await make(kubernetes, undo)
    assert (await settled(kubernetes, undo)).state == "applied"
    assert (undo.undo(), len(cluster.pods())) == (change, 3)


async def test_a_scale_to_none_stops_all_work_and_is_taken_back(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    """As for a restore, during which nobody may write."""
    stop = (await kubernetes.deployment(WORKER)).scale(0)
    await make(kubernetes, stop)
    assert (await settled(kubernetes, stop)).state == "applied"
    assert cluster.alive() == 0
    assert (await see(kubernetes, stop.undo())).state == "before"
    await make(kubernetes, stop.undo())
    assert (await settled(kubernetes, stop.undo())).state == "applied"
    with pytest.raises(ValidationError):
        (await kubernetes.deployment(WORKER)).scale(-1)


@pytest.mark.parametrize("kind", ["restart", "scale"])
async def test_a_change_whose_answer_is_lost_is_found_and_not_made_again(
    kubernetes: Kubernetes, cluster: Cluster, settings: KubernetesSettings, kind: str
) -> None:
    """So it is too for a bot that died between the call and its record: it only looks."""
    change = await planned(kubernetes, kind)
    cluster.fail("lost response", times=1, method="PATCH")
    with pytest.raises(Unreachable, match="may have been done all the same") as raised:
        await make(kubernetes, change)
    assert not isinstance(raised.value, NothingDone)
    calls = KubeCalls(settings, given(cluster.token))
    next_life = Kubernetes(calls, NAMESPACE)
    assert (await settled(next_life, change)).state == "applied"
    made = cluster.store.get(DEPLOYMENTS, NAMESPACE, WORKER)["metadata"]["generation"]
    with pytest.raises(Refused, match="Nothing was changed"):
        await make(next_life, change)
    again = cluster.store.get(DEPLOYMENTS, NAMESPACE, WORKER)["metadata"]["generation"]
    assert (made, again, patches(cluster)) == (2, 2, 1)
    await calls.close()


@pytest.mark.parametrize(
    "fault", ["slow", "lost request", "lost response", "broken", "error", "half an answer", "html"]
)
async def test_a_write_is_never_repeated_and_may_have_been_done(
    cluster: Cluster, settings: KubernetesSettings, fault: str
) -> None:
    calls = KubeCalls(settings.model_copy(update={"timeout_s": 0.5}), given(cluster.token))
    cluster.fail(fault)
    call = Call("patch", "deployments", WORKER, "scale", "apps", NAMESPACE)
    with pytest.raises(Unreachable, match="may have been done all the same") as raised:
        await calls.write(call, {"spec": {"replicas": 4}})
    assert not isinstance(raised.value, NothingDone)
    assert patches(cluster) == 1
    await calls.close()


@pytest.mark.parametrize("kind", ["restart", "scale"])
async def test_a_write_that_is_limited_may_be_made_again_when_it_is_said(
    kubernetes: Kubernetes, cluster: Cluster, kind: str
) -> None:
    change = await planned(kubernetes, kind)

    def limit() -> None:
        raise TOO_MANY

    cluster.before_change = limit
    with pytest.raises(NothingDone, match="Nothing was changed") as raised:
        await make(kubernetes, change)
    assert (raised.value.again_after_s, patches(cluster)) == (1.0, 1)
    assert (await see(kubernetes, change)).state == "before"


@pytest.mark.parametrize("kind", ["restart", "scale"])
async def test_a_write_by_the_cluster_itself_is_no_drift(
    kubernetes: Kubernetes, cluster: Cluster, kind: str
) -> None:
    change = await planned(kubernetes, kind)
    cluster.before_change = lambda: touch(cluster)
    with pytest.raises(Overtaken, match=r"changed at the same moment\. Nothing was changed"):
        await make(kubernetes, change)
    assert (await see(kubernetes, change)).state == "before"
    cluster.before_change = lambda: None
    await make(kubernetes, change)
    assert (await settled(kubernetes, change)).state == "applied"


@pytest.mark.parametrize("kind", ["restart", "scale"])
async def test_what_somebody_does_at_the_same_moment_wins(
    kubernetes: Kubernetes, cluster: Cluster, kind: str
) -> None:
    change = await planned(kubernetes, kind)

    def scaled_and_deployed(found: dict[str, Any]) -> None:
        found["replicas"] = 7
        container = {"name": "worker", "image": "complyai/worker:3"}
        found["template"] = {**found["template"], "spec": {"containers": [container]}}

    cluster.before_change = lambda: alter(cluster, scaled_and_deployed)
    with pytest.raises(Refused, match="Nothing was changed"):
        await make(kubernetes, change)
    assert (await see(kubernetes, change)).state == "drifted"
    assert spec(cluster)["replicas"] == 7
    assert "annotations" not in spec(cluster)["template"]["metadata"]


async def test_a_scale_by_somebody_else_is_no_drift_for_a_restart(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    change = await planned(kubernetes, "restart")
    alter(cluster, lambda found: found.update(replicas=4))
    assert (await see(kubernetes, change)).state == "before"
    await make_at_last(kubernetes, change)
    assert (await settled(kubernetes, change)).state == "applied"


async def test_a_restart_by_somebody_else_is_drift(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    change = await planned(kubernetes, "restart")
    assert isinstance(change, RestartDeployment)
    later = change.model_copy(update={"at": change.at.replace(year=2031)})
    await make(kubernetes, later)
    assert (await see(kubernetes, change)).state == "drifted"
    with pytest.raises(Refused, match=r"was restarted 2031-.* by somebody else"):
        await make(kubernetes, change)
    assert patches(cluster) == 1


@pytest.mark.parametrize("kind", ["restart", "scale"])
async def test_another_deployment_of_the_same_name_is_not_touched(
    kubernetes: Kubernetes, cluster: Cluster, kind: str
) -> None:
    change = await planned(kubernetes, kind)
    cluster.store.remove(DEPLOYMENTS, NAMESPACE, WORKER)
    assert (await see(kubernetes, change)).state == "drifted"
    cluster.deploy(WORKER, 3)
    assert "made anew" in (await see(kubernetes, change)).now
    with pytest.raises(Refused, match="made anew"):
        await make(kubernetes, change)
    assert patches(cluster) == 0


async def test_a_restart_that_does_not_get_on_is_said_to_be_so(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    change = await planned(kubernetes, "restart")
    cluster.kubelet.bad_images.add("complyai/worker:2.14.1")
    await make(kubernetes, change)
    seen = await settled(kubernetes, change)
    assert seen.state == "drifted" and "timed out progressing" in seen.now


async def test_a_paused_deployment_is_not_restarted(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    change = await planned(kubernetes, "restart")
    alter(cluster, lambda found: found.update(paused=True))
    assert (await see(kubernetes, change)).state == "drifted"
    with pytest.raises(Refused, match="is paused"):
        await make(kubernetes, change)


async def test_a_restart_cures_workers_that_are_dead(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    cluster.kill_workers()
    assert cluster.alive() == 0
    change = await planned(kubernetes, "restart")
    await make_at_last(kubernetes, change)
    assert (await settled(kubernetes, change)).state == "applied"
    assert cluster.alive() == 3
    cluster.kill_workers()
    cluster.revive_workers()
    await until(lambda: cluster.alive() == 3)
