"""
A button counts only where the bot has put it. A payload says which message was pressed and what
its button stood for; the two are held against what was sent there, so that a value of one run's
message decides nothing when it comes from another's, or from a message that is not the bot's.
"""

from collections.abc import Awaitable, Callable

from bot.engine.intents import Refusal
from bot.slack.listeners.visit import Visit
from bot.slack.views import names

#: By channel, ts and id: whether the message there is ours, and about that run, approval or
#: question.
Shows = Callable[[str, str, str], Awaitable[bool]]

ELSEWHERE = Refusal(
    "This is not where the bot asks for this, so nothing was done. If it has only just appeared,"
    " press again in a moment. `/runbook status` shows what is running."
)
#: What these decide or answer stands on a message of its own, and nowhere else.
ON_ITS_CARD = frozenset(
    {
        names.APPROVE,
        names.APPROVE_DESTROY,
        names.DENY,
        names.BREAK_GLASS,
        names.CHOOSE,
        names.CLAIM,
        names.CLAIM_OTHER,
        names.ANSWER,
        names.PROPOSED,
        names.DONE,
        names.HAPPENED,
        names.NOT_HAPPENED,
        names.STOP_HERE,
    }
)
#: These are also, or only, shown to one person alone, where no message of ours is kept.
OF_A_RUN = frozenset(
    {
        names.PICK,
        names.UNDO,
        names.AGAIN,
        names.GO_ON,
        names.CLOSE,
        names.CANCEL,
        names.PAUSE,
        names.RESUME,
        names.HALT,
        names.NEXT_HOP,
        names.REVIEW,
        *names.WAYS,
    }
)
#: Opened from such a message, which they remember.
FROM_ITS_CARD = frozenset(
    {names.APPROVE_MODAL, names.DENY_MODAL, names.GLASS_MODAL, names.ANSWER_MODAL}
)


async def in_place(shows: Shows, visit: Visit) -> bool:
    """Raises Strange."""
    if not visit.action:
        return await _from_its_card(shows, visit)
    name = str(visit.action.get("action_id", "")).partition(":")[0]
    if name in ON_ITS_CARD or (name in OF_A_RUN and visit.message and not visit.is_private):
        channel = visit.channel.channel_id or ""
        return bool(visit.message) and await shows(channel, visit.message, visit.pressed.id)
    return True


async def _from_its_card(shows: Shows, visit: Visit) -> bool:
    if visit.view.get("callback_id") not in FROM_ITS_CARD:
        return True
    kept = visit.metadata
    return bool(kept.message) and await shows(kept.channel, kept.message, kept.about)
