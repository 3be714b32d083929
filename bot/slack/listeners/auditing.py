"""`/runbook audit RUN`: who did what in a run, and whether the log is whole up to there."""

from collections.abc import Sequence
from dataclasses import replace

from bot.engine.intents import Refusal
from bot.runbook.errors import StepError
from bot.slack.listeners.attaching import attach
from bot.slack.listeners.front import Front
from bot.slack.listeners.place import conversation_with
from bot.slack.listeners.typed import Order
from bot.slack.listeners.visit import Answer, Later, Private, Visit
from bot.slack.views.audit import trail, trail_text
from bot.slack.views.ephemeral import refused, sentence
from bot.store.chain import Entry

NO_FILE = (
    "The file with all entries could not be sent to you. Whoever runs the bot can export them:"
    " python app.py audit export --run {}"
)


async def audit(front: Front, visit: Visit, order: Order) -> Answer:
    """Walking the whole log may take longer than Slack waits, so it is done after the answer."""
    found = await front.desk.audit(order.subject, visit.actor)
    if isinstance(found, Refusal):
        return Private(refused(found))
    return Later(lambda: _tell(front, visit, order.subject, found))


async def _tell(front: Front, visit: Visit, run_id: str, entries: Sequence[Entry]) -> None:
    verdict = await front.desk.verdict_until(entries[-1].seq)
    shown = trail(run_id, entries, verdict)
    await front.telling.say(visit, shown.says)
    if not shown.left:
        return
    try:
        await _send(front, visit, f"audit-{run_id}.txt", trail_text(run_id, entries, verdict))
    except StepError:
        await front.telling.say(visit, sentence(NO_FILE.format(run_id)))


async def _send(front: Front, visit: Visit, name: str, content: str) -> None:
    """To this person alone: a file in a channel is for everybody there."""
    alone = await conversation_with(front, visit.actor.user_id)
    if alone is None:
        raise StepError("there is no conversation with this person")
    there = replace(visit, channel=alone, thread="", message="")
    await attach(front.telling.calls, there, name, content)
