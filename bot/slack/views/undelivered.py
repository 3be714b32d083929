"""What a run could not show in Slack, said where it can be read."""

from collections.abc import Iterator, Sequence

from bot.slack.views.escape import mrkdwn
from bot.slack.views.kit import Rendered, plain, rich, section, text
from bot.slack.views.limits import fit_message
from bot.slack.views.words import count

LISTED = 5
EACH = 400


def missing(run_id: str, lost: Sequence[tuple[str, str]], tried: Sequence[str]) -> Rendered:
    """By the names of deliveries: what was given up and why, and what is tried on."""
    head = f"Run {run_id}: {count(len(lost) + len(tried), 'message')} could not be shown in Slack."
    lines = list(_lines(run_id, lost, tried))
    how = f"/runbook status {run_id} shows how the run stands."
    blocks = [rich([text(head, bold=True)], *([text(one)] for one in lines), [text(how)])]
    said = " ".join(mrkdwn(one, EACH) for one in (head, *lines, how))
    return Rendered(fit_message(said), blocks)


def all_there(run_id: str) -> Rendered:
    said = f"Run {run_id}: what could not be shown in Slack for a while is there now."
    return Rendered(mrkdwn(said), [section(plain(said, EACH))])


def _lines(run_id: str, lost: Sequence[tuple[str, str]], tried: Sequence[str]) -> Iterator[str]:
    every = [f"{_inside(run_id, name)}: given up. {why}" for name, why in lost]
    every += [f"{_inside(run_id, name)}: Slack fails on it. It is tried on." for name in tried]
    yield from every[:LISTED]
    if (more := len(every) - LISTED) > 0:
        yield f"And {more} more: the bot's log and `doctor` have them."


def _inside(run_id: str, name: str) -> str:
    return name.removeprefix(f"{run_id}/")
