"""
What a person is told when taking in what they want broke off: what is known of it, never "fine",
and what to do next. A form stays open with all that was typed into it.

This is one of the two places where every exception is caught.
"""

import logging
from collections.abc import Mapping
from typing import Any

from slack_bolt import BoltResponse

from bot.runbook.errors import StepError
from bot.slack.listeners.front import CLICK, SUBMISSION
from bot.slack.listeners.telling import Telling
from bot.slack.listeners.visit import PERSON, TEXT_LIMIT, Body, TooLong
from bot.slack.listeners.wrong import last_input
from bot.slack.turned_away import TurnedAway
from bot.slack.views.ephemeral import sentence
from bot.slack.views.names import Strange
from bot.store.store import StoreAway

log = logging.getLogger(__name__)

NOT_NOTED = (
    "This could not be noted: the bot's own store did not take it. Nothing was started or changed"
    " because of it. Try it again; if it happens again, tell whoever runs the bot."
)
TOO_SLOW = (
    "The bot took too long to note this, so it may or may not have been noted."
    " Look at `/runbook status` before you do it again."
)
STRANGE = (
    "This does not fit anything that this version of the bot knows. Nothing was done."
    " `/runbook status` shows what is running."
)
TOO_LONG = (
    f"That is more than {TEXT_LIMIT:,} characters, so it was not read. Nothing was done."
    " `/runbook` alone opens the catalogue, where everything can be filled in."
)


class Lost:
    """Bolt's error handler."""

    def __init__(self, telling: Telling, turned_away: TurnedAway) -> None:
        self._telling, self._turned_away = telling, turned_away

    async def answer(self, error: Exception, body: dict[str, Any]) -> BoltResponse:
        if isinstance(error, Strange):
            self._turned_away.note(f"a payload that fits nothing: {error}", _sender(body))
        says = _says(error)
        if "command" in body:
            return _json({"response_type": "ephemeral", "text": says})
        if body.get("type") == "view_submission" and (block := last_input(body["view"])):
            return _json({"response_action": "errors", "errors": {block: says}})
        self._tell(body, says)
        return BoltResponse(status=200, body="")

    def _tell(self, body: Body, says: str) -> None:
        kind = {"block_actions": CLICK, "view_submission": SUBMISSION}.get(str(body.get("type")))
        if kind is None:
            return  # An event: nobody waits for an answer.
        try:
            visit = kind.read(body)
        except Strange:
            log.warning("a payload that says neither who nor where was dropped")
            return
        self._telling.say_later(visit, sentence(says))


def _sender(body: Body) -> str:
    """Who is said to have sent it, when that is well-formed."""
    user = body.get("user")
    said = str(user.get("id") if isinstance(user, Mapping) else body.get("user_id") or "")
    return said if PERSON.fullmatch(said) else ""


def _says(error: Exception) -> str:
    if isinstance(error, StepError):
        return str(error)
    if isinstance(error, TimeoutError):
        log.error("an intent was not noted within its time")
        return TOO_SLOW
    if isinstance(error, Strange):
        return TOO_LONG if isinstance(error, TooLong) else STRANGE
    if isinstance(error, StoreAway):
        log.warning("an intent could not be noted: the store does not answer: %s", error)
    else:
        log.error("an intent could not be noted", exc_info=error)
    return NOT_NOTED


def _json(body: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=body)
