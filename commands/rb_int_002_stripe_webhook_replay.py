"""RB-INT-002: Stripe Webhook Replay."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from adapters.stripe import Event, Events, ReplayEvent, RetryDelivery, Stripe
from bot.runbook import (
    Done,
    Found,
    Nothing,
    Plan,
    Run,
    Runbook,
    RunbookInputs,
    Watched,
)
from bot.runbook.durations import days, hours, minutes, seconds
from bot.runbook.words import not_yet, nothing, ok, plan, problem, warning

KEPT = days(30)  #: By Stripe; https://docs.stripe.com/api/events
LOOK_BACK = hours(24)  #: When neither a time nor events are given.
MOST_IDS = 200
MOST_NAMED = 5  #: Types, objects or events in a sentence; the table has all.


EventId = Annotated[
    str,
    Field(pattern=r"^evt_[A-Za-z0-9_]{1,200}$", description="ids such as evt_1AbcDef"),
]


class Inputs(RunbookInputs):
    began: AwareDatetime | None = Field(
        title="Missed from", default=None, description="nothing given: the last 24 hours"
    )
    ended: AwareDatetime | None = Field(
        title="Missed until", default=None, description="nothing given: now"
    )
    events: tuple[EventId, ...] = Field(
        title="Or these events",
        default=(),
        max_length=MOST_IDS,
        description="ids such as evt_1AbcDef; given any, the times are not used",
    )

    @field_validator("ended")
    @classmethod
    def _is_later(cls, ended: AwareDatetime | None, info: ValidationInfo) -> AwareDatetime | None:
        began = info.data.get("began")
        if ended and began and ended <= began:
            raise ValueError("this must be later than when it began")
        return ended


book = Runbook(
    id="RB-INT-002",
    title="Stripe Webhook Replay",
    severity="P3",
    category="Integration",
    when=("Missed or failed Stripe webhooks",),
    inputs=Inputs,
)

find = book.section("Find")


@find.check(
    "Identify missed events in Stripe Dashboard: Webhooks, select endpoint, Events",
    limit=minutes(2),
)
async def missed_events(run: Run, inputs: Inputs, stripe: Stripe) -> Found[Events]:
    since = inputs.began or run.started_at - LOOK_BACK
    if inputs.events:
        found = await stripe.events(inputs.events)
    else:
        found = await stripe.undelivered(since, inputs.ended)
    kept_since = run.started_at - KEPT
    troubles = list(_troubles(found, since if not inputs.events else kept_since, kept_since))
    says = " ".join((*troubles, _missed(found)))
    if troubles:
        return problem(says, found, table=found.table())
    if found.missed:
        return warning(says, found, table=found.table())
    return ok(says, found, table=found.table())


@find.check("Get event details", limit=minutes(2))
async def event_details(missed_events: Events, stripe: Stripe) -> Found[Events] | Nothing:
    if not missed_events.missed:
        return nothing("No event was missed")
    found = await stripe.events([one.id for one in missed_events.missed])
    if not found.missed and not found.gone:
        return ok("All of them were processed meanwhile", found, table=found.table())
    says = f"{len(found.replays)} of {len(found.missed)} can be replayed"
    for oldest in found.missed[:1]:
        says += f", the oldest of {oldest.created_at:%Y-%m-%d %H:%M} UTC"
        says += f" about {oldest.about or oldest.type}"
    wrong = (*found.unfit, *(f"{one} is not at Stripe any more" for one in found.gone))
    if wrong:
        says += f". Not as they are: {_named(wrong, '; ')}"
    return warning(says, found, table=found.table())


replay = book.section("Replay", pick=True)


@replay.action('Replay via Stripe Dashboard: click "Resend" on the event')
def resend(event_details: Events) -> Plan[RetryDelivery] | Nothing:
    endpoint = event_details.endpoint
    why_not = "There is no event that our endpoint is sent and has not processed"
    if not endpoint.may_retry:
        why_not = "Stripe's own call is not enabled: stripe.may_retry. Replay to our endpoint"
    return plan(
        *event_details.retries,
        because=_missed(event_details),
        beware=_beware(event_details),
        if_none=why_not,
    )


@replay.action(
    "Or process manually: fetch event and have our endpoint process it",
    suggested_by=event_details,
)
def process(event_details: Events) -> Plan[ReplayEvent] | Nothing:
    return plan(
        *event_details.replays,
        because=_missed(event_details),
        beware=_beware(event_details),
        if_none=f"No event can be posted as it is. {_named(event_details.unfit, '; ')}".strip(),
    )


@replay.watch(
    "Check our table of processed events",
    every=seconds(5),
    lasting=minutes(5),
    until="ok",
    proves=(resend, process),
)
async def processed(
    event_details: Events,
    resend: Done[RetryDelivery] | None,
    process: Done[ReplayEvent] | None,
    stripe: Stripe,
) -> Watched[Events]:
    """Of all that were replayed, by one way or the other."""
    changes = (*(resend.changes if resend else ()), *(process.changes if process else ()))
    replayed = {change.event for change in changes}
    ours = tuple(one for one in event_details.events if one.id in replayed)
    found = await stripe.processed(event_details.model_copy(update={"events": ours}))
    if found.missed:
        missing = _named([one.id for one in found.missed])
        done = len(ours) - len(found.missed)
        return not_yet(f"Not processed yet: {missing}", found, progress=done / len(ours))
    return ok(f"Our table has {len(ours)} of {len(ours)} events", found, table=found.table())


def _troubles(found: Events, since: datetime, kept_since: datetime) -> Iterator[str]:
    """Why there may be more than was found, or will be."""
    if not found.endpoint.is_enabled:
        yield (
            f"Stripe delivers nothing to {found.endpoint.id}: it is disabled there. Enable it, or"
            " whatever happens from now on is missed as well."
        )
    if found.gone:
        yield f"Stripe has no event {_named(found.gone)}, or none any more: it keeps 30 days."
    if since < kept_since:
        yield (
            "Stripe keeps events for 30 days: what was before"
            f" {kept_since:%Y-%m-%d %H:%M} UTC could not be looked at."
        )


def _missed(found: Events) -> str:
    if not found.events:
        return "There is no event that Stripe could not deliver"
    if not found.missed:
        return f"None was missed: our table has all {len(found.events)}"
    kinds = Counter(one.type for one in found.missed)
    told = _named([f"{count} {kind}" for kind, count in kinds.most_common()])
    first, last = (f"{found.missed[at].created_at:%Y-%m-%d %H:%M:%S} UTC" for at in (0, -1))
    when = f"of {first}" if len(found.missed) == 1 else f"from {first} to {last}"
    return f"Not in our table: {len(found.missed)} of {len(found.events)} events, {when}: {told}"


def _beware(found: Events) -> str:
    """Late is late: what is about to be told may not be so any more."""
    says = "Our endpoint hears of what was so then: it must read at Stripe what is so now"
    several = [about for about, count in _objects(found.missed).items() if count > 1]
    return f"{says}. Several are about {_named(several)}" if several else says


def _objects(events: tuple[Event, ...]) -> Counter[str]:
    return Counter(one.about for one in events if one.about)


def _named(names: list[str] | tuple[str, ...], between: str = ", ") -> str:
    more = len(names) - MOST_NAMED
    shown = between.join(names[:MOST_NAMED])
    return f"{shown}{between}and {more} more" if more > 0 else shown
