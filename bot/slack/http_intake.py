"""
HTTP mode: what Slack sends to the app's request URL, checked before anything else looks at it.

Every request must carry Slack's signature over its exact bytes, be at most five minutes old, and
come once: a copy of a genuine request is refused like a forged one. Malformed headers and bodies
are refused too, and never an error of ours. Who may do what is judged later, as in Socket Mode.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot.runbook.errors import StepError
from bot.secrets.vault import Credential, NotAccepted
from bot.slack.connection import ANSWER_LIMIT_S
from bot.slack.errands import Errands
from bot.slack.listeners.visit import misshapen
from bot.slack.turned_away import TurnedAway
from bot.store.store import STORE_AWAY

log = logging.getLogger(__name__)

EVENTS, HEALTH = "/slack/events", "/health"
#: Slack: a request that is older may be a replay; the signature covers the time.
SIGNED_WITHIN_S = 300
#: Bytes. A form of a hundred fields filled to Slack's limits (3,000 characters each) is below it.
LONGEST_BODY = 2_000_000
#: Seconds within which a whole request must be here, and within which the store must answer.
READ_WITHIN_S, HEALTHY_WITHIN_S = 2.0, 2.0
STAMPED, SIGNED = "X-Slack-Request-Timestamp", "X-Slack-Signature"
TIMESTAMP, SIGNATURE = re.compile(r"[0-9]{1,12}"), re.compile(r"v0=[0-9a-f]{64}")


class HttpIntake:
    """
    `look` reads the store; it raises when that cannot be done, and the balancer is told. `now`
    in seconds since the epoch.
    """

    def __init__(
        self,
        app: AsyncApp,
        signing_secret: Credential,
        place: tuple[str, int],
        errands: Errands,
        turned_away: TurnedAway,
        look: Callable[[], Awaitable[object]],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app, self._place, self._errands = app, place, errands
        self._turned_away, self._look, self._now = turned_away, look, now
        self._signing_secret = signing_secret
        self._seen: dict[str, float] = {}  #: Genuine signatures, and when they came.
        self._takes_in = True
        self._unanswered: set[asyncio.Task[web.Response]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        assert self._runner
        return int(self._runner.addresses[0][1])

    async def open(self) -> None:
        """Raises OSError when the address cannot be had."""
        site = web.Application(client_max_size=LONGEST_BODY)
        site.add_routes([web.post(EVENTS, self._receive), web.get(HEALTH, self._say_health)])
        self._runner = web.AppRunner(site, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._place).start()

    async def close(self, limit_s: float = 10.0) -> None:
        """Takes in nothing more, and lets what was taken in be answered."""
        self._takes_in = False
        if self._unanswered:
            await asyncio.wait(set(self._unanswered), timeout=min(ANSWER_LIMIT_S, limit_s))
        if self._runner:
            await self._runner.cleanup()
        await self._errands.drain(limit_s)

    async def _receive(self, request: web.Request) -> web.Response:
        if not self._takes_in:
            return web.Response(status=503, text="This bot is being stopped.")
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408, text="The request did not come in time.")
        try:
            why = await self._why_not(request.headers, body)
        except StepError as error:
            log.error("no request can be judged: %s", error)
            return web.Response(status=503, text="The bot cannot read its signing secret.")
        if why:
            self._turned_away.note(why)
            return web.Response(status=401, text="This is not a fresh request signed by Slack.")
        answering = asyncio.ensure_future(self._answer(request, body.decode()))
        self._unanswered.add(answering)
        answering.add_done_callback(self._unanswered.discard)
        return await answering

    async def _answer(self, request: web.Request, body: str) -> web.Response:
        try:
            asked = AsyncBoltRequest(
                body=body, query=request.query_string, headers=dict(request.headers)
            )
            why = misshapen(asked.body)
        except (ValueError, TypeError, AttributeError, RecursionError):
            why = "a signed request whose body is not JSON"  # or JSON of another shape
        if why:
            self._turned_away.note(why)
            return web.Response(status=400, text="The body could not be read.")
        return await to_aiohttp_response(await self._app.async_dispatch(asked))

    async def _why_not(self, headers: Mapping[str, str], body: bytes) -> str:
        """Why the request is not taken in, or ''. The order is from cheap to dear."""
        timestamp, signature = headers.get(STAMPED, ""), headers.get(SIGNED, "")
        if not TIMESTAMP.fullmatch(timestamp) or not SIGNATURE.fullmatch(signature):
            return "a request without a well-formed signature"
        if abs(self._now() - int(timestamp)) > SIGNED_WITHIN_S:
            return "a request whose signature is too old, or not yet valid"
        try:
            await self._signing_secret.use(lambda secret: self._check(secret, body, headers))
        except UnicodeDecodeError:
            return "a request that is not UTF-8"
        except NotAccepted as wrong:
            return str(wrong)
        return "" if self._comes_first(signature) else "a copy of a request that came before"

    async def _check(self, secret: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises NotAccepted, UnicodeDecodeError."""
        verifier = SignatureVerifier(secret, _ClockOf(self._now))  # type: ignore[arg-type]
        timestamp, signature = headers[STAMPED], headers[SIGNED]
        if not verifier.is_valid(body, timestamp, signature):
            raise NotAccepted("a request with a wrong signature")

    def _comes_first(self, signature: str) -> bool:
        now = self._now()
        if signature in self._seen:
            return False
        long_ago = now - 2 * SIGNED_WITHIN_S  # A timestamp may be that far ahead of our clock.
        self._seen = {one: at for one, at in self._seen.items() if at > long_ago}
        self._seen[signature] = now
        return True

    async def _say_health(self, _request: web.Request) -> web.Response:
        """For a balancer: whether this process takes things in and its store answers."""
        if not self._takes_in:
            return web.json_response({"status": "stopping"}, status=503)
        try:
            async with asyncio.timeout(HEALTHY_WITHIN_S):
                await self._look()
        except STORE_AWAY:
            return web.json_response({"status": "the store does not answer"}, status=503)
        return web.json_response({"status": "ok"})


class _ClockOf:
    """As the verifier wants its clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
