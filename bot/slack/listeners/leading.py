"""The buttons of a run's card: what is done next, again, not at all, or taken back."""

from collections.abc import Awaitable

from bot.engine.intents import Desk, Noted, Refusal
from bot.slack.listeners.front import Front
from bot.slack.listeners.visit import Answer, Private, Visit
from bot.slack.views import names
from bot.slack.views.ephemeral import noted, refused


async def lead(front: Front, visit: Visit) -> Answer:
    """Pick, undo, again, go on, pause, resume, stop, finish, cancel."""
    return said(await _intent(front.desk, visit))


def said(answer: Noted | Refusal) -> Answer:
    """A refusal is always said; what was noted only when the card does not show it."""
    if isinstance(answer, Refusal):
        return Private(refused(answer))
    return Private(noted(answer)) if answer.says.strip() else None


def _intent(desk: Desk, visit: Visit) -> Awaitable[Noted | Refusal]:
    pressed, by, key = visit.pressed, visit.actor, visit.key
    if pressed.name == names.CANCEL:
        return desk.cancel(pressed.id, by, key)
    of_a_step = {
        names.PICK: desk.pick,
        names.UNDO: desk.undo,
        names.AGAIN: desk.again,
        names.GO_ON: desk.go_on,
        names.PAUSE: desk.pause,
        names.RESUME: desk.resume,
        names.HALT: desk.halt,
        names.CLOSE: desk.close,
    }
    return of_a_step[pressed.name](pressed.id, pressed.key, by, key)
