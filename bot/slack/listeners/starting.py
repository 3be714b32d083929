"""
Starting a runbook: the form made from its inputs, and the intent. One form, one key: pressed twice
it starts one run.
"""

import asyncio
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from bot.access.acts import Start
from bot.engine.intents import Refusal, Started, StartRun
from bot.engine.record import Origin
from bot.slack.listeners.front import Front
from bot.slack.listeners.offered import closed_books
from bot.slack.listeners.place import speaking_place
from bot.slack.listeners.secrets import with_secrets_kept
from bot.slack.listeners.visit import Answer, Open, Private, Visit
from bot.slack.listeners.wrong import wrong
from bot.slack.views.answers import read_values
from bot.slack.views.ephemeral import refused, sentence, unknown_book
from bot.slack.views.kit import Rendered, View
from bot.slack.views.names import Metadata, Strange
from bot.slack.views.start import start_modal

#: Of the 3 s within which a form must be open, what reading live choices may take.
MENUS_WITHIN_S = 1.2


def start_form(
    front: Front, visit: Visit, book_id: str, values: Mapping[str, Any], dry: bool = False
) -> Open:
    async def build() -> View | Rendered:
        book = front.desk.books.get(book_id)
        if book is None:
            return no_such_book(front, visit, book_id).says
        if isinstance(may := await front.desk.judge(visit.actor, Start(book_id)), Refusal):
            return refused(may)
        menus, origin = await asyncio.gather(_menus(front, book_id), speaking_place(front, visit))
        kept = Metadata(
            book=book_id,
            channel=origin.channel_id or "",
            channel_name=origin.channel_name,
            dry=dry,
        )
        return start_modal(book, menus, values, metadata=kept)

    return Open(build, f"Type `/runbook {book_id}` to try again, or give its inputs there.")


async def start(
    front: Front, visit: Visit, book_id: str, inputs: Mapping[str, Any], origin: Origin, dry: bool
) -> Rendered | Refusal:
    intent = StartRun(book_id, inputs, visit.actor, origin, visit.key, dry)
    done = await front.desk.start_run(intent)
    if isinstance(done, Started):
        kind = "A dry run" if dry else "Run"
        return sentence(f"{kind} {done.run_id} of {book_id} has begun.")
    return done


async def submitted(front: Front, visit: Visit) -> Answer:
    """The start form was filled in."""
    kept = visit.metadata
    book = front.desk.books.get(kept.book)
    if book is None:
        return no_such_book(front, visit, kept.book)
    values = read_values(book.inputs, visit.filled)
    inputs = await with_secrets_kept(front, visit, Start(kept.book), book.inputs, values)
    if isinstance(inputs, Refusal):
        return wrong(visit, inputs, book.inputs)
    done = await start(front, visit, kept.book, inputs, visit.channel, kept.dry)
    return wrong(visit, done, book.inputs) if isinstance(done, Refusal) else Private(done)


async def pressed_start(front: Front, visit: Visit) -> Answer:
    return start_form(front, visit, visit.pressed.id, {})


async def next_hop(front: Front, visit: Visit) -> Answer:
    """A finding leads to another runbook, and knows some of its inputs."""
    pressed = visit.pressed
    run = await front.desk.record(pressed.id)
    step = run.steps.get(pressed.step) if run else None
    hops = step.details.get("next_hops", ()) if step else ()
    if pressed.number >= len(hops):
        raise Strange("a next hop that its run does not know")
    hop = hops[pressed.number]
    return start_form(front, visit, hop.book, hop.filled)


def no_such_book(front: Front, visit: Visit, asked: str) -> Private:
    books = front.desk.books
    if title := front.desk.on_paper.get(asked.upper()):
        return Private(
            sentence(f"{asked.upper()} {title} is not run by the bot yet: follow its prose.")
        )
    nearest = get_close_matches(asked.upper(), books, n=3)
    return Private(unknown_book(asked, nearest, books, closed_books(front, visit)))


async def _menus(front: Front, book_id: str) -> Mapping[str, Sequence[str]]:
    """Live choices, if they come in time; without them a field is typed."""
    try:
        async with asyncio.timeout(MENUS_WITHIN_S):
            return await front.desk.menus(book_id)
    except TimeoutError:
        return {}
