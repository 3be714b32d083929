"""
Kubernetes: one namespace with the company's workers, over TLS, as a kube-apiserver answers.

Rollouts, pods, events and logs go on by the clock. kubectl drives it; what a real kube-apiserver
answered is in tests/data/kubernetes.json, and judges it.
"""

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from sandbox.aws.clock import Clock, RunningClock
from sandbox.peers.kubernetes import answers, api
from sandbox.peers.kubernetes.answers import KubeError
from sandbox.peers.kubernetes.certificates import loopback_tls
from sandbox.peers.kubernetes.logs import send_log
from sandbox.peers.kubernetes.pods import Kubelet, Life
from sandbox.peers.kubernetes.rights import ALL, ANYTHING, Asked, Rights, Rule, User
from sandbox.peers.kubernetes.rollouts import Controllers
from sandbox.peers.kubernetes.store import DEPLOYMENTS, NAMESPACES, Object, Store
from sandbox.peers.peer import Peer

NAMESPACE = "production"
#: Deployments of the company, and how many pods each has.
DEPLOYED = {"celery-worker": 3, "celery-beat": 1}
WORKERS, IMAGE = "celery-worker", "complyai/worker:2.14.1"
DEADLINE_S = 60
TICK_S = 0.02
BOT = "system:serviceaccount:production:runbook-bot"


class Cluster(Peer):
    """
    `scale`: seconds of real time that a second of the cluster's time takes. Faults of its own:
    too many requests (429), unauthorized (401), broken (500), cut log (a log that is followed
    breaks off), expired (410 for the next page of a list), gone (410 for the next watch).
    """

    FAULTS = Peer.FAULTS | {
        "too many requests", "unauthorized", "broken", "cut log", "expired", "gone",
    }  # fmt: skip

    def __init__(
        self, scale: float = 1.0, clock: Clock | None = None, slow_s: float = 30.0
    ) -> None:
        super().__init__(slow_s)
        self.store = Store(clock or RunningClock())
        self.kubelet = Kubelet(self.store, scale)
        self._controllers = Controllers(self.store, self.kubelet, scale)
        self._rights = Rights()
        self._tls, self.ca = loopback_tls()
        self.token = self.admit(BOT)  #: The bot's.
        self.watches: set[asyncio.Transport] = set()  #: Of whoever watches now.
        self.before_change: Callable[[], None] = lambda: None  #: What somebody else does then.
        self._ticking: asyncio.Task[None] | None = None
        self.store.put(NAMESPACES, "", NAMESPACE, {"status": {"phase": "Active"}})
        for name, replicas in DEPLOYED.items():
            self.deploy(name, replicas)
        self.settle()

    # What tests and the sandbox do to it.

    def admit(
        self, name: str, rules: Sequence[Mapping[str, Any]] | None = None, namespace: str = ""
    ) -> str:
        """A new user's token. `rules` as a Role has them; None: anything."""
        token = f"sandbox.{secrets.token_hex(24)}"
        given = ANYTHING if rules is None else tuple(map(Rule.read, rules))
        self._rights.users[token] = User(name, given, namespace or ALL)
        return token

    def renew_token(self) -> str:
        """The bot's new one; the old one is not accepted any more."""
        self._rights.users.pop(self.token)
        self.token = self.admit(BOT)
        return self.token

    def restrict(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """From now on the bot may do no more than this, and that in its namespace."""
        self._rights.users[self.token] = User(BOT, tuple(map(Rule.read, rules)), NAMESPACE)

    def deploy(self, name: str, replicas: int, image: str = IMAGE) -> None:
        labels = {"app": name}
        container = {"name": "worker", "image": image, "resources": {}}
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "progressDeadlineSeconds": DEADLINE_S,
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "restartPolicy": "Always"},
            },
        }
        there = self.store.find(DEPLOYMENTS, NAMESPACE, name)
        was: Object = there or {"metadata": {"labels": labels}}
        metadata = {**was["metadata"], "generation": was["metadata"].get("generation", 0) + 1}
        content = {**was, "metadata": metadata, "spec": spec}
        self.store.put(DEPLOYMENTS, NAMESPACE, name, content)

    def deploy_bad(self, name: str = WORKERS, image: str = "complyai/worker:2.15.0") -> None:
        """A new version, whose image is not there."""
        self.kubelet.bad_images.add(image)
        wanted = self.store.get(DEPLOYMENTS, NAMESPACE, name)["spec"]["replicas"]
        self.deploy(name, wanted, image)

    def pods(self, deployment: str = WORKERS) -> list[Life]:
        """Those that are not ending."""
        return [
            life
            for life in self.kubelet.lives.values()
            if life.phase != "ending" and life.name.rsplit("-", 2)[0] == deployment
        ]

    def alive(self, deployment: str = WORKERS) -> int:
        """How many pods do their work."""
        return sum(life.is_ready for life in self.pods(deployment))

    def kill_workers(self, deployment: str = WORKERS) -> None:
        """The pods that there are crash, and crash again. New ones, as of a restart, are well."""
        for life in self.pods(deployment):
            self.kubelet.kill(life)

    def revive_workers(self, deployment: str = WORKERS) -> None:
        """Whatever made them crash is gone: they are started again and stay."""
        for life in self.pods(deployment):
            self.kubelet.revive(life)

    def write(self, life: Life, line: str) -> None:
        """A line of the pod's log."""
        self.kubelet.write(life, line)

    def settle(self) -> None:
        """Everything is as it is long after the last change."""
        for _ in range(50):
            self._go_on()
            for life in self.kubelet.lives.values():
                if life.phase in ("pending", "starting", "ending"):
                    life.due = 0.0
        self._go_on()

    def kubeconfig(self, token: str = "") -> str:
        """As YAML, of which JSON is a part."""
        ca = base64.b64encode(self.ca.encode()).decode()
        cluster = {"server": self.url, "certificate-authority-data": ca}
        context = {"cluster": "sandbox", "user": "sandbox", "namespace": NAMESPACE}
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "sandbox", "user": {"token": token or self.token}}],
            "contexts": [{"name": "sandbox", "context": context}],
            "current-context": "sandbox",
        }
        return json.dumps(told, indent=1)

    # What it is.

    async def start(self) -> None:
        await super().start()
        self._ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        if self._ticking:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        await super().stop()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._answer)]

    async def _tick(self) -> None:
        while True:
            self._go_on()
            await asyncio.sleep(TICK_S)

    def _go_on(self) -> None:
        self.kubelet.go_on()
        self._controllers.go_on()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            user = self._rights.user(request.headers.get("Authorization", ""))
            self._strike()
            if _is_of_no_group(request.path):
                return web.Response(text="404 page not found\n", status=404)
            asked = api.asked_in(request) if _is_of_resource(request.path) else None
            if asked is None:
                return web.json_response(api.discovery(request.path))
            self._rights.check(user, asked)
            return await self._of_resource(request, asked)
        except KubeError as error:
            return error.response()
        except ConnectionResetError:  # whoever followed a log, or watched, has gone
            return web.Response()

    def _strike(self) -> None:
        for fault, error in (
            ("unauthorized", answers.UNAUTHORIZED),
            ("too many requests", answers.TOO_MANY),
            ("broken", answers.BROKEN),
        ):
            if self.strikes(fault):
                raise error

    async def _of_resource(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        if asked.sub == "log":
            self.store.get(api.kind_of(asked), asked.namespace, asked.name)
            life = self.kubelet.lives[asked.namespace, asked.name]
            return await send_log(request, life, self.store.clock, lambda: self.strikes("cut log"))
        match asked.verb:
            case "watch":
                if self.strikes("gone"):
                    self.store.forget()
                return await self._watched(request, asked)
            case "list":
                if "continue" in request.query and self.strikes("expired"):
                    raise answers.EXPIRED
                return web.json_response(api.listed(self.store, asked, request))
            case "get":
                return web.json_response(api.shown(self.store, asked, request))
            case "patch" | "update":
                return web.json_response(await self._change(request, asked))
        raise KubeError(405, "MethodNotAllowed", "the server does not allow this method", {})

    async def _watched(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        transport = request.transport
        assert transport
        self.watches.add(transport)
        try:
            return await api.watched(self.store, asked, request)
        finally:
            self.watches.discard(transport)

    async def _change(self, request: web.Request, asked: Asked) -> dict[str, Any]:
        try:
            body = json.loads(await request.text())
        except ValueError:
            raise answers.bad_request("the object provided is unrecognized") from None
        self.before_change()
        return api.changed(self.store, asked, request.content_type, body)


def _is_of_resource(path: str) -> bool:
    return path.startswith(("/api/v1/", "/apis/apps/v1/"))


def _is_of_no_group(path: str) -> bool:
    return path.startswith("/apis/") and not path.startswith("/apis/apps/v1")
