"""`/runbook ...`: one small function per word, and the runbook itself for everything else."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot.access.acts import Read
from bot.engine.intents import Refusal, StartRun
from bot.runbook.mrkdwn import named
from bot.slack.listeners.auditing import audit
from bot.slack.listeners.breaking import list_reviews
from bot.slack.listeners.browsing import open_catalogue
from bot.slack.listeners.front import Front
from bot.slack.listeners.leading import said
from bot.slack.listeners.offered import closed_books, may_see, own_card, own_words, shown
from bot.slack.listeners.scheduling import schedule
from bot.slack.listeners.starting import begin_later, begin_now, no_such_book, start_form
from bot.slack.listeners.typed import Order, Verb, read_order
from bot.slack.listeners.typed_inputs import missing, read_inputs
from bot.slack.listeners.visit import Answer, Private, Visit
from bot.slack.views.catalogue import summaries, whole_book
from bot.slack.views.ephemeral import history, refused, sentence, status, usage

HISTORY = 20  #: Runs shown, newest first.
LOOKED_THROUGH = 200  #: Runs among which those of one runbook are looked for.

Carry = Callable[[Front, Visit, Order], Awaitable[Answer]]


async def runbook(front: Front, visit: Visit) -> Answer:
    order = read_order(visit.text)
    if isinstance(order, Order) and (intent := _whole_start(front, visit, order)):
        return await _note(front, visit, intent)
    who = await front.desk.judge(visit.actor, Read(), visit.what)
    if isinstance(who, Refusal):
        return Private(refused(who))
    if isinstance(order, Refusal):
        return Private(refused(order))
    return await CARRY[order.verb](front, replace(visit, who=who), order)


def _whole_start(front: Front, visit: Visit, order: Order) -> StartRun | None:
    """A start that lacks nothing: it is noted at once, and judged when it is acknowledged."""
    book = front.desk.books.get(order.subject) if order.verb in ("run", "dry") else None
    inputs = read_inputs(book, order.inputs) if book else None
    if book is None or inputs is None or isinstance(inputs, Refusal) or missing(book, inputs):
        return None
    dry = order.verb == "dry"
    return StartRun(book.book, inputs, visit.actor, visit.channel, visit.key, dry)


async def _note(front: Front, visit: Visit, intent: StartRun) -> Answer:
    if isinstance(await front.desk.note_start(intent), Refusal):
        return await begin_now(front, intent)
    return begin_later(front, visit, intent)


async def _run(front: Front, visit: Visit, order: Order) -> Answer:
    """A start that lacks something, or has something wrong."""
    book = front.desk.books.get(order.subject)
    if book is None:
        return await no_such_book(front, visit, order.subject)
    inputs = read_inputs(book, order.inputs)
    if isinstance(inputs, Refusal):
        return Private(refused(inputs))
    return start_form(front, visit, book.book, inputs, order.verb == "dry")


async def _catalogue(front: Front, visit: Visit, order: Order) -> Answer:
    return await open_catalogue(front, visit)


async def _list(front: Front, visit: Visit, order: Order) -> Answer:
    sought = order.subject.lower()
    found = {
        key: book
        for key, book in front.desk.books.items()
        if sought in f"{key} {book.title} {book.category}".lower()
    }
    if not found:
        return Private(sentence(f"No runbook has {named(order.subject)} in its name or category."))
    closed, words = closed_books(front, visit), own_words(front, visit)
    return Private(usage(found, closed, words))


async def _show(front: Front, visit: Visit, order: Order) -> Answer:
    book = front.desk.books.get(order.subject)
    if book is None:
        return await no_such_book(front, visit, order.subject)
    recent = shown(front, visit, await front.desk.recent(LOOKED_THROUGH))
    closed = closed_books(front, visit)
    return Private(whole_book(summaries({order.subject: book}, recent, closed)[0]))


async def _status(front: Front, visit: Visit, order: Order) -> Answer:
    if not order.subject:
        running = shown(front, visit, await front.desk.recent(LOOKED_THROUGH, active=True))
        frozen, reviews = await front.desk.freezes(), await front.desk.reviews()
        return Private(status(running, frozen, reviews))
    run = await front.desk.record(order.subject)
    if run is None or not may_see(front, visit, run):
        return Private(sentence(_no_run(order.subject)))
    return Private(own_card(front, visit, run))


async def _cancel(front: Front, visit: Visit, order: Order) -> Answer:
    return said(await front.desk.cancel(order.subject, visit.actor, visit.key))


async def _history(front: Front, visit: Visit, order: Order) -> Answer:
    runs = shown(
        front, visit, await front.desk.recent(LOOKED_THROUGH if order.subject else HISTORY)
    )
    wanted = [run for run in runs if order.subject in ("", run.outline.book)]
    if order.subject and not wanted and order.subject not in front.desk.books:
        return await no_such_book(front, visit, order.subject)
    return Private(history(wanted[:HISTORY]))


async def _help(front: Front, visit: Visit, order: Order) -> Answer:
    closed, words = closed_books(front, visit), own_words(front, visit)
    return Private(usage(front.desk.books, closed, words))


async def _freeze(front: Front, visit: Visit, order: Order) -> Answer:
    return said(await front.desk.freeze(visit.actor, order.subject, visit.key))


async def _thaw(front: Front, visit: Visit, order: Order) -> Answer:
    return said(await front.desk.thaw(visit.actor, order.subject, visit.key))


def _no_run(run_id: str) -> str:
    return f"There is no run {run_id}. `/runbook status` lists those that run."


CARRY: Mapping[Verb, Carry] = {
    "catalogue": _catalogue,
    "list": _list,
    "show": _show,
    "run": _run,
    "dry": _run,
    "status": _status,
    "cancel": _cancel,
    "history": _history,
    "audit": audit,
    "freeze": _freeze,
    "thaw": _thaw,
    "reviews": list_reviews,
    "schedule": schedule,
    "help": _help,
}
