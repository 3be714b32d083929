"""The buttons of a run's card: what is done next, again, not at all, or taken back."""

from collections.abc import Awaitable

from bot.engine.intents import Desk, Noted, Refusal
from bot.slack.listeners.front import Front
from bot.slack.listeners.visit import Answer, Private, Visit
from bot.slack.views import names
from bot.slack.views.ephemeral import noted, refused


async def lead(front: Front, visit: Visit) -> Answer:
    """Pick, undo, again, go on, finish, cancel."""
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
    if pressed.name == names.PICK:
        return desk.pick(pressed.id, pressed.key, by, key)
    if pressed.name == names.UNDO:
        return desk.undo(pressed.id, pressed.key, by, key)
    if pressed.name == names.AGAIN:
        return desk.again(pressed.id, pressed.key, by, key)
    if pressed.name == names.GO_ON:
        return desk.go_on(pressed.id, pressed.key, by, key)
    return desk.close(pressed.id, pressed.key, by, key)
