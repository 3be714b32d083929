"""
A balancer before bots in HTTP mode, as in docs/install.md: whoever's turn it is and says that it
is well gets the request. It can lose answers, and ask the next one when it has.
"""

import socket
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiohttp
from aiohttp import web

from bot.slack.http_intake import EVENTS, HEALTH
from sandbox.box import Box
from tests.scenarios.fleet import Fleet, empty_store, manned
from tests.scenarios.ledger import until_so

HOST = "127.0.0.1"
HEALTHY_WITHIN_S = 2.0
#: `ask the next`: it was carried out, its answer was lost, and the next bot is given the same
#: request. `hang up`: it was carried out, and Slack gets no answer.
Loses = Literal["nothing", "ask the next", "hang up"]


class Balancer:
    def __init__(self) -> None:
        self.ports: list[int] = []
        self.loses: Loses = "nothing"
        self.served: Counter[int] = Counter()  #: Requests, by the port of the bot.
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post(EVENTS, self._pass_on)
        runner = web.AppRunner(app, access_log=None)
        async with aiohttp.ClientSession() as self._session:
            await runner.setup()
            await web.TCPSite(runner, HOST, 0).start()
            self.url = f"http://{HOST}:{runner.addresses[0][1]}{EVENTS}"
            try:
                yield
            finally:
                await runner.cleanup()

    async def is_well(self, port: int) -> bool:
        limit = aiohttp.ClientTimeout(total=HEALTHY_WITHIN_S)
        try:
            async with self._session.get(f"http://{HOST}:{port}{HEALTH}", timeout=limit) as said:
                return said.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _pass_on(self, request: web.Request) -> web.Response:
        body, loses = await request.read(), self.loses
        answer = await self._ask_one(request, body)
        if loses == "ask the next":
            answer = await self._ask_one(request, body)
        elif loses == "hang up" and request.transport is not None:
            self.loses = "nothing"
            request.transport.abort()
        return answer

    async def _ask_one(self, request: web.Request, body: bytes) -> web.Response:
        for _ in range(len(self.ports)):
            port = self.ports.pop(0)
            self.ports.append(port)
            if await self.is_well(port):
                self.served[port] += 1
                return await self._ask(port, request, body)
        return web.Response(status=503, text="Nobody is well.")

    async def _ask(self, port: int, request: web.Request, body: bytes) -> web.Response:
        address, headers = f"http://{HOST}:{port}{EVENTS}", request.headers
        try:
            async with self._session.post(address, data=body, headers=headers) as said:
                kind = {"Content-Type": said.headers.get("Content-Type", "text/plain")}
                return web.Response(status=said.status, body=await said.read(), headers=kind)
        except aiohttp.ClientError:
            return web.Response(status=502, text="It did not answer.")


class Balanced(Fleet):
    """Bots in HTTP mode; whoever is begun is made known to the balancer, whoever ends is not."""

    def __init__(self, box: Box, url: str, log: Path, balancer: Balancer) -> None:
        super().__init__(box, url, log)
        self._balancer = balancer

    async def begin(self, **told: str) -> Process:
        with socket.create_server((HOST, 0)) as free:
            port = int(free.getsockname()[1])
        self._balancer.ports.append(port)
        return await super().begin(RUNBOOK_BOT_SLACK__PORT=str(port), **told)

    async def connected(self) -> None:
        await until_so(self._all_well)

    async def _all_well(self) -> bool:
        well = [await self._balancer.is_well(port) for port in self._balancer.ports]
        return sum(well) == len(self.living)


@asynccontextmanager
async def balanced(box: Box, size: int, folder: Path) -> AsyncIterator[tuple[Balanced, Balancer]]:
    balancer = Balancer()
    async with balancer.running():
        fleet = Balanced(box, await empty_store(box.database), folder / "bots.log", balancer)
        async with manned(fleet, size):
            box.slack.set_request_url(balancer.url)
            assert await box.slack.verify_request_url()
            yield fleet, balancer
