"""
What is said and shown after Slack has its answer: private sentences, forms, a form drawn anew.

None of it carries a decision; all of it may be lost without harm, and then the person is told what
to type instead, as far as Slack lets us.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

from bot.runbook.errors import Unreachable
from bot.slack.calls import Calls
from bot.slack.errands import Errands
from bot.slack.listeners.visit import Answer, Later, Open, Private, Redraw, Visit
from bot.slack.views.ephemeral import sentence
from bot.slack.views.kit import Rendered, View
from bot.slack.views.names import unpack

log = logging.getLogger(__name__)

#: Slack forgets a trigger after 3 s, or once it was used.
TOO_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id"})
NOT_DONE = "That could not be shown just now. Nothing was changed. Try it again."


@dataclass(frozen=True)
class Telling:
    calls: Calls
    errands: Errands
    _lanes: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def after(self, visit: Visit, answer: Answer) -> None:
        """Whatever of the answer did not fit into the acknowledgement."""
        if isinstance(answer, Private):
            self.say_later(visit, answer.says)
        elif isinstance(answer, Open):
            self._run(visit, self._open(visit, answer), "opening a form")
        elif isinstance(answer, Redraw):
            self._run(visit, self._redraw(visit, answer), "drawing a form anew")
        elif isinstance(answer, Later):
            self._run(visit, answer.do(), "something asked for", answer.failed or NOT_DONE)

    def say_later(self, visit: Visit, says: Rendered) -> None:
        self.errands.run(self.say(visit, says), "a private sentence")

    async def say(self, visit: Visit, says: Rendered) -> None:
        """Where the person looks: at the message they pressed in, else in their own channel."""
        url = visit.response_url if not visit.thread else ""
        if url and await self.calls.respond(url, says.text, says.blocks):
            return
        if visit.channel.channel_id and await self._whisper(visit, says):
            return
        if not await self._try("chat.postMessage", says, channel=visit.actor.user_id):
            log.warning("%s could not be told: %s", visit.actor.user_id, says.text)

    def _run(
        self, visit: Visit, errand: Coroutine[Any, Any, None], what: str, failed: str = NOT_DONE
    ) -> None:
        self.errands.run(errand, what, or_else=lambda: self.say(visit, sentence(failed)))

    async def _open(self, visit: Visit, opening: Open) -> None:
        built = await opening.build()
        if isinstance(built, Rendered):
            return await self.say(visit, built)
        method = "views.push" if visit.is_modal else "views.open"
        view = _with_place(built, visit)
        try:
            opened = await self.calls.call(method, trigger_id=visit.trigger_id, view=view)
            error = "" if opened["ok"] else str(opened.get("error"))
        except Unreachable as unreachable:
            error = str(unreachable)
        if error:
            await self.say(visit, sentence(_not_opened(error, opening.instead)))

    async def _redraw(self, visit: Visit, redraw: Redraw) -> None:
        """In the order that the person pressed and typed in."""
        view_id = str(visit.view["id"])
        lane = self._lanes.setdefault(view_id, asyncio.Lock())
        async with lane:
            drawn = await self.calls.call(
                "views.update", view_id=view_id, view=await redraw.build()
            )
        if not drawn["ok"] and drawn.get("error") != "not_found":  # Closed in the meantime.
            log.warning("a form could not be drawn anew: %s", drawn.get("error"))

    async def _whisper(self, visit: Visit, says: Rendered) -> bool:
        return await self._try(
            "chat.postEphemeral",
            says,
            channel=visit.channel.channel_id,
            user=visit.actor.user_id,
            thread_ts=visit.thread or None,
        )

    async def _try(self, method: str, says: Rendered, **where: str | None) -> bool:
        try:
            said = await self.calls.call(method, text=says.text, blocks=says.blocks, **where)
        except Unreachable:
            return False
        return bool(said["ok"])


def _with_place(view: View, visit: Visit) -> View:
    """A form remembers where it was opened, so that its answer is said there."""
    kept, channel = unpack(view["private_metadata"]), visit.channel
    if kept.channel or not channel.channel_id:
        return view
    here = replace(
        kept,
        channel=channel.channel_id,
        channel_name=channel.channel_name,
        message=visit.message,
    )
    return view | {"private_metadata": here.pack()}


def _not_opened(error: str, instead: str) -> str:
    if error in TOO_LATE:
        return f"Slack gave me 3 seconds to open the form, and they were over. {instead}"
    return f"The form could not be opened ({error}). Nothing was changed. {instead}"
