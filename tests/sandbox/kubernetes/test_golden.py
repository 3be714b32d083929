"""
The sandbox's Kubernetes answers as a real kube-apiserver did: version 1.20 with its own deployment
and replica set controllers was asked these questions once, and tests/data/kubernetes.json is what
it said. (Its logs came from a pretended kubelet, so what those say is not compared.)
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.peers.kubernetes import Cluster
from tests.sandbox.kubernetes.waiting import until

pytestmark = pytest.mark.slow

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data/kubernetes.json").read_text()
)
CORE, APPS = "/api/v1/namespaces/production", "/apis/apps/v1/namespaces/production"
WORKER = f"{APPS}/deployments/celery-worker"
SCALE = f"{WORKER}/scale"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
OPERATIONS = "application/json-patch+json"
POD = re.compile(r"celery-worker-[a-z0-9]+-[a-z0-9]{5}")
#: How each question was put: method, path, type and body; `{pod}` is the first worker's name.
ASKED: dict[str, tuple[str, ...]] = {
    "get 404": ("GET", f"{APPS}/deployments/nope"),
    "unknown resource": ("GET", f"{APPS}/nopes"),
    "unknown group": ("GET", "/apis/nope/v1/things"),
    "bad selector": ("GET", f"{CORE}/pods?labelSelector=app in (a"),
    "bad field selector": ("GET", f"{CORE}/pods?fieldSelector=foo.bar=1"),
    "patch application/json": ("PATCH", WORKER, "application/json", "{}"),
    "scale negative": ("PATCH", SCALE, MERGE, '{"spec": {"replicas": -1}}'),
    "scale 404": ("PATCH", f"{APPS}/deployments/nope/scale", MERGE, '{"spec": {"replicas": 1}}'),
    "deploy patch bad json": ("PATCH", WORKER, OPERATIONS, '{"not": "a list"}'),
    "conflict": ("PATCH", WORKER, MERGE, '{"metadata": {"resourceVersion": "1"}}'),
    "jsonpatch test fail": (
        "PATCH", WORKER, OPERATIONS, '[{"op": "test", "path": "/spec/replicas", "value": 9}]'
    ),
    "log bad container": ("GET", f"{CORE}/pods/{{pod}}/log?container=zzz"),
    "log 404": ("GET", f"{CORE}/pods/nope/log"),
    "log negative tail": ("GET", f"{CORE}/pods/{{pod}}/log?tailLines=-1"),
    "log both since": (
        "GET", f"{CORE}/pods/{{pod}}/log?sinceSeconds=1&sinceTime=2026-11-23T04:10:17Z"
    ),
}  # fmt: skip
#: Of an object, what the sandbox leaves out: nobody here reads it.
LEFT_OUT = {
    ".spec.containers[].terminationMessagePath",
    ".spec.containers[].terminationMessagePolicy",
    ".spec.containers[].imagePullPolicy",
    ".spec.terminationGracePeriodSeconds",
    ".spec.dnsPolicy",
    ".spec.securityContext",
    ".spec.schedulerName",
    ".spec.priority",
    ".spec.enableServiceLinks",
    ".spec.preemptionPolicy",
    ".status.conditions[].lastProbeTime",
}


@pytest.fixture
async def asking(cluster: Cluster) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {cluster.token}"}
    async with aiohttp.ClientSession(
        cluster.url, headers=headers, connector=aiohttp.TCPConnector(ssl=False)
    ) as session:
        yield session


async def answer(
    asking: aiohttp.ClientSession, method: str, path: str, kind: str = "", body: str = ""
) -> tuple[int, Any]:
    headers = {"Content-Type": kind} if kind else {}
    async with asking.request(method, path, data=body or None, headers=headers) as got:
        text = await got.text()
    return got.status, json.loads(text) if got.content_type == "application/json" else text


def unnamed(said: Any) -> Any:
    """With the same name for every pod: they are made up."""
    return json.loads(POD.sub("celery-worker-a-bcdef", json.dumps(said)))


@pytest.mark.parametrize("name", ASKED)
async def test_an_error_is_said_word_for_word(
    cluster: Cluster, asking: aiohttp.ClientSession, name: str
) -> None:
    method, path, *rest = ASKED[name]
    path = path.replace("{pod}", cluster.pods()[0].name)
    status, said = await answer(asking, method, path, *rest)
    assert status == GOLDEN[name]["status"]
    assert unnamed(said) == unnamed(GOLDEN[name]["body"])


async def test_strangers_and_those_without_rights_are_refused_word_for_word(
    cluster: Cluster, asking: aiohttp.ClientSession
) -> None:
    stranger = {"Authorization": "Bearer nobody"}
    async with asking.get(WORKER, headers=stranger) as got:
        assert (got.status, await got.json()) == (401, GOLDEN["401"]["body"])
    token = cluster.admit("low", rules=[])
    low = {"Authorization": f"Bearer {token}", "Content-Type": MERGE}
    async with asking.patch(SCALE, headers=low, data='{"spec": {"replicas": 1}}') as got:
        assert (got.status, await got.json()) == (403, GOLDEN["403"]["body"])


@pytest.mark.parametrize(("name", "kind"), [("scale smp", STRATEGIC), ("scale merge", MERGE)])
async def test_a_scale_is_answered_in_the_same_shape(
    asking: aiohttp.ClientSession, name: str, kind: str
) -> None:
    expected = GOLDEN[name]["body"]
    body = json.dumps({"spec": expected["spec"]})
    status, said = await answer(asking, "PATCH", SCALE, kind, body)
    assert (status, said["spec"]) == (200, expected["spec"])
    assert set(paths(said)) == set(paths(expected))


def paths(one: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Every place in an object where something stands, and of which type."""
    if isinstance(one, dict):
        yield at, "object"
        for name, value in one.items():
            below = "" if at.endswith((".labels", ".annotations")) else f"{at}.{name}"
            if below:
                yield from paths(value, below)
    elif isinstance(one, list):
        for value in one:
            yield from paths(value, f"{at}[]")
    elif one is not None:
        yield at, type(one).__name__


async def test_a_pod_and_an_event_have_the_places_that_real_ones_have(
    asking: aiohttp.ClientSession,
) -> None:
    for resource, name in (("pods?labelSelector=app=celery-worker", "pod"), ("events", "event")):
        _, listed = await answer(asking, "GET", f"{CORE}/{resource}")
        ours = dict(paths(listed["items"][0]))
        for place, kind in paths(GOLDEN[name]):
            if place in LEFT_OUT or place.startswith(".spec.tolerations"):
                continue
            assert ours.get(place) == kind, f"{name} {place}"


async def test_a_page_says_the_same_of_what_follows(asking: aiohttp.ClientSession) -> None:
    _, listed = await answer(asking, "GET", f"{CORE}/pods?limit=1")
    assert sorted(listed["metadata"]) == GOLDEN["list limit"]["body"]
    _, empty = await answer(asking, "GET", "/apis/apps/v1/namespaces/none/deployments")
    assert set(paths(empty)) == set(paths(GOLDEN["list empty ns"]["body"]))


async def test_a_patch_that_changes_nothing_writes_nothing(asking: aiohttp.ClientSession) -> None:
    _, before = await answer(asking, "GET", WORKER)
    body = json.dumps({"spec": {"replicas": before["spec"]["replicas"]}})
    _, after = await answer(asking, "PATCH", WORKER, STRATEGIC, body)
    assert after["metadata"] == before["metadata"]


async def test_a_bad_image_leaves_a_rollout_as_a_real_one_was_left(
    cluster: Cluster, asking: aiohttp.ClientSession
) -> None:
    cluster.deploy("celery-worker", 2)
    await until(lambda: cluster.alive() == 2 and len(cluster.pods()) == 2)
    cluster.deploy_bad()
    expected = GOLDEN["bad rollout status"]["body"]
    conditions = expected.pop("cond")
    found: dict[str, Any] = {}

    async def is_stuck() -> bool:
        _, said = await answer(asking, "GET", WORKER)
        found.update(said["status"])
        reasons = [[one[k] for k in ("type", "status", "reason")] for one in found["conditions"]]
        return bool(reasons == conditions)

    await until(is_stuck)
    expected["observedGeneration"] = found["observedGeneration"]
    assert {name: found[name] for name in expected} == expected
