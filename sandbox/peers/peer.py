"""
What all peers have in common: they listen on loopback, remember who called, and fail by name.

A fault strikes the next calls, as many as said or until it is healed. Nothing happens by chance.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import web

from sandbox.running import Running

HOST = "127.0.0.1"
FOREVER = 1_000_000_000
PAGE = (
    "<!doctype html><html><head><title>App</title></head><body><div id=root></div></body></html>"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None  #: Of JSON; else None.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


#: The call that a handler answers: by now `calls` may have others behind it.
CALL = web.RequestKey("call", Call)


class Peer(Running):
    """
    `faults` every peer knows: slow, error (503), html, lost request (nothing was done), lost
    response (it was done), half an answer. A peer adds its own.
    """

    FAULTS: ClassVar[frozenset[str]] = frozenset(
        {"slow", "error", "html", "lost request", "lost response", "half an answer"}
    )

    def __init__(self, slow_s: float = 30.0) -> None:
        self.slow_s = slow_s
        self.calls: list[Call] = []
        self._faults: dict[str, tuple[int, str]] = {}  #: How often, and of which method.
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._port = 0
        self._tls: ssl.SSLContext | None = None  #: Of those that are spoken to over TLS.

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{HOST}:{self._port}"

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    async def start(self) -> None:
        """Started again, it has the same address."""
        app = web.Application(middlewares=[self._middle])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, HOST, self._port, ssl_context=self._tls)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Whoever connects is refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def fail(self, fault: str, times: int = FOREVER, method: str = "") -> None:
        """`method`: only calls of this one, such as POST, are struck."""
        if fault not in self.FAULTS:
            known = ", ".join(sorted(self.FAULTS))
            raise ValueError(f"{type(self).__name__} has no fault {fault}; it has {known}")
        self._faults[fault] = times, method

    def heal(self, fault: str | None = None) -> None:
        """This fault, or all."""
        if fault is None:
            self._faults.clear()
        else:
            self._faults.pop(fault, None)

    @property
    def faults(self) -> tuple[str, ...]:
        """Those that are on."""
        return tuple(self._faults)

    def strikes(self, fault: str, method: str = "") -> bool:
        """Whether this call, of this method, is struck; counts it."""
        left, only = self._faults.get(fault, (0, ""))
        if left <= 0 or (only and only != method):
            return False
        if left == 1:
            del self._faults[fault]
        else:
            self._faults[fault] = left - 1, only
        return True

    @web.middleware
    async def _middle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CALL] = call = await _call(request)
        self.calls.append(call)
        if self.strikes("slow", request.method):
            await asyncio.sleep(self.slow_s)
        if self.strikes("lost request", request.method):
            return _cut(request)
        if self.strikes("error", request.method):
            return web.json_response({"message": "Service Unavailable"}, status=503)
        if self.strikes("html", request.method):
            return web.Response(text=PAGE, content_type="text/html")
        response = await handler(request)
        if self.strikes("lost response", request.method):
            return _cut(request)
        if self.strikes("half an answer", request.method):
            return await _half(request, response)
        return response


async def _call(request: web.Request) -> Call:
    body: Any = None
    if request.can_read_body:
        try:
            body = json.loads(await request.text())
        except ValueError:
            body = None
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Call(request.method, request.path, dict(request.query), body, headers)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """As long as it should be by its header, then cut in the middle."""
    whole = response.body if isinstance(response, web.Response) else b""
    assert isinstance(whole, bytes)
    half = web.StreamResponse(status=response.status)
    half.content_type = "application/json"
    half.content_length = len(whole)
    await half.prepare(request)
    await half.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return half
