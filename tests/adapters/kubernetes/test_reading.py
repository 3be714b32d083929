"""What is read of a cluster, and what is said when it cannot be."""

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.kubernetes import READS, KubeCalls, Kubernetes
from adapters.kubernetes.errors import Denied, Expired, NotThere
from bot.runbook.errors import NothingDone, Refused, StepError, Unreachable
from bot.secrets.vault import NotAccepted
from bot.settings import KubernetesSettings
from sandbox.peers import peer
from sandbox.peers.kubernetes import NAMESPACE, Cluster
from tests.adapters.kubernetes.test_changes import make_at_last
from tests.credentials import Changing, given
from tests.sandbox.kubernetes.waiting import until

pytestmark = pytest.mark.slow

WORKER = "celery-worker"
PATH = re.compile(r"/(?:api|apis/(apps))/v1/namespaces/production/(\w+)(?:/([a-z0-9-]+)(/\w+)?)?")
INSTALL = Path(__file__).parents[3] / "docs/install.md"


async def test_a_deployment_that_is_well(kubernetes: Kubernetes) -> None:
    found = await kubernetes.deployment(WORKER)
    assert (found.desired, found.updated, found.ready, found.unavailable) == (3, 3, 3, 0)
    assert found.image == "complyai/worker:2.14.1"
    assert found.conditions["Progressing"] == "True (NewReplicaSetAvailable)"
    assert found.observed == found.generation
    assert (found.rollout, found.trouble) == ("complete", "")
    assert found.says == "celery-worker has 3 of 3 pods ready"


async def test_a_deployment_that_is_not_there_is_a_fact(kubernetes: Kubernetes) -> None:
    found = await kubernetes.deployment("nope")
    assert (found.exists, found.trouble) == (False, "does not exist")
    with pytest.raises(NotThere, match=r'deployments\.apps "nope" not found'):
        await kubernetes.pods("nope")


async def test_a_rollout_that_does_not_get_on_says_so(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    cluster.deploy_bad()

    async def is_stuck() -> bool:
        return (await kubernetes.deployment(WORKER)).rollout == "stuck"

    await until(is_stuck)
    found = await kubernetes.deployment(WORKER)
    assert "timed out progressing" in found.trouble and "timed out progressing" in found.says


@pytest.mark.parametrize("name", ["../secrets/x", "", "A", "a/b", "x" * 300, "a\n", "-a", "a b"])
async def test_what_can_be_no_name_is_not_asked_for(
    kubernetes: Kubernetes, cluster: Cluster, name: str
) -> None:
    for asked in (kubernetes.deployment, kubernetes.pods, kubernetes.events):
        with pytest.raises(Refused, match="can be no deployment's name"):
            await asked(name)
    assert cluster.calls == []


async def test_pods_are_told_with_the_last_line_of_their_logs(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    first = min(cluster.pods(), key=lambda pod: pod.name)
    cluster.write(first, "Task ad_sync[1] raised: password=hunter2hunter2 \x1b[31m<!channel>")
    found = await kubernetes.pods(WORKER)
    assert [pod.name for pod in found.pods] == sorted(pod.name for pod in cluster.pods())
    assert (found.ready, found.troubles, found.is_complete) == (3, "", True)
    assert found.pods[0].last_line.startswith("Task ad_sync[1] raised: password=")
    assert "hunter2" not in found.pods[0].last_line and "\x1b" not in found.pods[0].last_line
    assert found.pods[1].last_line.endswith("ready.")
    assert found.table().rows[0][0] == first.name


async def test_pods_that_crash_say_why_and_how_often(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    cluster.kill_workers()
    pod = cluster.pods()[0]
    await until(lambda: pod.restarts >= 2)
    found = {one.name: one for one in (await kubernetes.pods(WORKER)).pods}[pod.name]
    assert (found.ready, found.waiting) == (False, "CrashLoopBackOff")
    assert found.ended == "OOMKilled, exit code 137"
    assert found.restarts >= 2 and "signal 9" in found.last_line
    assert found.trouble == "CrashLoopBackOff (OOMKilled, exit code 137)"


async def test_pods_without_an_image_have_no_log_and_say_so(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    cluster.deploy_bad()
    await until(lambda: any(pod.phase == "no image" for pod in cluster.pods()))
    found = await kubernetes.pods(WORKER)
    (ill,) = (pod for pod in found.pods if pod.trouble)
    assert (ill.phase, ill.waiting) == ("Pending", "ImagePullBackOff")
    assert "waiting to start" in ill.unread and "complyai/worker:2.15.0" in ill.waiting_says
    assert found.troubles == f"{ill.name}: ImagePullBackOff"


async def test_a_list_is_read_page_by_page(kubernetes: Kubernetes, cluster: Cluster) -> None:
    cluster.deploy(WORKER, 120)
    cluster.settle()
    found = await kubernetes.pods(WORKER)
    assert (len(found.pods), found.is_complete) == (120, True)
    pages = [call for call in cluster.calls if call.path.endswith("/pods")]
    assert [call.query.get("continue") for call in pages] == [None, "50", "100"]
    cluster.fail("expired", times=1)
    with pytest.raises(Expired, match=r"too long ago\. Try again"):
        await kubernetes.pods(WORKER)


async def test_events_are_those_of_the_deployment_and_what_is_its_own(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    cluster.deploy("celery-worker-slow", 1)
    before = {pod.name for pod in cluster.pods()}
    cluster.kill_workers()
    for pod in cluster.pods():
        cluster.kubelet.end(pod)
    await until(lambda: not before & {pod.name for pod in cluster.kubelet.lives.values()})
    found = await kubernetes.events(WORKER)
    times = [event.at for event in found.events]
    assert times == sorted(times, reverse=True)
    about = {event.about.partition(" ")[2] for event in found.events}
    assert before <= about, "events of pods that are gone"
    assert not any("beat" in name or "slow" in name for name in about)
    assert {event.reason for event in found.warnings} == {"BackOff"}
    assert len((await kubernetes.events(WORKER, newest=2)).events) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("unauthorized", NotAccepted, "does not accept the bot's credentials"),
        ("too many requests", NothingDone, "limits our calls"),
        ("broken", Unreachable, "etcdserver: request timed out"),
        ("error", Unreachable, r"\(HTTP 503\): Service Unavailable"),
        ("html", Unreachable, "something that cannot be read"),
        ("lost request", Unreachable, "broke the connection"),
        ("lost response", Unreachable, "broke the connection"),
        ("half an answer", Unreachable, "broke the connection"),
    ],
)
async def test_each_trouble_is_told_apart(
    kubernetes: Kubernetes, cluster: Cluster, fault: str, kind: type[StepError], says: str
) -> None:
    cluster.fail(fault)
    with pytest.raises(kind, match=says) as raised:
        await kubernetes.deployment(WORKER)
    assert "Nothing was read" in str(raised.value)
    assert cluster.token not in str(raised.value)


@pytest.mark.parametrize("fault", ["broken", "too many requests", "lost response"])
async def test_reading_is_tried_again(
    kubernetes: Kubernetes, cluster: Cluster, fault: str
) -> None:
    cluster.fail(fault, times=2)
    assert (await kubernetes.deployment(WORKER)).exists
    assert len(cluster.calls) == 3


async def test_an_answer_without_end_is_not_read(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kubernetes.calls.LARGEST_ANSWER", 1000)
    with pytest.raises(Unreachable, match="cannot be read"):
        await kubernetes.deployment(WORKER)


async def test_a_call_that_is_slow_is_given_up(
    cluster: Cluster, settings: KubernetesSettings
) -> None:
    calls = KubeCalls(settings.model_copy(update={"timeout_s": 0.2}), given(cluster.token))
    cluster.fail("slow")
    with pytest.raises(Unreachable, match=r"did not get deployments .* within 0.2 s"):
        await Kubernetes(calls, NAMESPACE).deployment(WORKER)
    await calls.close()


async def test_nobody_listening_is_said_so(kubernetes: Kubernetes, cluster: Cluster) -> None:
    await cluster.stop()
    with pytest.raises(NothingDone, match="does not accept connections"):
        await kubernetes.deployment(WORKER)


async def test_a_server_that_another_authority_vouches_for_is_not_told_the_token(
    cluster: Cluster, settings: KubernetesSettings, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(Cluster().ca)
    calls = KubeCalls(settings.model_copy(update={"ca": str(other)}), given(cluster.token))
    with pytest.raises(Refused, match="cannot be trusted"):
        await Kubernetes(calls, NAMESPACE).deployment(WORKER)
    assert cluster.calls == []
    await calls.close()


async def test_a_token_that_was_changed_is_read_again(
    cluster: Cluster, settings: KubernetesSettings
) -> None:
    token = Changing(cluster.token)
    calls = KubeCalls(settings, token.credential)
    kubernetes = Kubernetes(calls, NAMESPACE)
    await kubernetes.deployment(WORKER)
    token.change(cluster.renew_token())
    assert (await kubernetes.deployment(WORKER)).exists
    await calls.close()


async def test_the_token_is_in_no_log(
    kubernetes: Kubernetes, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await kubernetes.pods(WORKER)
    cluster.fail("broken")
    with pytest.raises(Unreachable):
        await kubernetes.deployment(WORKER)
    assert cluster.token not in caplog.text


# What the bot must be allowed.


def role() -> dict[str, Any]:
    text = INSTALL.read_text()
    documents = yaml.safe_load_all(text.split("```yaml\n")[1].split("```")[0])
    found: dict[str, Any] = next(one for one in documents if one["kind"] == "Role")
    return found


def named(rules: list[dict[str, list[str]]]) -> set[str]:
    return {
        f"{f'{group}/' if group else ''}{resource}:{verb}"
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_role_in_the_documentation_is_what_the_adapter_names() -> None:
    changes = {one for pair in Kubernetes.alters for one in pair.permissions}
    assert named(role()["rules"]) == {*READS, *changes}


async def use_everything(kubernetes: Kubernetes, cluster: Cluster) -> None:
    found = await kubernetes.deployment(WORKER)
    await kubernetes.pods(WORKER)
    await kubernetes.events(WORKER)
    since = found.as_of - timedelta(minutes=5)
    await kubernetes.lines(WORKER, since)
    async with kubernetes.following(WORKER, since) as lines:
        cluster.fail("cut log", times=1)
        await until(lambda: {"pods:get", "pods:watch"} <= used(cluster))
        assert await anext(lines)
    await kubernetes._scale(found.scale(4), "key")
    found = await kubernetes.deployment(WORKER)
    await make_at_last(kubernetes, found.restart())


def used(cluster: Cluster) -> set[str]:
    """The permissions that the calls of the bot needed."""
    return {one for call in cluster.calls if (one := permission(call))}


def permission(call: peer.Call) -> str:
    found = PATH.fullmatch(call.path)
    assert found, call.path
    group, resource, name, sub = found.groups()
    verb = "patch" if call.method == "PATCH" else "get" if name else "list"
    verb = "watch" if call.query.get("watch") else verb
    return f"{'apps/' if group else ''}{resource}{sub or ''}:{verb}"


async def test_that_role_is_enough_and_all_of_it_is_used(
    kubernetes: Kubernetes, cluster: Cluster
) -> None:
    cluster.restrict(role()["rules"])
    await use_everything(kubernetes, cluster)
    assert used(cluster) == named(role()["rules"])


@pytest.mark.parametrize("missing", ["get", "list", "patch"])
async def test_without_a_part_of_it_the_bot_says_what_it_may_not(
    kubernetes: Kubernetes, cluster: Cluster, missing: str
) -> None:
    rules = role()["rules"]
    less = [{**one, "verbs": [v for v in one["verbs"] if v != missing]} for one in rules]
    cluster.restrict(less)
    with pytest.raises(Denied, match=f"does not let the bot {missing} .* in namespace production"):
        await use_everything(kubernetes, cluster)
