"""Whatever answers in its place is a fact to be stored and shown, or is said to be none."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.kubernetes import KubeCalls, Kubernetes
from bot.settings import KubernetesSettings
from tests.adapters.test_hostile_answers import AT, Says, told
from tests.hostile import MALICE

pytestmark = pytest.mark.slow


@pytest.fixture
async def other(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Says]:
    monkeypatch.setattr("adapters.kubernetes.calls.PAUSE_S", 0.0)
    async with Says() as made:
        yield made


async def test_whatever_it_answers_is_stored_and_shown(other: Says) -> None:
    calls = KubeCalls(KubernetesSettings(url=other.url))
    kubernetes, at = Kubernetes(calls, "production"), AT.isoformat()
    for one in MALICE.values():
        metadata = {
            "name": "celery-worker-5d9c7b6f48-abcde", "uid": one or "-",
            "creationTimestamp": at, "resourceVersion": one or "-",
            "annotations": {one: one}, "labels": {one: one},
        }  # fmt: skip
        template = {"metadata": metadata, "spec": {"containers": [{"name": one, "image": one}]}}
        waiting = {"waiting": {"reason": one, "message": one}}
        ended = {"terminated": {"exitCode": 1, "reason": one}}
        status = {"name": one, "ready": False, "state": waiting, "lastState": ended}
        about = {"kind": "Pod", "name": metadata["name"]}
        whole = {
            "metadata": metadata,
            "items": [
                {
                    **template, "involvedObject": about, "type": one, "reason": one,
                    "message": one, "lastTimestamp": at,
                    "status": {"phase": one, "containerStatuses": [status]},
                }
            ],
            "spec": {"selector": {"matchLabels": {"app": one}}, "template": template},
            "status": {"conditions": [{
                "type": one, "status": one, "reason": "ProgressDeadlineExceeded", "message": one,
            }]},
        }  # fmt: skip
        for other.status, other.answer in (
            (403, {"message": one}), (404, {"message": one}), (500, {"message": one}),
            (200, {one: one}), (200, one), (200, whole),
        ):  # fmt: skip
            await told(kubernetes.deployment("celery-worker"))
        await told(kubernetes.pods("celery-worker"))
        await told(kubernetes.events("celery-worker"))
        await told(kubernetes.lines("celery-worker", AT, one))
        found = await kubernetes.deployment("celery-worker")
        await told(kubernetes._see_restart(found.restart()))
        await told(kubernetes._see_scale(found.scale(3)))
    await calls.close()


@pytest.mark.parametrize(
    "content",
    [
        {"metadata": {"name": "../../secrets", "uid": "1"}, "spec": {}},
        {"metadata": None}, {"spec": {"replicas": "many"}}, {"items": "none"}, {"items": [None]},
    ],
)  # fmt: skip
async def test_what_has_another_shape_is_not_understood(other: Says, content: Any) -> None:
    calls = KubeCalls(KubernetesSettings(url=other.url))
    other.answer = content
    said = await told(Kubernetes(calls, "production").pods("celery-worker"))
    assert "cannot be read" in said
    await calls.close()
