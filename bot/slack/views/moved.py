"""What is said where a run goes on once its channel can be spoken in no more."""

from bot.slack.views.kit import Rendered, rich, text

HELP = "Unarchive it or invite the bot, and what is new is said there again."


def goes_on_here(run_id: str, closed: str) -> Rendered:
    """`closed`: the id of the channel that takes nothing from the bot."""
    there = {"type": "channel", "channel_id": closed}
    blocks = [
        rich(
            [
                text(f"Run {run_id} goes on here.", bold=True),
                text(" "),
                there,
                text(f" takes no messages from the bot any more. {HELP}"),
            ]
        )
    ]
    said = (
        f"Run {run_id} goes on here. <#{closed}> takes no messages from the bot any more. {HELP}"
    )
    return Rendered(said, blocks)
