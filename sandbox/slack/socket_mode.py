"""
Socket Mode: the app's WebSockets, and payloads that go out over any one of them.

An address is used once. Up to ten connections are open; acks count from whichever they come.
Events that nobody acked are sent again, commands and clicks are not.
"""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import WSMsgType, web

from sandbox.slack.acks import ACK_LIMIT_S, Ack, PayloadKind
from sandbox.slack.clock import Clock
from sandbox.slack.faults import Faults
from sandbox.slack.wire import Json

CONNECTIONS_MAX = 10
LEAVES_AFTER_S = 10.0  #: Between the word that a connection will go and its end.

Reason = Literal["warning", "refresh_requested", "too_many_websockets", "link_disabled"]


@dataclass(eq=False)
class Connection:
    socket: web.WebSocketResponse
    transport: asyncio.Transport

    @property
    def is_open(self) -> bool:
        return not self.socket.closed and not self.transport.is_closing()


class SocketMode:
    def __init__(
        self, app_id: str, clock: Clock, faults: Faults, changed: Callable[[], None]
    ) -> None:
        self._app_id = app_id
        self._changed = changed
        self._clock = clock
        self._faults = faults
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []
        self._acks: dict[str, asyncio.Future[Json]] = {}
        self._turn = 0
        self._leaving: set[asyncio.Task[None]] = set()
        self.opened = 0  #: How many connections there have ever been.
        self.orphan_acks = 0  #: Acks that came too late or for nothing.

    @property
    def connections(self) -> int:
        return len(self._open())

    def issue_ticket(self) -> str:
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return f"ticket={ticket}&app_id={self._app_id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        known = ticket in self._tickets
        self._tickets.discard(ticket)
        refused = self._faults.is_on("no_connection") or self._faults.take("refuse_handshake")
        if refused or not known or request.transport is None:
            return web.Response(status=401, text="invalid ticket")
        socket = web.WebSocketResponse()
        connection = Connection(socket, request.transport)
        await socket.prepare(request)
        try:
            await self._greet(connection)
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._acknowledge(_object(message.data))
        finally:
            self._forget(connection)
        return socket

    def _forget(self, connection: Connection) -> None:
        self._connections = [each for each in self._connections if each is not connection]
        self._changed()

    async def _greet(self, connection: Connection) -> None:
        socket = connection.socket
        if len(self._open()) >= CONNECTIONS_MAX:
            await socket.send_json(_goodbye("too_many_websockets"))
            await socket.close()
            return
        self._connections.append(connection)
        self.opened += 1
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self._open()),
                "debug_info": {
                    "host": "sandbox",
                    "build_number": 1,
                    "approximate_connection_time": 18060,
                },
                "connection_info": {"app_id": self._app_id},
            }
        )
        self._changed()

    def _acknowledge(self, body: Json) -> None:
        waiting = self._acks.pop(str(body.get("envelope_id")), None)
        if waiting is None or waiting.done():
            self.orphan_acks += 1
            return
        payload = body.get("payload")
        waiting.set_result(payload if isinstance(payload, dict) else {})

    async def carry(self, kind: PayloadKind, payload: Json, attempt: int = 0) -> Ack:
        """Send it over one of the connections and wait for the ack from any of them."""
        envelope: Json = {
            "envelope_id": str(uuid.uuid4()),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": "timeout" if attempt else ""}
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._acks[envelope["envelope_id"]] = waiting
        started = time.perf_counter()
        try:
            if not await self._send(envelope):
                return Ack(False, error="dispatch_failed")
            answered = await self._in_time(waiting)
            ms = (time.perf_counter() - started) * 1000
            if not answered:
                return Ack(False, ms, error="operation_timeout")
            return Ack(True, ms, waiting.result())
        finally:
            self._acks.pop(envelope["envelope_id"], None)

    async def _send(self, envelope: Json) -> bool:
        for _ in range(len(self._connections)):
            open_now = self._open()
            if not open_now:
                return False
            self._turn += 1
            try:
                await open_now[self._turn % len(open_now)].socket.send_json(envelope)
                return True
            except ConnectionError:
                continue
        return False

    async def _in_time(self, waiting: asyncio.Future[Json]) -> bool:
        limit: asyncio.Future[None] = asyncio.ensure_future(self._clock.sleep(ACK_LIMIT_S))
        try:
            both: list[asyncio.Future[Any]] = [waiting, limit]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return waiting.done()
        finally:
            limit.cancel()

    async def disconnect(self, reason: Reason) -> None:
        """Tell every connection that it will go, as Slack does before it takes a host away."""
        for connection in self._open():
            await connection.socket.send_json(_goodbye(reason))
            task = asyncio.create_task(self._leave(connection.socket))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _leave(self, socket: web.WebSocketResponse) -> None:
        await self._clock.sleep(LEAVES_AFTER_S)
        await socket.close()

    def cut(self) -> None:
        """Every connection is gone without a word."""
        for connection in self._open():
            connection.transport.abort()

    async def close(self) -> None:
        for task in list(self._leaving):
            task.cancel()
        for connection in self._open():
            await connection.socket.close()

    def _open(self) -> list[Connection]:
        return [connection for connection in self._connections if connection.is_open]


def _object(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _goodbye(reason: Reason) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
