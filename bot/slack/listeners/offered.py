"""What a person is offered in what only they see: nothing that they may not do."""

from collections.abc import Mapping, Sequence

from bot.access.acts import Act, Freeze, Lead, ReadAudit, Schedule, Start
from bot.access.member import Member
from bot.engine.record import RunRecord
from bot.slack.listeners.front import Front
from bot.slack.listeners.visit import Visit
from bot.slack.views.card import card
from bot.slack.views.ephemeral import ALL_WORDS
from bot.slack.views.kit import Rendered


def closed_books(front: Front, visit: Visit) -> Mapping[str, str]:
    """The runbooks that they may read and not start, and why not, by id."""
    why = {key: _why_not(front, visit, Start(key)) for key in front.desk.books}
    return {key: said for key, said in why.items() if said}


def own_words(front: Front, visit: Visit) -> frozenset[str]:
    """Of what help lists, what they can type."""
    words, books = set(ALL_WORDS), front.desk.books
    if all(_why_not(front, visit, Start(key)) for key in books):
        words -= {"run", "dry"}
    if all(_why_not(front, visit, Lead(key)) for key in books):
        words -= {"cancel"}
    if all(_why_not(front, visit, Schedule(key)) for key in books):
        words -= {"schedule add"}
    if _why_not(front, visit, Freeze()):
        words -= {"freeze", "thaw"}
    return frozenset(words)


def may_see(front: Front, visit: Visit, run: RunRecord, who: Member | None = None) -> bool:
    """
    A confidential run is shown to whoever started it, to those who may read the audit log, and to
    everybody within its own channel. `who`: where the front has not looked them up.
    """
    who = who or visit.who
    assert who, "the front has looked them up"
    if not run.outline.confidential or run.started_by == who.user_id:
        return True
    is_there = bool(run.room_id) and visit.channel.channel_id == run.room_id
    return is_there or not front.desk.why_not(who, ReadAudit())


def shown(
    front: Front, visit: Visit, runs: Sequence[RunRecord], who: Member | None = None
) -> Sequence[RunRecord]:
    """Those that this person may see."""
    return [run for run in runs if may_see(front, visit, run, who)]


def own_card(front: Front, visit: Visit, run: RunRecord) -> Rendered:
    """A run's card, with its buttons for those who may press them."""
    return card(run, may_lead=not _why_not(front, visit, Lead(run.outline.book, run.inputs)))


def _why_not(front: Front, visit: Visit, act: Act) -> str:
    assert visit.who, "the front has looked them up"
    return front.desk.why_not(visit.who, act)
