"""
The catalogue, the Home tab, and what else only shows what there is.
"""

from dataclasses import replace

from bot.access.acts import Read
from bot.engine.intents import Refusal
from bot.slack.listeners.front import Front
from bot.slack.listeners.offered import closed_books, may_see, own_card, shown
from bot.slack.listeners.starting import start_form
from bot.slack.listeners.visit import Answer, Instead, Later, Next, Open, Private, Redraw, Visit
from bot.slack.views import names
from bot.slack.views.catalogue import catalogue_modal, summaries
from bot.slack.views.ephemeral import refused, sentence
from bot.slack.views.home import home
from bot.slack.views.kit import Rendered, View
from bot.slack.views.names import Metadata, Strange
from bot.slack.views.timeline import timeline

#: Runs looked through for when each runbook was last used.
LOOKED_THROUGH = 50
SEARCH_BLOCK = "search"  #: The block_id of the search field.
ON_HOME = 10  #: Recent runs shown there.


async def open_catalogue(front: Front, visit: Visit) -> Answer:
    where = visit.channel
    kept = Metadata(channel=where.channel_id or "", channel_name=where.channel_name)

    async def build() -> View:
        return await _catalogue(front, visit, kept, None)

    return Open(build, "Type `/runbook list` instead.")


async def browse(front: Front, visit: Visit) -> Answer:
    """Searched, turned a page, chose a runbook or went back to the list."""
    pressed, kept, chosen = visit.pressed, visit.metadata, None
    if pressed.name == names.SEARCH:
        kept = replace(kept, search=pressed.typed, page=0)
    elif pressed.name == names.PAGE:
        kept = replace(kept, page=_page(pressed.id))
    else:
        chosen = pressed.id or None

    async def build() -> View:
        return await _catalogue(front, visit, kept, chosen)

    return Redraw(build) if visit.is_modal else Open(build, "Type `/runbook list` instead.")


async def submitted(front: Front, visit: Visit) -> Answer:
    """From a runbook that is shown to its start form; from the list, what was searched for."""
    kept = visit.metadata
    if not kept.book:
        typed = visit.filled.get(SEARCH_BLOCK, {}).get(names.SEARCH, {}).get("value")
        kept = replace(kept, search=str(typed or ""), page=0)
        return Instead(await _catalogue(front, visit, kept, None))
    form = await start_form(front, visit, kept.book, {}).build()
    return Private(form) if isinstance(form, Rendered) else Next(form)


async def show_run(front: Front, visit: Visit) -> Answer:
    run = await front.desk.record(visit.pressed.id)
    if run is None or not may_see(front, visit, run):
        return Private(sentence(f"There is no run {visit.pressed.id} any more."))
    return Private(own_card(front, visit, run))


async def show_timeline(front: Front, visit: Visit) -> Answer:
    run = await front.desk.record(visit.pressed.id)
    if run is None or not may_see(front, visit, run):
        return Private(sentence(f"There is no run {visit.pressed.id} any more."))
    return Private(timeline(run))


async def opened_home(front: Front, visit: Visit) -> Answer:
    async def publish() -> None:
        view = await _home(front, visit)
        await front.telling.calls.call("views.publish", user_id=visit.actor.user_id, view=view)

    return Later(publish)


async def _home(front: Front, visit: Visit) -> View:
    if isinstance(who := await front.desk.judge(visit.actor, Read(), "home"), Refusal):
        return {"type": "home", "blocks": refused(who).blocks}
    running = shown(front, visit, await front.desk.recent(LOOKED_THROUGH, active=True), who)
    lately = shown(front, visit, await front.desk.recent(ON_HOME), who)
    frozen, reviews = await front.desk.freezes(), await front.desk.reviews()
    return home(running, lately, frozen, reviews)


async def _catalogue(front: Front, visit: Visit, kept: Metadata, chosen: str | None) -> View:
    closed = closed_books(front, visit)
    recent = shown(front, visit, await front.desk.recent(LOOKED_THROUGH))
    books = summaries(front.desk.books, recent, closed)
    return catalogue_modal(books, kept.search, chosen, kept)


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise Strange("a page that the catalogue has not")
    return int(text)
