"""What a person is offered in what only they see: nothing that they may not do."""

from collections.abc import Mapping

from bot.access.acts import Act, Freeze, Lead, Start
from bot.access.member import Member
from bot.engine.intents import Refusal
from bot.engine.record import RunRecord
from bot.slack.listeners.front import Front
from bot.slack.listeners.visit import Visit
from bot.slack.views.card import card
from bot.slack.views.ephemeral import ALL_WORDS
from bot.slack.views.kit import Rendered


async def closed_books(front: Front, visit: Visit) -> Mapping[str, str]:
    """The runbooks that they may read and not start, and why not, by id."""
    who = await front.reader(visit)
    why = {key: _why_not(front, who, Start(key)) for key in front.desk.books}
    return {key: said for key, said in why.items() if said}


async def own_words(front: Front, visit: Visit) -> frozenset[str]:
    """Of what help lists, what they can type."""
    who, books = await front.reader(visit), front.desk.books
    words = set(ALL_WORDS)
    if all(_why_not(front, who, Start(key)) for key in books):
        words -= {"run", "dry"}
    if all(_why_not(front, who, Lead(key)) for key in books):
        words -= {"cancel"}
    if _why_not(front, who, Freeze()):
        words -= {"freeze", "thaw"}
    return frozenset(words)


async def own_card(front: Front, visit: Visit, run: RunRecord) -> Rendered:
    """A run's card, with its buttons for those who may press them."""
    who = await front.reader(visit)
    act = Lead(run.outline.book, run.inputs)
    return card(run, may_lead=not _why_not(front, who, act))


def _why_not(front: Front, who: Member | Refusal, act: Act) -> str:
    return who.why if isinstance(who, Refusal) else front.desk.why_not(who, act)
