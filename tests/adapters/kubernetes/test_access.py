"""The ways to be told where Kubernetes is; and those that are refused, in a sentence."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.kubernetes import KubeCalls, Kubernetes, is_said_where, token_reference
from bot.runbook.errors import Refused, Unreachable
from bot.secrets.reference import Reference
from bot.settings import KubernetesSettings
from sandbox.peers.kubernetes import NAMESPACE, Cluster
from sandbox.peers.peer import Peer
from tests.credentials import given

pytestmark = pytest.mark.slow

WORKER = "celery-worker"


async def ask(settings: KubernetesSettings, token: str = "") -> None:
    """Raises Refused, Unreachable."""
    calls = KubeCalls(settings, given(token) if token else None)
    try:
        assert (await Kubernetes(calls, NAMESPACE).deployment(WORKER)).exists
    finally:
        await calls.close()


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    give(cluster, file)
    return file


def give(cluster: Cluster, file: Path) -> None:
    file.write_text(cluster.kubeconfig())


def rewrite(file: Path, part: str, **fields: Any) -> None:
    """`part` is `user` or `cluster`."""
    config = json.loads(file.read_text())
    config[f"{part}s"][0][part] = fields
    file.write_text(json.dumps(config))


def of(file: Path, **more: Any) -> KubernetesSettings:
    return KubernetesSettings(kubeconfig=str(file), **more)


async def test_by_a_kubeconfig(kubeconfig: Path) -> None:
    await ask(of(kubeconfig))
    await ask(of(kubeconfig, context="sandbox"))


async def test_a_kubeconfig_is_read_again_when_its_token_is_not_accepted_any_more(
    cluster: Cluster, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.secrets.vault.AGAIN_S", 0.0)
    calls = KubeCalls(of(kubeconfig))
    kubernetes = Kubernetes(calls, NAMESPACE)
    await kubernetes.deployment(WORKER)
    cluster.renew_token()
    give(cluster, kubeconfig)
    assert (await kubernetes.deployment(WORKER)).exists
    await calls.close()


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"command": "aws", "args": ["eks", "get-token"], "apiVersion": "v1"}},
        {"auth-provider": {"name": "gcp", "config": {"cmd-path": "gcloud"}}},
    ],
)
async def test_no_program_is_started_that_a_kubeconfig_names(
    kubeconfig: Path, tmp_path: Path, user: dict[str, Any]
) -> None:
    if "exec" in user:
        user["exec"]["command"] = "touch"
        user["exec"]["args"] = [str(tmp_path / "started")]
    rewrite(kubeconfig, "user", **user)
    with pytest.raises(Refused, match="logs in with a program"):
        await ask(of(kubeconfig))
    assert not (tmp_path / "started").exists()


async def test_a_certificate_that_is_not_to_be_checked_is_refused(
    cluster: Cluster, kubeconfig: Path
) -> None:
    rewrite(kubeconfig, "cluster", server=cluster.url, **{"insecure-skip-tls-verify": True})
    with pytest.raises(Refused, match="anybody could be it"):
        await ask(of(kubeconfig))
    assert cluster.calls == []


@pytest.mark.parametrize(
    "text",
    [
        None, "", "no: kubeconfig", "[1, 2", "{}", "\x00", '{"contexts": null}',
        '{"current-context": "a", "contexts": [], "users": [], "clusters": []}',
    ],
)  # fmt: skip
async def test_what_is_no_kubeconfig_is_said_so(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "other"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Refused, match="is not there, is none, or has no such context"):
        await ask(of(file))


async def test_a_context_that_is_not_there_is_said_so_without_its_secrets(
    cluster: Cluster, kubeconfig: Path
) -> None:
    with pytest.raises(Refused, match="no such context") as raised:
        await ask(of(kubeconfig, context="nope"))
    assert cluster.token not in str(raised.value)


async def test_a_token_is_not_sent_without_tls() -> None:
    with pytest.raises(Refused, match="without TLS"):
        await ask(KubernetesSettings(url="http://kubernetes.example"), "token")


@pytest.mark.parametrize("ca", ["/nowhere/ca.pem", __file__])
async def test_an_authority_that_cannot_be_read_is_said_so(cluster: Cluster, ca: str) -> None:
    with pytest.raises(Refused, match=r"Look at kubernetes\.ca|certificates .* cannot be read"):
        await ask(KubernetesSettings(url=cluster.url, ca=ca), cluster.token)


async def test_as_a_pod_of_the_cluster(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.crt").write_text(cluster.ca)
    host, _, port = cluster.url.removeprefix("https://").partition(":")
    monkeypatch.setattr("adapters.kubernetes.access.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    settings = KubernetesSettings()
    assert is_said_where(settings)
    assert token_reference(settings) == Reference(f"file:{tmp_path}/token")
    await ask(settings, cluster.token)


async def test_when_nobody_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    settings = KubernetesSettings()
    assert not is_said_where(settings) and token_reference(settings) is None
    with pytest.raises(Refused, match="not said where Kubernetes is"):
        await ask(settings)


async def test_a_token_in_the_settings_goes_before_that_of_a_pod() -> None:
    token = Reference("env:KUBERNETES_TOKEN")
    assert token_reference(KubernetesSettings(url="https://k", token=token)) == token


class Elsewhere(Peer):
    """Sends everybody somewhere else."""

    def __init__(self, to: str) -> None:
        super().__init__()
        self._to = to

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(self._to)


async def test_whoever_sends_us_elsewhere_is_not_followed(cluster: Cluster) -> None:
    async with Elsewhere(f"{cluster.url}/apis") as peer:
        with pytest.raises(Refused, match="sent us elsewhere"):
            await ask(KubernetesSettings(url=peer.url), cluster.token)
    assert cluster.calls == []


async def test_no_proxy_is_asked_for_loopback(
    cluster: Cluster, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    await ask(of(kubeconfig))


async def test_a_proxy_of_the_environment_is_asked_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="does not accept connections"):
        await ask(KubernetesSettings(url="https://kubernetes.example", timeout_s=5), "token")


async def test_by_a_certificate_of_a_kubeconfig(kubeconfig: Path) -> None:
    nonsense = base64.b64encode(b"no certificate").decode()
    fields = {"client-certificate-data": nonsense, "client-key-data": nonsense}
    rewrite(kubeconfig, "user", **fields)
    with pytest.raises(Refused, match="certificates for Kubernetes cannot be read"):
        await ask(of(kubeconfig))
