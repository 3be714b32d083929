"""`/runbook schedule ...` and the buttons of its list. The desk judges whatever they change."""

from bot.access.acts import Schedule
from bot.engine.intents import NewSchedule, Refusal
from bot.slack.listeners.front import Front
from bot.slack.listeners.leading import said
from bot.slack.listeners.place import speaking_place
from bot.slack.listeners.starting import no_such_book
from bot.slack.listeners.typed import Order
from bot.slack.listeners.typed_inputs import explained, missing, read_inputs
from bot.slack.listeners.typed_schedule import ScheduleOrder, read_schedule
from bot.slack.listeners.visit import Answer, Private, Visit
from bot.slack.views import names
from bot.slack.views.ephemeral import refused
from bot.slack.views.schedules import schedules


async def schedule(front: Front, visit: Visit, order: Order) -> Answer:
    wanted = read_schedule(order.words)
    if isinstance(wanted, Refusal):
        return Private(refused(wanted))
    if wanted.way:
        desk = front.desk
        return said(await desk.change_schedule(wanted.way, wanted.id, visit.actor, visit.key))
    return await (_add(front, visit, wanted) if wanted.wanted == "add" else _list(front, visit))


async def change(front: Front, visit: Visit) -> Answer:
    """A button of the list."""
    way, about = names.WAYS[visit.pressed.name], visit.pressed.id
    return said(await front.desk.change_schedule(way, about, visit.actor, visit.key))


async def _list(front: Front, visit: Visit) -> Answer:
    assert visit.who, "the front has looked them up"
    every = await front.desk.schedules()
    acts = {one.id: Schedule(one.book, one.inputs, one.by) for one in every}
    able = {key for key, act in acts.items() if not front.desk.why_not(visit.who, act)}
    return Private(schedules(every, able))


async def _add(front: Front, visit: Visit, wanted: ScheduleOrder) -> Answer:
    book = front.desk.books.get(wanted.id)
    if book is None:
        return await no_such_book(front, visit, wanted.id)
    inputs = read_inputs(book, wanted.inputs)
    if isinstance(inputs, Refusal):
        return Private(refused(inputs))
    if lacking := missing(book, inputs):
        needs = (
            f"{book.book} needs {', '.join(lacking)} as well, and nobody is there to fill it in."
        )
        return Private(refused(Refusal(f"{needs} Write it behind the runbook: key=value.")))
    origin = await speaking_place(front, visit)
    done = await front.desk.add_schedule(
        NewSchedule(book.book, inputs, wanted.cron, wanted.zone, visit.actor, origin, visit.key)
    )
    return said(explained(book, done) if isinstance(done, Refusal) else done)
