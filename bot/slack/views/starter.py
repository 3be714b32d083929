"""Who has started a run: a person, or the clock for one."""

from bot.engine.record import BY_THE_CLOCK, RunRecord
from bot.slack.views.escape import mention, mrkdwn
from bot.slack.views.kit import Element, person, text

ITSELF = "its own schedule"


def starter(run: RunRecord) -> list[Element]:
    before, who = _starter(run)
    return [*([text(before)] if before else []), *([person(who)] if who else [])]


def starter_text(run: RunRecord) -> str:
    """mrkdwn."""
    before, who = _starter(run)
    return mrkdwn(before) + (" " if before and who else "") + (mention(who) if who else "")


def starter_plain(run: RunRecord) -> tuple[str, str]:
    """What stands before the person, and their id: one of the two may be empty."""
    before, who = _starter(run)
    return before.strip(), who


def _starter(run: RunRecord) -> tuple[str, str]:
    if run.started_by == BY_THE_CLOCK:
        return ITSELF, ""
    return (f"schedule {run.schedule} of " if run.schedule else ""), run.started_by
