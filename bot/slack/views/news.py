"""One concern in a report: what it is, and what people know of it already."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.engine.record import RunRecord, StepRecord
from bot.engine.turned import NEWS, Turn, Turned
from bot.slack.views.escape import cut, mrkdwn, one_line, place
from bot.slack.views.kit import Element, channel, text
from bot.slack.views.words import clock, day_and_clock, lasted

CONCERNS = 12  #: Of one step that are shown.
EACH = 300  #: Characters of what each says.
ORDER: tuple[Turned, ...] = ("bad", "lost", "unsure", "known", "good", "well")


def turns(run: RunRecord, step: StepRecord) -> list[Turn]:
    """What a report says of a step, what is bad first."""
    mine = (one for one in run.news if one.step == step.key and one.turned != "well")
    shown = [one for one in mine if one.turned in NEWS or not run.speaks_on_change]
    return sorted(shown, key=lambda one: ORDER.index(one.turned))


def known(run: RunRecord, found: Sequence[Turn]) -> list[Element]:
    """Of the step itself, when it has named no concerns."""
    return [piece for one in found if not one.concern for piece in _known(run, one)]


def known_text(run: RunRecord, found: Sequence[Turn]) -> str:
    return "".join(_known_text(run, one) for one in found if not one.concern)


def concerns(run: RunRecord, found: Sequence[Turn]) -> Iterator[list[Element]]:
    """A line for each."""
    named = [one for one in found if one.concern]
    for one in named[:CONCERNS]:
        yield [text(f"•  {_said(one)}"), *_known(run, one)]
    if (left := len(named) - CONCERNS) > 0:
        yield [text(f"•  and {left} more")]


def concerns_text(run: RunRecord, found: Sequence[Turn]) -> str:
    named = [one for one in found if one.concern][:CONCERNS]
    said = "; ".join(f"{mrkdwn(_said(one), EACH)}{_known_text(run, one)}" for one in named)
    return f" ({said})" if said else ""


def _said(one: Turn) -> str:
    name, says = cut(one_line(one.concern), 100), cut(one_line(one.says), EACH)
    return f"{name}: well again" if one.turned == "good" else f"{name}: {says}"


def _known(run: RunRecord, one: Turn) -> list[Element]:
    there = [text(" in "), channel(one.told_in)] if one.told_in else []
    return [text(f" · {_told(run, one)}"), *there]


def _known_text(run: RunRecord, one: Turn) -> str:
    there = f" in {place(one.told_in)}" if one.told_in else ""
    return f" · {mrkdwn(_told(run, one))}{there}"


def _told(run: RunRecord, one: Turn) -> str:
    """Ends where the channel is named in which it was told."""
    since, at = _when(run, one.since), _when(run, one.told_at) if one.told_at else ""
    told = f"told{'' if at == since else f' {at}'} by {one.told_by}" if at else ""
    if one.turned == "good":
        return f"after {lasted((one.until or one.since) - one.since)}"
    if one.turned == "known":
        return f"known since {since}, {told}"
    if one.turned == "unsure":
        return f"since {since}"
    return f"NEW here, since {since}; {told}" if told else f"NEW, since {since}"


def _when(run: RunRecord, at: datetime) -> str:
    """With its day, if that is another than the run's."""
    today = (run.ended_at or run.started_at).date()
    return clock(at) if at.date() == today else day_and_clock(at)
