"""That changes are stopped, by whom and why; and that they go on."""

from collections.abc import Iterator, Sequence

from bot.access.acts import Frozen
from bot.engine.record import Thaw
from bot.slack.views.escape import cut, mention, mrkdwn, one_line
from bot.slack.views.kit import Element, Rendered, context, person, plain, rich, text
from bot.slack.views.limits import Block, fit_message
from bot.slack.views.words import day_and_clock

GOES_ON = (
    "Checks go on, and so do channels, pages and tickets. Plans are shown and cannot be approved."
)
STOPPED = "ALL CHANGES ARE STOPPED"
LONG = 500  #: Of a reason.
LISTED = 3


def freeze_lines(frozen: Sequence[Frozen]) -> list[Block]:
    """One block, or none; `GOES_ON` below it."""
    if not frozen:
        return []
    lines = [freeze_line(one) for one in frozen[:LISTED]]
    if (more := len(frozen) - LISTED) > 0:
        lines.append([text(f"and {more} more")])
    return [rich(*lines), context(plain(GOES_ON, 300))]


def freeze_text(frozen: Frozen) -> str:
    """For a text that is read alone; mrkdwn."""
    why = f": {mrkdwn(frozen.why, LONG)}" if frozen.why else ""
    if frozen.window:
        return f"CHANGE FREEZE {mrkdwn(_window(frozen), 400)}{why}"
    since = f" at {day_and_clock(frozen.since)}" if frozen.since else ""
    return f"{STOPPED} by {mention(frozen.by)}{since}{why}"


def announced(frozen: Frozen, thaw: Thaw | None) -> Rendered:
    if thaw is None:
        how = "" if frozen.window else " `/runbook thaw` lets changes be made again."
        said = f"{freeze_text(frozen)}. {GOES_ON}{how}"
        shown = [
            rich(freeze_line(frozen)),
            context(plain(f"{GOES_ON}{how}".replace("`", ""), 400)),
        ]
        return Rendered(fit_message(said), shown)
    what = f"The change freeze {_window(frozen)} is over" if frozen.window else "CHANGES GO ON"
    why = f": {cut(one_line(thaw.why), LONG)}" if thaw.why else ""
    line = [text(what, bold=True), *_by(thaw.by), text(f" at {day_and_clock(thaw.at)}{why}")]
    by = f", by {mention(thaw.by)}" if thaw.by else ""
    said = f"{mrkdwn(what, 500)}{by} at {day_and_clock(thaw.at)}{mrkdwn(why, LONG)}"
    again = "What was held back is not made by itself: it is planned and asked for anew."
    return Rendered(fit_message(f"{said}. {again}"), [rich(line), context(plain(again, 300))])


def freeze_line(frozen: Frozen) -> list[Element]:
    why = f": {cut(one_line(frozen.why), LONG)}" if frozen.why else ""
    if frozen.window:
        return [text(f"CHANGE FREEZE {_window(frozen)}", bold=True), text(why or " ")]
    since = f" at {day_and_clock(frozen.since)}" if frozen.since else ""
    return [text(STOPPED, bold=True), *_by(frozen.by), text(f"{since}{why}" or " ")]


def _by(user_id: str) -> Iterator[Element]:
    if user_id:
        yield text(" by ")
        yield person(user_id)


def _window(frozen: Frozen) -> str:
    where = "" if "*" in frozen.targets else f", {', '.join(frozen.targets[:8])}"
    return cut(one_line(f"{frozen.window} ({frozen.lasts}{where})"), 300)
