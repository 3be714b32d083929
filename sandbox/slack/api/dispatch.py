"""
How a Web API request becomes a call: token, faults, rate limit, scope, method, answer.

Arguments come from the query, a form or a JSON body; the token from the header or the arguments.
Every call is noted in the log with how it was answered, without its token.
"""

import json
import math
from dataclasses import dataclass

from aiohttp import web

from sandbox.slack.api import chat, conversations, files, history, marks, people, platform, views
from sandbox.slack.api.call import Call, Method
from sandbox.slack.team import Team
from sandbox.slack.wire import Failure, Json

METHODS: dict[str, Method] = {
    **chat.METHODS,
    **conversations.METHODS,
    **history.METHODS,
    **marks.METHODS,
    **views.METHODS,
    **files.METHODS,
    **people.METHODS,
    **platform.METHODS,
}


@dataclass(frozen=True)
class Logged:
    """`status`: "ok", Slack's error name, or "dropped" when the answer never left."""

    method: str
    args: Json
    status: str


@dataclass(frozen=True)
class Answer:
    body: Json
    status: int = 200
    retry_after_s: int | None = None

    def response(self, team: Team, method: Method | None) -> web.Response:
        headers = {"x-oauth-scopes": ",".join(team.app.scopes)}
        if method:
            headers["x-accepted-oauth-scopes"] = ",".join(method.any_scope)
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return web.json_response(self.body, status=self.status, headers=headers)


class WebApi:
    def __init__(self, team: Team) -> None:
        self._team = team
        self.log: list[Logged] = []

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        method = METHODS.get(name)
        args = await _arguments(request, method)
        token = _token(request, args)
        faults, clock = self._team.faults, self._team.clock
        if fault := faults.take("delay", name):
            await clock.sleep(fault.seconds)
        if faults.take("drop_before_storing", name):
            return self._drop(request, name, args)
        answer = await self._answer(name, method, args, token)
        if faults.take("drop_after_storing", name):
            return self._drop(request, name, args)
        if fault := faults.take("late_answer", name):
            await clock.sleep(fault.seconds)
        self._note(name, args, "ok" if answer.body.get("ok") else str(answer.body.get("error")))
        return answer.response(self._team, method)

    async def _answer(self, name: str, method: Method | None, args: Json, token: str) -> Answer:
        if method is None:
            return Answer({"ok": False, "error": "unknown_method", "req_method": name})
        if stopped := self._stopped(name, args):
            return stopped
        try:
            self._authorize(name, method, token)
            if fault := self._team.faults.take("refuse", name):
                raise Failure(fault.error)
            return Answer({"ok": True, **await method.run(Call(self._team, name, args, method))})
        except Failure as failure:
            return Answer(failure.body)

    def _stopped(self, name: str, args: Json) -> Answer | None:
        """What answers before Slack has looked at the call at all."""
        body = {"ok": False, "error": "ratelimited"}
        if self._team.faults.take("server_error", name):
            return Answer({"ok": False, "error": "service_unavailable"}, 503)
        if fault := self._team.faults.take("rate_limit", name):
            return Answer(body, 429, math.ceil(fault.seconds))
        channel = str(args.get("channel", ""))
        wait_s = self._team.tiers.wait_s(name, channel, self._team.clock.now())
        return Answer(body, 429, wait_s) if wait_s else None

    def _authorize(self, name: str, method: Method, token: str) -> None:
        app = self._team.app
        if name == "api.test" and not token:
            return
        if not token:
            raise Failure("not_authed")
        if token not in (app.bot_token, app.app_token):
            raise Failure("invalid_auth")
        if method.app_token is not (token == app.app_token):
            raise Failure("not_allowed_token_type")
        wanted = method.any_scope
        if wanted and not set(wanted) & set(app.scopes):
            needed, provided = ",".join(wanted), ",".join(app.scopes)
            raise Failure("missing_scope", needed=needed, provided=provided)

    def _note(self, name: str, args: Json, status: str) -> None:
        self.log.append(Logged(name, args, status))
        self._team.changes.tell({"type": "call", "method": name})

    def _drop(self, request: web.Request, name: str, args: Json) -> web.Response:
        self._note(name, args, "dropped")
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=499)


async def _arguments(request: web.Request, method: Method | None) -> Json:
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        if method is not None and not method.takes_json:
            return args
        body = await _json_body(request)
        return args | body
    form = await request.post()
    return args | {name: value for name, value in form.items() if isinstance(value, str)}


async def _json_body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _token(request: web.Request, args: Json) -> str:
    in_args = str(args.pop("token", ""))
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ").strip() or in_args
