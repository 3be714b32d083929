"""
What people are told when something cannot be shown: one message of the run, edited in place, that
says what is missing and why. It goes its own way, past whatever is stuck.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from bot.slack.views.undelivered import all_there, missing
from bot.store import outbox
from bot.store.deliveries import DeliveryKind, Priority, message
from bot.store.rooms import room_of

#: What people would miss. The rest is in the log and in `doctor`.
TOLD: tuple[DeliveryKind, ...] = ("message", "file", "invite")


def notice_of(run: str) -> str:
    return f"{run}/undelivered"


def tell(c: sa.Connection, run: str, tried: Sequence[str], now: float) -> None:
    """
    In the transaction that changes it. `tried`: names that Slack still fails on. How often it did
    is said too, so that it is news in a new life as well and shows whether Slack takes anything.
    """
    name = notice_of(run)
    lost = [(one, why) for one, why in outbox.dead_of(c, run, TOLD) if one != name]
    if not lost and not tried and outbox.recall(c, name):
        return
    is_run = room_of(c, run) is not None  # else it is the bot's own word, such as an anchor
    open_rows = [(one, row.attempts) for one in tried if (row := outbox.newest(c, one))]
    some = bool(lost or open_rows)
    shown = missing(run, lost, open_rows, is_run) if some else all_there(run, is_run)
    said = message(name, shown.text, shown.blocks, priority=Priority.FINAL)
    outbox.put(c, run, [said], now=lambda: now)
