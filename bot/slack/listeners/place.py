"""
Where a run can speak. Public channels are open to the bot; in somebody's private conversation it
may not be present, and then the run speaks to the person who starts it. The payload does not say
which it is (a private channel has a name, or is called `privategroup`), so Slack is asked.
"""

import asyncio

from bot.engine.record import Origin
from bot.runbook.errors import Unreachable
from bot.slack.listeners.front import Front
from bot.slack.listeners.visit import Visit

#: Asked while somebody waits for an answer, so in seconds that leave time for it.
WITHIN_S = 0.8


async def speaking_place(front: Front, visit: Visit) -> Origin:
    origin = visit.channel
    try:
        async with asyncio.timeout(WITHIN_S):
            if origin.channel_id and await _is_open(front, origin.channel_id):
                return origin
            return await conversation_with(front, visit.actor.user_id) or origin
    except (Unreachable, TimeoutError):
        return origin


async def _is_open(front: Front, channel_id: str) -> bool:
    """A private conversation that we are not in does not exist, says Slack."""
    return bool((await front.telling.calls.call("conversations.info", channel=channel_id))["ok"])


async def conversation_with(front: Front, user_id: str) -> Origin | None:
    """Where only this person reads. Raises Unreachable."""
    opened = await front.telling.calls.call("conversations.open", users=user_id)
    return Origin(str(opened["channel"]["id"]), "directmessage") if opened["ok"] else None
