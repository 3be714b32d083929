"""
The Socket Mode connection of this process: opened, watched, and closed without cutting anyone off.

Slack's client mends most breaks itself. Two it does not, and the watchdog here does: after a
refused handshake it would try the same single-use address for ever, and a connection that hangs
(half-open, or in the middle of a handshake) may go unnoticed.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable

import aiohttp
from aiohttp import WSMessage
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.runbook.errors import StepError
from bot.secrets.vault import Credential, NotAccepted
from bot.slack.calls import NOT_ACCEPTED
from bot.slack.errands import Errands
from bot.slack.listeners.visit import misshapen
from bot.slack.turned_away import TurnedAway

log = logging.getLogger(__name__)

#: Slack gives an answer to a person up after 3 s, so nothing is worth waiting for longer.
ANSWER_LIMIT_S = 3.0
LATER = "read whenever a connection is opened"
CONNECT_ERRORS = (SlackApiError, StepError, aiohttp.ClientError, OSError, TimeoutError)


class Connection:
    """
    `silence_s`: seconds without a word from Slack after which the connection counts as dead; Slack
    answers a ping every `ping_interval_s`. `look_every_s`: how often the watchdog looks.
    """

    def __init__(
        self,
        app: AsyncApp,
        app_token: Credential,
        client: AsyncWebClient,
        errands: Errands,
        turned_away: TurnedAway,
        *,
        ping_interval_s: float = 10.0,
        silence_s: float = 60.0,
        look_every_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._errands = errands
        self._silence_s = silence_s
        self._look_every_s = look_every_s
        self._clock = clock
        self._intake = _Intake(app, app_token, client, turned_away, ping_interval_s)
        self._socket = self._intake.client
        self._socket.on_message_listeners.append(self._hear)
        self._heard_at = clock()
        self._last_pong: float | None = None
        self._watchdog: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        session = self._socket.current_session
        return session is not None and not session.closed

    async def open(self) -> None:
        """Returns when Slack is connected; until then it tries again and again."""
        self._heard_at = self._clock()
        self._watchdog = asyncio.create_task(self._watch(), name="Slack watchdog")
        async with self._socket.connect_operation_lock:
            await self._socket.connect()  # type: ignore[no-untyped-call]

    async def close(self, limit_s: float = 10.0) -> None:
        """
        Takes in nothing more, lets what was taken in be answered, says goodbye, and waits for
        errands: `limit_s` seconds at most in all.
        """
        until = self._clock() + limit_s
        if self._watchdog:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
        await self._intake.stop(min(ANSWER_LIMIT_S, limit_s))
        await self._hang_up()
        await self._errands.drain(max(0.0, until - self._clock()))

    async def look(self) -> None:
        """What the watchdog does each time."""
        if self._socket.last_ping_pong_time != self._last_pong:
            self._last_pong = self._socket.last_ping_pong_time
            self._heard_at = self._clock()
        if not self.is_open:
            self._socket.wss_uri = None  # It was good for one handshake.
        if self._clock() - self._heard_at > self._silence_s:
            log.warning("Slack has been silent for %.0f s: connecting anew", self._silence_s)
            self._heard_at = self._clock()
            await self._connect_anew()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            try:
                await self.look()
            except (
                Exception
            ):  # whatever Slack's client raises: nobody else would mend the next break
                log.exception("the watch over the connection to Slack failed once; it goes on")

    async def _connect_anew(self) -> None:
        """Breaks whatever hangs; whoever was at it goes on with a new address, else we do."""
        await self._socket.aiohttp_client_session.close()
        if not self._socket.connect_operation_lock.locked():
            with contextlib.suppress(*CONNECT_ERRORS):
                async with asyncio.timeout(self._silence_s):
                    await self._socket.connect_to_new_endpoint(force=True)

    async def _hang_up(self) -> None:
        doing = (
            self._socket.message_processor,
            self._socket.current_session_monitor,
            self._socket.message_receiver,
        )
        await self._intake.close_async()  # type: ignore[no-untyped-call]
        await asyncio.gather(*filter(None, doing), return_exceptions=True)

    async def _hear(self, message: WSMessage) -> None:
        self._heard_at = self._clock()


class _Intake(AsyncSocketModeHandler):
    """Knows what was taken in and is not answered yet."""

    client: SocketModeClient

    def __init__(
        self,
        app: AsyncApp,
        token: Credential,
        client: AsyncWebClient,
        turned_away: TurnedAway,
        ping_interval_s: float,
    ) -> None:
        log, every = _socket_log(), ping_interval_s
        super().__init__(app, LATER, logger=log, web_client=client, ping_interval=every)
        self._token, self._ask_address = token, self.client.issue_new_wss_url
        self.client.issue_new_wss_url = self._address  # type: ignore[method-assign]
        self._takes_in, self._turned_away = True, turned_away
        self._unanswered: set[asyncio.Task[None]] = set()

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        if not self._takes_in:
            return  # Unanswered: Slack gives an event to another replica, and tells a person.
        if why := misshapen(req.payload):
            return self._turned_away.note(why)
        answering = asyncio.ensure_future(super().handle(client, req))
        self._unanswered.add(answering)
        answering.add_done_callback(self._unanswered.discard)
        await answering

    async def _address(self) -> str:
        """Of the next connection, asked for with the token that holds now."""
        try:
            return await self._token.use(self._address_for)
        except NotAccepted as error:
            log.error("%s", error)
            raise

    async def _address_for(self, token: str) -> str:
        self.client.app_token = token
        try:
            return await self._ask_address()
        except SlackApiError as error:
            why = str(error.response["error"])
            if why not in NOT_ACCEPTED:
                raise
            raise NotAccepted(
                f"Slack does not accept the app token ({why}). Put a valid one (xapp-..., with"
                f" connections:write) where it is kept: {self._token.reference}"
            ) from None

    async def stop(self, limit_s: float) -> None:
        self._takes_in = False
        if self._unanswered:
            await asyncio.wait(set(self._unanswered), timeout=limit_s)


def _socket_log() -> logging.Logger:
    """Never below INFO, where Slack's client writes whole payloads, and without addresses."""
    logger = logging.getLogger(f"{__name__}.socket")
    logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))
    if not any(isinstance(one, _WithoutAddresses) for one in logger.filters):
        logger.addFilter(_WithoutAddresses())
    return logger


class _WithoutAddresses(logging.Filter):
    """A Socket Mode address is a ticket: who reads it in a log could use it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = re.sub(r"(wss?://[^\s?'\"]+)\?[^\s'\"]*", r"\1?...", record.getMessage())
        record.args = None
        record.exc_info = record.exc_text = None  # The same sentence again, with the address.
        return True
