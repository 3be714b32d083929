"""
Starting a runbook: the form made from its inputs, and the intent. One form, one key: pressed twice
it starts one run.

A command is noted, acknowledged, and judged after that, because judging asks Slack who somebody is
and AWS what there is. A form is judged before its acknowledgement, which is where it is told what
is wrong with it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from bot.access.acts import Start
from bot.engine.intents import NotedStart, Refusal, Started, StartRun
from bot.runbook.showing import duration_text
from bot.slack.listeners.front import Front
from bot.slack.listeners.offered import closed_books
from bot.slack.listeners.place import speaking_place
from bot.slack.listeners.secrets import with_secrets_kept
from bot.slack.listeners.typed_inputs import explained
from bot.slack.listeners.visit import Answer, Later, Open, Private, Visit
from bot.slack.listeners.wrong import wrong
from bot.slack.views.answers import is_of_another_version, read_values
from bot.slack.views.ephemeral import refused, sentence, unknown_book
from bot.slack.views.kit import Rendered, View
from bot.slack.views.names import Metadata, Strange
from bot.slack.views.start import start_modal
from bot.store.store import STORE_AWAY

log = logging.getLogger(__name__)

#: Of the 3 s within which a form must be open, what reading live choices may take.
MENUS_WITHIN_S = 1.2
#: Should the bot die in between: how long after it was noted a start is still what is wanted.
WANTED_FOR = timedelta(minutes=2)
#: Among replicas: how long after it was noted whoever noted it has surely died.
LOST_AFTER = timedelta(seconds=20)
OTHER_FORM = (
    "This form was made by another version of the bot, with fields that this one does not know."
    " Nothing was started: type the command again."
)
BROKEN_OFF = (
    "This was noted, and then the bot could not go on with it. It may still begin: look at"
    " `/runbook status` before you do it again."
)


def start_form(
    front: Front, visit: Visit, book_id: str, values: Mapping[str, Any], dry: bool = False
) -> Open:
    async def build() -> View | Rendered:
        book = front.desk.books.get(book_id)
        if book is None:
            return (await no_such_book(front, visit, book_id)).says
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


def begin_later(front: Front, visit: Visit, intent: StartRun) -> Later:
    """What was noted, once Slack has its answer."""
    return Later(lambda: _begin(front, visit, intent), BROKEN_OFF)


async def begin_now(front: Front, intent: StartRun) -> Private:
    """What can be seen to be wrong: refused in the acknowledgement, and judged like any other."""
    return Private(_told(front, intent, await _start(front, intent)))


async def take_up_of_others(front: Front) -> None:
    """For as long as this replica lives: what one that died had acknowledged."""
    while True:
        await asyncio.sleep(LOST_AFTER.total_seconds() / 2)
        try:
            await take_up(front, LOST_AFTER)
        except STORE_AWAY as error:
            log.warning("whether a start was left by another is not known now: %s", error)


async def take_up(front: Front, lost_after: timedelta = timedelta(0)) -> None:
    """
    What an earlier life acknowledged and did not come to. Before this life takes anything in: what
    it notes itself it also begins.
    """
    for noted in await front.desk.noted_starts():
        if noted.waited < lost_after:
            continue
        intent = noted.intent
        visit = Visit(intent.by, intent.key, intent.origin)
        if noted.waited <= WANTED_FOR:
            front.telling.after(visit, begin_later(front, visit, intent))
        else:
            front.telling.after(visit, _too_late(front, visit, noted))


def _too_late(front: Front, visit: Visit, noted: NotedStart) -> Later:
    asked = f"{noted.intent.book_id} {duration_text(noted.waited)} ago"
    says = f"You asked for {asked}, and the bot was away. Nothing was started: type it again."

    async def tell() -> None:
        await front.telling.say(visit, sentence(says))
        await front.desk.forget_start(noted.intent.key)

    return Later(tell)


async def _begin(front: Front, visit: Visit, intent: StartRun) -> None:
    """Judges, begins, and tells the person how it went."""
    origin = await speaking_place(front, visit)
    done = await _start(front, replace(intent, origin=origin))
    await front.telling.say(visit, _told(front, intent, done))
    if isinstance(done, Refusal):
        await front.desk.forget_start(intent.key)


def _told(front: Front, intent: StartRun, done: Rendered | Refusal) -> Rendered:
    if not isinstance(done, Refusal):
        return done
    book = front.desk.books.get(intent.book_id)
    return refused(explained(book, done) if book else done)


async def _start(front: Front, intent: StartRun) -> Rendered | Refusal:
    done = await front.desk.start_run(intent)
    if isinstance(done, Started):
        kind = "A dry run" if intent.dry else "Run"
        return sentence(f"{kind} {done.run_id} of {intent.book_id} has begun.")
    return done


async def submitted(front: Front, visit: Visit) -> Answer:
    """The start form was filled in."""
    kept = visit.metadata
    book = front.desk.books.get(kept.book)
    if book is None:
        return await no_such_book(front, visit, kept.book)
    if is_of_another_version(book.inputs, visit.filled):
        may = await front.desk.judge(visit.actor, Start(kept.book))
        return wrong(visit, may if isinstance(may, Refusal) else Refusal(OTHER_FORM))
    values = read_values(book.inputs, visit.filled)
    inputs = await with_secrets_kept(front, visit, Start(kept.book), book.inputs, values)
    if isinstance(inputs, Refusal):
        return wrong(visit, inputs, book.inputs)
    intent = StartRun(kept.book, inputs, visit.actor, visit.channel, visit.key, kept.dry)
    done = await _start(front, intent)
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


async def no_such_book(front: Front, visit: Visit, asked: str) -> Private:
    books = front.desk.books
    if title := front.desk.on_paper.get(asked.upper()):
        return Private(
            sentence(f"{asked.upper()} {title} is not run by the bot yet: follow its prose.")
        )
    nearest = get_close_matches(asked.upper(), books, n=3)
    closed, beside = closed_books(front, visit), await front.desk.is_being_replaced()
    return Private(unknown_book(asked, nearest, books, closed, beside))


async def _menus(front: Front, book_id: str) -> Mapping[str, Sequence[str]]:
    """Live choices, if they come in time; without them a field is typed."""
    try:
        async with asyncio.timeout(MENUS_WITHIN_S):
            return await front.desk.menus(book_id)
    except TimeoutError:
        return {}
