"""`/runbook ...`: one small function per word, and the runbook itself for everything else."""

from collections.abc import Awaitable, Callable, Mapping

from bot.engine.intents import Refusal
from bot.runbook.mrkdwn import named
from bot.slack.listeners.auditing import audit
from bot.slack.listeners.browsing import open_catalogue
from bot.slack.listeners.front import Front
from bot.slack.listeners.leading import said
from bot.slack.listeners.place import speaking_place
from bot.slack.listeners.starting import no_such_book, start, start_form
from bot.slack.listeners.typed import Order, Verb, read_order
from bot.slack.listeners.typed_inputs import explained, missing, read_inputs
from bot.slack.listeners.visit import Answer, Private, Visit
from bot.slack.views.card import card
from bot.slack.views.catalogue import summaries, whole_book
from bot.slack.views.ephemeral import history, refused, sentence, status, usage

HISTORY = 20  #: Runs shown, newest first.
LOOKED_THROUGH = 200  #: Runs among which those of one runbook are looked for.

Carry = Callable[[Front, Visit, Order], Awaitable[Answer]]


async def runbook(front: Front, visit: Visit) -> Answer:
    order = read_order(visit.text)
    if isinstance(order, Refusal):
        return Private(refused(order))
    if order.verb in READING and (refusal := await front.may_read(visit)):
        return Private(refused(refusal))
    return await CARRY[order.verb](front, visit, order)


async def _run(front: Front, visit: Visit, order: Order) -> Answer:
    book = front.desk.books.get(order.subject)
    if book is None:
        return no_such_book(front, order.subject)
    inputs = read_inputs(book, order.inputs)
    if isinstance(inputs, Refusal):
        return Private(refused(inputs))
    dry = order.verb == "dry"
    if missing(book, inputs):
        return start_form(front, visit, book.book, inputs, dry)
    origin = await speaking_place(front, visit)
    done = await start(front, visit, book.book, inputs, origin, dry)
    return Private(refused(explained(book, done)) if isinstance(done, Refusal) else done)


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
    return Private(usage(found))


async def _show(front: Front, visit: Visit, order: Order) -> Answer:
    book = front.desk.books.get(order.subject)
    if book is None:
        return no_such_book(front, order.subject)
    shown = summaries({order.subject: book}, await front.desk.recent(LOOKED_THROUGH))
    return Private(whole_book(shown[0]))


async def _status(front: Front, visit: Visit, order: Order) -> Answer:
    if not order.subject:
        return Private(status(await front.desk.recent(LOOKED_THROUGH, active=True)))
    run = await front.desk.record(order.subject)
    return Private(card(run) if run else sentence(_no_run(order.subject)))


async def _cancel(front: Front, visit: Visit, order: Order) -> Answer:
    return said(await front.desk.cancel(order.subject, visit.actor, visit.key))


async def _history(front: Front, visit: Visit, order: Order) -> Answer:
    if order.subject and order.subject not in front.desk.books:
        return no_such_book(front, order.subject)
    runs = await front.desk.recent(LOOKED_THROUGH if order.subject else HISTORY)
    wanted = [run for run in runs if order.subject in ("", run.outline.book)]
    return Private(history(wanted[:HISTORY]))


async def _help(front: Front, visit: Visit, order: Order) -> Answer:
    return Private(usage(front.desk.books))


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
    "help": _help,
}
#: What the desk does not judge, because everybody may read it.
READING: frozenset[Verb] = frozenset(CARRY) - {"run", "dry", "cancel", "audit"}
