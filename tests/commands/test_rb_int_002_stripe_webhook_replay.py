"""RB-INT-002 without Slack, Stripe or a database: facts in, verdicts and commands out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.stripe import Endpoint, Event, Events, Stripe
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Done, Found, Nothing, Plan, Run
from bot.runbook.errors import Unreachable
from commands.rb_int_002_stripe_webhook_replay import (
    MOST_IDS,
    Inputs,
    book,
    missed_events,
    process,
    processed,
    resend,
)
from tests.hostile import MALICE

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUN = Run(id="7F3K", started_at=NOW, started_by="U1")
OURS = Endpoint(
    id="we_1", url="https://x.example", is_enabled=True, types=("*",),
    webhook_url="https://x.example/hook", may_retry=False,
)  # fmt: skip
PAID = Event(
    id="evt_1", type="invoice.paid", created_at=NOW - timedelta(hours=3), about="invoice in_1",
)  # fmt: skip
CHANGED = Event(
    id="evt_2", type="customer.subscription.updated", created_at=NOW - timedelta(hours=2),
    about="subscription sub_1",
)  # fmt: skip


def events(*found: Event, gone: tuple[str, ...] = (), **endpoint: Any) -> Events:
    return Events(endpoint=OURS.model_copy(update=endpoint), events=found, gone=gone)


def done(*found: Event) -> Events:
    return events(*(one.model_copy(update={"processed_at": NOW}) for one in found))


def world(missed: Events, *afterwards: Events) -> list[Stripe]:
    """Found by time and by id, and in our table as said."""
    return [
        canned(Stripe, undelivered=missed, events=missed, processed=list(afterwards) or missed)
    ]


async def rehearsed(systems: list[Stripe], *picks: str, **more: Any) -> Rehearsal:
    return await rehearse(book, Inputs(), systems, picks=picks, **more)


async def test_missed_events_are_replayed_the_oldest_first_and_looked_for_in_our_table() -> None:
    seen = await rehearsed(
        world(events(PAID, CHANGED), events(PAID), done(PAID, CHANGED)), "process"
    )
    assert seen.suggested == ["process"] and seen.people == {"process": 1}
    assert seen.commands["process"] == [
        "replay-stripe-event evt_1 invoice.paid --to https://x.example/hook",
        "replay-stripe-event evt_2 customer.subscription.updated --to https://x.example/hook",
    ]
    assert seen.order == ["missed_events", "event_details", "process", "processed"]
    assert seen.statuses["processed"] == "ok" and seen.is_over
    assert seen.says["processed"] == "Our table has 2 of 2 events"


async def test_what_was_missed_is_said_by_type_and_time() -> None:
    seen = await rehearsed(world(events(PAID, CHANGED)))
    assert seen.statuses["missed_events"] == "warning"
    assert seen.says["missed_events"] == (
        "Not in our table: 2 of 2 events, from 2026-11-23 06:00:00 UTC to 2026-11-23 07:00:00 UTC:"
        " 1 invoice.paid, 1 customer.subscription.updated"
    )
    assert seen.says["event_details"] == (
        "2 of 2 can be replayed, the oldest of 2026-11-23 06:00 UTC about invoice in_1"
    )


async def test_when_our_table_has_them_all_nothing_is_suggested() -> None:
    seen = await rehearsed(world(done(PAID)))
    assert (seen.statuses["missed_events"], seen.suggested) == ("ok", [])
    assert seen.statuses["event_details"] == "nothing" and seen.is_over


async def test_stripe_that_cannot_be_asked_is_unknown_and_holds_the_run() -> None:
    silent = canned(Stripe, undelivered=Unreachable("Stripe did not answer within 10 s"))
    seen = await rehearsed([silent])
    assert seen.statuses["missed_events"] == "unknown"
    assert seen.says["missed_events"] == "Stripe did not answer within 10 s"
    assert seen.held_at == ["missed_events"] and not seen.suggested


async def test_an_endpoint_that_stripe_has_disabled_holds_the_run_until_somebody_goes_on() -> None:
    disabled = events(PAID, is_enabled=False)
    seen = await rehearsed(world(disabled))
    assert seen.held_at == ["missed_events"]
    assert "Stripe delivers nothing to we_1: it is disabled there" in seen.says["missed_events"]
    seen = await rehearsed(world(disabled), go_on=["missed_events"])
    assert seen.suggested == ["process"] and seen.is_over


async def test_an_id_that_stripe_does_not_have_holds_the_run() -> None:
    seen = await rehearse(
        book, Inputs(events=("evt_1", "evt_9")), world(events(PAID, gone=("evt_9",)))
    )
    assert seen.held_at == ["missed_events"]
    assert seen.says["missed_events"].startswith("Stripe has no event evt_9, or none any more")


async def test_what_stripe_does_not_keep_so_long_is_not_called_delivered() -> None:
    inputs = Inputs(began=NOW - timedelta(days=31))
    seen = await rehearse(book, inputs, world(events()))
    assert seen.held_at == ["missed_events"] and seen.statuses["missed_events"] == "problem"
    assert (
        "what was before 2026-10-24 09:00 UTC could not be looked at" in seen.says["missed_events"]
    )


async def test_an_event_that_is_gone_before_its_details_are_read_is_not_called_processed() -> None:
    missed = canned(Stripe, undelivered=events(PAID), events=events(gone=("evt_1",)))
    seen = await rehearsed([missed])
    assert seen.statuses["event_details"] == "warning"
    assert seen.says["event_details"].endswith("evt_1 is not at Stripe any more")
    processed = canned(Stripe, undelivered=events(PAID), events=done(PAID))
    seen = await rehearsed([processed])
    assert seen.says["event_details"] == "All of them were processed meanwhile"


@pytest.mark.parametrize(
    ("inputs", "asked"),
    [
        (Inputs(), ("undelivered", NOW - timedelta(hours=24), None)),
        (Inputs(began=NOW - HOUR, ended=NOW), ("undelivered", NOW - HOUR, NOW)),
        (Inputs(events=("evt_1",)), ("events", ("evt_1",))),
    ],
)  # fmt: skip
async def test_a_time_or_events_are_looked_for(inputs: Inputs, asked: tuple[object, ...]) -> None:
    seen: list[tuple[object, ...]] = []

    class Listening(Stripe):
        def __init__(self) -> None:
            return

        async def undelivered(self, since: datetime, until: datetime | None = None) -> Events:
            seen.append(("undelivered", since, until))
            return events()

        async def events(self, ids: Any) -> Events:
            seen.append(("events", ids))
            return events()

    found = await missed_events(RUN, inputs, Listening())
    assert seen == [asked] and isinstance(found, Found)


def test_what_cannot_be_posted_as_it_is_is_not_planned_and_said_why() -> None:
    mixed = events(PAID, CHANGED, types=("invoice.paid",))
    planned = process(mixed)
    assert isinstance(planned, Plan) and [one.event for one in planned.changes] == ["evt_1"]
    none = process(events(CHANGED, types=("invoice.paid",)))
    assert isinstance(none, Nothing)
    assert "evt_2 is customer.subscription.updated, which our endpoint is not sent" in none.reason


async def test_what_is_unfit_is_said_with_the_details() -> None:
    seen = await rehearsed(world(events(PAID, CHANGED, types=("invoice.paid",))))
    assert seen.says["event_details"].startswith("1 of 2 can be replayed")
    assert "Not as they are: evt_2 is customer.subscription" in seen.says["event_details"]


def test_several_events_about_one_object_are_a_warning_to_whoever_approves() -> None:
    again = CHANGED.model_copy(update={"id": "evt_3"})
    planned = process(events(CHANGED, again))
    assert isinstance(planned, Plan) and "Several are about subscription sub_1" in planned.beware
    alone = process(events(PAID, CHANGED))
    assert isinstance(alone, Plan) and "Several" not in alone.beware


async def test_stripes_own_call_is_used_only_where_settings_enable_it() -> None:
    missed = events(PAID)
    assert resend(missed) == Nothing(
        "Stripe's own call is not enabled: stripe.may_retry. Replay to our endpoint"
    )
    seen = await rehearsed(world(events(PAID, may_retry=True), done(PAID)), "resend")
    assert seen.commands["resend"] == ["stripe events resend evt_1 --webhook-endpoint we_1"]
    assert seen.statuses["processed"] == "ok" and seen.people == {"resend": 1}


async def test_the_proof_is_of_what_was_replayed_and_of_nothing_else() -> None:
    missed = events(PAID, CHANGED, types=("invoice.paid",))
    planned = process(missed)
    assert isinstance(planned, Plan)
    replayed = Done(changes=planned.changes, at=NOW)
    asked: list[Events] = []

    class Table(Stripe):
        def __init__(self) -> None:
            return

        async def processed(self, events: Events) -> Events:
            asked.append(events)
            return done(PAID)

    found = await processed(missed, None, replayed, Table())
    assert isinstance(found, Found) and found.verdict == "ok"
    assert [one.id for one in asked[0].events] == ["evt_1"]


async def test_an_event_that_does_not_come_to_our_table_is_a_problem() -> None:
    seen = await rehearsed(world(events(PAID), events(PAID)), "process")
    assert seen.statuses["processed"] == "problem"
    assert seen.says["processed"] == "Not within 5 min: Not processed yet: evt_1"


def test_a_time_that_ends_before_it_begins_is_refused_at_its_end() -> None:
    with pytest.raises(ValidationError) as wrong:
        Inputs(began=NOW, ended=NOW)
    (error,) = wrong.value.errors()
    assert error["loc"] == ("ended",) and "later than when it began" in error["msg"]


@pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
def test_nothing_but_an_id_is_taken_for_an_event(malice: str) -> None:
    with pytest.raises(ValidationError):
        Inputs(events=(malice,))


def test_no_more_events_are_taken_than_can_be_looked_at() -> None:
    with pytest.raises(ValidationError):
        Inputs(events=tuple(f"evt_{n}" for n in range(MOST_IDS + 1)))
