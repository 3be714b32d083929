"""What a run could not show in Slack, said where it can be read."""

from collections.abc import Iterator, Sequence

from bot.slack.views.escape import mrkdwn
from bot.slack.views.kit import Rendered, plain, rich, section, text
from bot.slack.views.limits import fit_message
from bot.slack.views.words import count

LISTED = 5
EACH = 400


def missing(
    about: str, lost: Sequence[tuple[str, str]], tried: Sequence[tuple[str, int]], is_run: bool
) -> Rendered:
    """By the names of deliveries: what was given up and why; what was tried how often."""
    how_many = count(len(lost) + len(tried), "message")
    lines = [
        f"{_of(about, is_run)}: {how_many} could not be shown in Slack.",
        *_lines(about, lost, tried),
        *([f"/runbook status {about} shows how the run stands."] if is_run else []),
    ]
    blocks = [rich(*([text(one, bold=n == 0)] for n, one in enumerate(lines)))]
    return Rendered(fit_message(" ".join(mrkdwn(one, EACH) for one in lines)), blocks)


def all_there(about: str, is_run: bool) -> Rendered:
    said = f"{_of(about, is_run)}: what could not be shown in Slack for a while is there now."
    return Rendered(mrkdwn(said), [section(plain(said, EACH))])


def _of(about: str, is_run: bool) -> str:
    return f"Run {about}" if is_run else about.capitalize()


def _lines(
    about: str, lost: Sequence[tuple[str, str]], tried: Sequence[tuple[str, int]]
) -> Iterator[str]:
    every = [f"{_inside(about, name)}: given up. {why}" for name, why in lost]
    every += [
        f"{_inside(about, name)}: Slack fails on it, after {count(tries, 'try', 'tries')}."
        " It is tried on."
        for name, tries in tried
    ]
    yield from every[:LISTED]
    if (more := len(every) - LISTED) > 0:
        yield f"And {more} more: the bot's log and `doctor` have them."


def _inside(about: str, name: str) -> str:
    return name.removeprefix(f"{about}/")
