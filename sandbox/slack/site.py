"""
The addresses of the workspace: Web API, Socket Mode, uploads, response_urls, faults, the page.
"""

import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from sandbox.slack.api.dispatch import WebApi
from sandbox.slack.faults import FAULT_NAMES, read_fault
from sandbox.slack.pages import Pages
from sandbox.slack.responding import respond
from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.team import Team
from sandbox.slack.wire import Failure

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

UPLOAD_MAX = 100 * 2**20


class Site:
    def __init__(self, team: Team, api: WebApi, sockets: SocketMode, pages: Pages) -> None:
        self._pages = pages
        self._team = team
        self._api = api
        self._sockets = sockets

    def app(self, extra: Mapping[str, Handler]) -> web.Application:
        """`extra`: more routes, such as "GET /page/faults"."""
        app = web.Application(client_max_size=UPLOAD_MAX)
        app.router.add_route("*", "/api/{method}", self._api.handle)
        app.router.add_get("/link/", self._sockets.handle)
        app.router.add_post("/upload/v1/{ticket}", self._upload)
        app.router.add_post("/response/{team}/{token}", self._respond)
        app.router.add_get("/files/{file_id}", self._file)
        app.router.add_get("/control/faults", self._faults)
        app.router.add_post("/control/faults", self._add_fault)
        app.router.add_delete("/control/faults", self._clear_faults)
        self._pages.add_to(app)
        for route, handler in extra.items():
            method, path = route.split()
            app.router.add_route(method, path, handler)
        self._pages.add_files_to(app)
        return app

    async def _upload(self, request: web.Request) -> web.Response:
        file = self._team.files.awaiting(request.match_info["ticket"])
        if file is None:
            return web.Response(status=404, text="unknown upload")
        content = await _content(request)
        if len(content) != file.length:
            return web.Response(status=400, text="length does not match")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def _respond(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
            if not isinstance(body, dict):
                raise ValueError("not an object")
            address = self._team.response_urls.use(request.match_info["token"])
            respond(self._team, address, body)
        except Failure as failure:
            gone = failure.error in ("used_url", "expired_url")
            return web.json_response(failure.body, status=404 if gone else 400)
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        return web.Response(text="ok")

    async def _file(self, request: web.Request) -> web.Response:
        file = self._team.files.by_id.get(request.match_info["file_id"])
        if file is None or file.content is None:
            return web.Response(status=404)
        return web.Response(body=file.content, content_type=file.mimetype)

    async def _faults(self, request: web.Request) -> web.Response:
        active = self._team.faults.shape()
        return web.json_response({"names": FAULT_NAMES, "active": active})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            wanted = read_fault(await request.json())
        except ValueError as problem:
            return web.json_response({"error": str(problem)}, status=400)
        self._team.faults.add(wanted)
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._team.faults.clear()
        return await self._faults(request)


async def _content(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    form = await request.post()
    parts = (part for part in form.values() if isinstance(part, web.FileField))
    field = next(parts, None)
    return field.file.read() if field is not None else b""
