"""That a run speaks in another channel is said there, once."""

from bot.slack.views.moved import goes_on_here
from bot.store.deliveries import Delivery, Priority, message


def notice(run: str, closed: str, opened: str) -> Delivery:
    """`closed`: a channel that takes nothing from the bot; `opened`: where it is said instead."""
    shown = goes_on_here(run, closed)
    return message(
        f"{run}/moved/{closed}", shown.text, shown.blocks, place=opened, priority=Priority.FINAL
    )
