"""
The company's four services, seen from outside: each answers /health at an address of its own.

How each is doing is asked of `state` at every call, so that it can follow what ECS runs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from sandbox.peers.peer import PAGE, Peer
from sandbox.running import Running

Condition = Literal[
    "well",
    "failing",  # HTTP 503, and says which of its checks fails
    "slow",  # is well, and takes `slow_s` to say so
    "refused",  # ends the connection without a word
    "html",  # a single-page application that answers to any path
    "error under 200",
]
SERVICES = ("complyai-core", "complyai-api", "complyai-maestro", "complyai-frontend")


@dataclass(frozen=True)
class ServiceState:
    condition: Condition = "well"
    version: str = "1.8.0"
    failing_check: str = "database"  #: When it fails.


State = Callable[[str], ServiceState]


class HealthService(Peer):
    def __init__(self, name: str, state: State, slow_s: float = 30.0) -> None:
        super().__init__(slow_s)
        self.name, self._state = name, state

    @property
    def health_url(self) -> str:
        return f"{self.url}/health"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/health", self._health)]

    async def _health(self, request: web.Request) -> web.StreamResponse:
        state = self._state(self.name)
        if state.condition == "refused" and request.transport is not None:
            request.transport.abort()
        if state.condition == "slow":
            await asyncio.sleep(self.slow_s)
        if state.condition == "html":
            return web.Response(text=PAGE, content_type="text/html")
        return web.json_response(self._body(state), status=_status(state))

    def _body(self, state: ServiceState) -> dict[str, object]:
        checks = {"database": "ok", "redis": "ok"}
        body: dict[str, object] = {"service": self.name, "version": state.version}
        if state.condition == "failing":
            return body | {"status": "unhealthy", "checks": checks | {state.failing_check: "down"}}
        if state.condition == "error under 200":
            return body | {"status": "error", "error": "cannot read its configuration"}
        return body | {"status": "healthy", "checks": checks}


class HealthServices(Running):
    """All of them. `state`: how each is doing; by default all are well."""

    def __init__(
        self,
        state: State = lambda service: ServiceState(),
        names: Sequence[str] = SERVICES,
        slow_s: float = 30.0,
    ) -> None:
        self.by_name: Mapping[str, HealthService] = {
            name: HealthService(name, state, slow_s) for name in names
        }

    async def start(self) -> None:
        await asyncio.gather(*(one.start() for one in self.by_name.values()))

    async def stop(self) -> None:
        await asyncio.gather(*(one.stop() for one in self.by_name.values()))


def _status(state: ServiceState) -> int:
    return 503 if state.condition == "failing" else 200
