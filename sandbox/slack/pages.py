"""
The browser page's side of the workspace: what it asks for, what it does, what it is told.

A person at the page does exactly what the Python handle does, over the same functions. Only the
page itself may ask: a request another site's page sends is refused.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.slack.acting import Acting
from sandbox.slack.answers import FIELDS, CannotDo
from sandbox.slack.forms import Forms
from sandbox.slack.page_state import seen_messages, workspace_state
from sandbox.slack.pressing import Pressed, Surface, visible_channel
from sandbox.slack.team import Team
from sandbox.slack.wire import Failure, Json

PAGE = Path(__file__).parent / "page"
TOLD = ("message", "channels", "view", "home", "error")
GIVEN = tuple(dict.fromkeys(field for field, _ in FIELDS.values()))

Doing = Callable[[Json], Awaitable[Json]]


class Pages:
    def __init__(self, team: Team, acting: Acting, forms: Forms, notices: list[str]) -> None:
        self._team = team
        self._acting = acting
        self._forms = forms
        self._notices = notices

    def add_to(self, app: web.Application) -> None:
        router = app.router
        router.add_get("/", self._index)
        router.add_get("/page/state", self._state)
        router.add_get("/page/messages", self._messages)
        router.add_get("/page/events", self._events)
        doings: dict[str, Doing] = {
            "command": self._command,
            "say": self._say,
            "action": self._action,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "options": self._options,
            "join": self._join,
        }
        for name, doing in doings.items():
            router.add_post(f"/page/{name}", _answering(doing))

    def add_files_to(self, app: web.Application) -> None:
        """Last, as its address takes in everything under /page/."""
        app.router.add_get("/page/{name:.+}", self._asset)

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return _file("index.html")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        return _file(request.match_info["name"])

    async def _state(self, request: web.Request) -> web.Response:
        try:
            user_id = request.query.get("user") or self._somebody()
            return web.json_response(workspace_state(self._team, user_id, self._notices))
        except Failure as failure:
            return web.json_response({"error": failure.error}, status=404)

    def _somebody(self) -> str:
        people = self._team.people.by_id.values()
        return next((p.id for p in people if not (p.is_bot or p.deleted)), "")

    async def _messages(self, request: web.Request) -> web.Response:
        query = request.query
        user_id, channel_id = query.get("user", ""), query.get("channel", "")
        try:
            found = seen_messages(self._team, user_id, channel_id, query.get("thread_ts") or None)
        except CannotDo as problem:
            return web.json_response({"error": str(problem)}, status=404)
        return web.json_response({"messages": found})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if not _from_the_page(request):
            return web.Response(status=403)
        user_id = request.query.get("user", "")
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        changes = self._team.changes
        subscription = changes.subscribe(user_id)
        self._team.background.start(_until_closed(socket, subscription.close))
        try:
            self._team.view_changed(user_id)
            while (event := await subscription.events.get()) is not None:
                if event["type"] in TOLD:
                    await socket.send_json(event)
        except ConnectionError:
            pass  # the browser went away
        finally:
            changes.unsubscribe(subscription)
        return socket

    async def _command(self, body: Json) -> Json:
        command, _, text = str(body["text"]).strip().partition(" ")
        ack = await self._acting.command(body["user"], body["channel"], command, text.strip())
        return {"error": ack.error} if ack.error else {}

    async def _say(self, body: Json) -> Json:
        thread_ts = body.get("thread_ts") or None
        await self._acting.say(body["user"], body["channel"], str(body["text"]), thread_ts)
        return {}

    def _surface(self, body: Json) -> Surface:
        if body.get("view_id"):
            return self._acting.surface(body["user"], None, body["view_id"])
        return self._acting.surface(body["user"], body["channel"], body["ts"])

    async def _action(self, body: Json) -> Json:
        given = next((body[name] for name in GIVEN if body.get(name) not in (None, "")), None)
        pressed = Pressed(body["action_id"], body["block_id"], given)
        where = self._surface(body)
        ack = await self._acting.press(body["user"], where, pressed, body.get("state"))
        return {"error": ack.error} if ack.error else {}

    async def _options(self, body: Json) -> Json:
        pressed = Pressed(body["action_id"], body["block_id"], body.get("value", ""))
        found = await self._acting.suggest(body["user"], self._surface(body), pressed)
        return {"options": found}

    async def _submit(self, body: Json) -> Json:
        ack = await self._forms.submit(body["user"], body["view_id"], body.get("values") or {})
        if ack.errors:
            return {"errors": ack.errors}
        return {"error": ack.error} if ack.error else {}

    async def _close(self, body: Json) -> Json:
        await self._forms.close(body["user"], body["view_id"])
        return {}

    async def _home(self, body: Json) -> Json:
        return {"view": self._acting.open_home(body["user"])}

    async def _join(self, body: Json) -> Json:
        channel = visible_channel(self._team, body["user"], body["channel"])
        if body["user"] not in channel.members and not channel.is_archived:
            self._team.join(channel, body["user"])
        return {}


def _answering(doing: Doing) -> Any:
    async def handle(request: web.Request) -> web.Response:
        if not _from_the_page(request):
            return web.json_response({"error": "another page asks"}, status=403)
        try:
            return web.json_response(await doing(await request.json()))
        except CannotDo as problem:
            return web.json_response({"error": str(problem)}, status=400)
        except Failure as failure:
            return web.json_response({"error": failure.error}, status=400)
        except (KeyError, TypeError, ValueError):
            return web.json_response({"error": "the request is incomplete"}, status=400)

    return handle


def _from_the_page(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    return origin is None or origin == f"http://{request.host}"


async def _until_closed(socket: web.WebSocketResponse, closed: Callable[[], None]) -> None:
    try:
        async for message in socket:
            if message.type == WSMsgType.ERROR:
                break
    finally:
        closed()


def _file(name: str) -> web.StreamResponse:
    path = (PAGE / name).resolve()
    if not path.is_relative_to(PAGE.resolve()) or not path.is_file():
        return web.Response(status=404)
    return web.FileResponse(path, headers={"Cache-Control": "no-store"})
