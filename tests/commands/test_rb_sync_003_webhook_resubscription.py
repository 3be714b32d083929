"""RB-SYNC-003 without Slack, Meta or a database: facts in, verdicts and commands out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.company_data import CompanyData, LastSyncs, WebhookEvents
from adapters.company_data.facts import AccountSync, WebhookEvent
from adapters.meta import AdAccount, Endpoint, Hearings, Meta, Subscriptions
from adapters.meta.facts import Hearing, Subscription
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter, Found, Nothing, Plan
from bot.runbook.errors import Refused, Unreachable
from commands.rb_sync_003_webhook_resubscription import (
    ChangedAccount,
    Inputs,
    Limits,
    book,
    hearings,
    subscribe_accounts,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOOK, FIELDS = "https://api.example/webhooks/meta", ("with_issues_ad_objects",)
THERE = Subscription(about="ad_account", callback=HOOK, fields=FIELDS, is_active=True)
WELL = Endpoint(callback=HOOK, echoes=True, keeps_strangers_out=True, says="It answers")
CHANGED = ChangedAccount(account="act_1")


def subscribed(*listed: Subscription) -> Subscriptions:
    return Subscriptions(app="77", listed=listed, wanted_callback=HOOK, wanted_fields=FIELDS)


def heard(*there: bool | None) -> Hearings:
    accounts = (
        Hearing(account=f"act_{number}", business_account=number, is_subscribed=one)
        for number, one in enumerate(there, start=1)
    )
    return Hearings(app="77", accounts=tuple(accounts))


def synced(number: int, name: str = "Lumen", business: int | None = 1) -> AccountSync:
    return AccountSync(
        organization=number, organization_name=name, account=f"act_{number}", name="Brand",
        business_account=business, last_sync=NOW, age=timedelta(minutes=3),
    )  # fmt: skip


def events(*accounts: str) -> WebhookEvents:
    found = tuple(WebhookEvent(at=NOW, account=one, field=FIELDS[0]) for one in accounts)
    return WebhookEvents(events=found, count=len(found), since=NOW, as_of=NOW)


def world(**other: Any) -> list[Adapter]:
    """All is well, but for what is said."""
    given: dict[str, Any] = {
        "subscriptions": subscribed(THERE), "hearings": heard(True, True), "endpoint": WELL,
        "last_syncs": LastSyncs(accounts=(synced(1), synced(2)), as_of=NOW), "now": NOW,
        "webhook_events": [events("act_2"), events(), events("act_2"), events("act_1")],
        **other,
    }  # fmt: skip
    ours = ("last_syncs", "now", "webhook_events")
    return [
        canned(CompanyData, **{name: given.pop(name) for name in ours}),
        canned(Meta, **given),
    ]


async def rehearsed(systems: list[Adapter], *picks: str, **more: Any) -> Rehearsal:
    return await rehearse(
        book, Inputs(), systems, picks=picks, answers={"test_change": CHANGED}, **more
    )


async def test_when_all_is_subscribed_nothing_is_suggested_and_a_test_change_is_looked_for() -> (
    None
):
    seen = await rehearsed(world())
    assert seen.suggested == [] and not seen.commands and seen.is_over
    assert seen.says["subscriptions"] == f"Meta tells {HOOK} about with_issues_ad_objects"
    assert seen.says["hearings"] == "All 2 ad accounts are subscribed"
    assert seen.says["received"] == (
        "Our log has 1 events of the last 24 h, the newest of 2026-11-23 09:00:00 UTC about act_2"
    )
    assert seen.says["delivered"] == (
        "Our log has with_issues_ad_objects about act_1, of 09:00:00 UTC"
    )


async def test_app_and_accounts_are_subscribed_anew() -> None:
    off = subscribed(THERE.model_copy(update={"is_active": False}))
    lost = world(
        subscriptions=[off, subscribed(THERE)],
        hearings=[heard(False, True), heard(True, True)],
    )
    seen = await rehearsed(lost, "subscribe", "subscribe_accounts")
    assert seen.suggested == ["subscribe", "subscribe_accounts"]
    assert seen.commands["subscribe"] == [
        "curl -X POST https://graph.facebook.com/77/subscriptions -d object=ad_account"
        f" -d callback_url={HOOK} -d fields=with_issues_ad_objects"
    ]
    assert seen.commands["subscribe_accounts"] == [
        "curl -X POST https://graph.facebook.com/act_1/subscribed_apps -d app_id=77"
    ]
    assert seen.people == {"subscribe": 1, "subscribe_accounts": 1}
    assert seen.statuses["subscriptions"] == "ok" and seen.statuses["hearings"] == "ok"


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ((), "Our app is not subscribed to ad_account"),
        (
            (THERE.model_copy(update={"callback": "https://old.example"}),),
            f"it goes to https://old.example, not to {HOOK}",
        ),
        (
            (THERE.model_copy(update={"fields": ()}),),
            "it is about nothing, not about with_issues_ad_objects",
        ),
        ((THERE.model_copy(update={"is_active": False}),), "it is not active"),
        ((THERE.model_copy(update={"about": "page"}),), "Our app is not subscribed"),
    ],
)
async def test_what_is_wrong_with_a_subscription_is_said(
    listed: tuple[Subscription, ...], says: str
) -> None:
    seen = await rehearsed(world(subscriptions=subscribed(*listed)))
    assert seen.statuses["subscriptions"] == "problem" and says in seen.says["subscriptions"]


async def test_an_account_that_cannot_be_asked_is_unknown_and_never_subscribed() -> None:
    seen = await rehearsed(world(hearings=heard(True, None)))
    assert seen.statuses["hearings"] == "unknown"
    assert seen.says["hearings"] == (
        "1 of 2 ad accounts could not be asked: act_2; all others are subscribed"
    )
    assert [hop.book for hop in seen.offered] == ["RB-SYNC-002"]
    blind = LastSyncs(accounts=(synced(1), synced(9, business=None)), as_of=NOW)
    seen = await rehearsed(world(last_syncs=blind, hearings=heard(True)))
    assert seen.statuses["hearings"] == "unknown" and "act_9" in seen.says["hearings"]


async def test_meta_that_does_not_answer_is_unknown_and_suggests_nothing() -> None:
    silent = Unreachable("Meta did not answer within 10 s")
    seen = await rehearsed(world(subscriptions=silent, hearings=silent, endpoint=Refused("no")))
    assert {seen.statuses[one] for one in ("subscriptions", "hearings", "endpoint")} == {"unknown"}
    assert seen.suggested == []


async def test_meta_is_not_told_of_a_callback_that_it_would_refuse() -> None:
    deaf = WELL.model_copy(update={"echoes": False, "says": "It answered HTTP 403"})
    seen = await rehearsed(world(subscriptions=subscribed(), endpoint=deaf), "subscribe")
    assert seen.statuses["endpoint"] == "problem" and "subscribe" not in seen.commands
    assert seen.says["subscribe"] == f"Meta would refuse {HOOK}: It answered HTTP 403"


async def test_a_callback_that_lets_in_everybody_is_a_problem() -> None:
    open_door = WELL.model_copy(update={"keeps_strangers_out": False})
    assert (await rehearsed(world(endpoint=open_door))).statuses["endpoint"] == "problem"


def test_no_more_accounts_are_subscribed_with_one_approval_than_can_be_read() -> None:
    planned = subscribe_accounts(heard(False, False, True, False), Limits(accounts_in_a_plan=2))
    assert isinstance(planned, Plan) and len(planned.changes) == 2
    assert planned.because.endswith("3 ad accounts; the first 2 of them now, then again")
    assert isinstance(subscribe_accounts(heard(True), Limits()), Nothing)


async def test_only_a_part_is_asked_about_when_a_name_is_given() -> None:
    asked: list[str] = []

    class Listening(Meta):
        def __init__(self) -> None:
            return

        async def hearings(self, accounts: Any) -> Hearings:
            asked.extend(one.account for one in accounts if isinstance(one, AdAccount))
            return heard(True)

    syncs = LastSyncs(accounts=(synced(1), synced(2, "Amber Bakery")), as_of=NOW)
    company = canned(CompanyData, last_syncs=syncs)
    found = await hearings(Inputs(organization="amber"), company, Listening())
    assert asked == ["act_2"] and isinstance(found, Found) and found.verdict == "ok"
    nobody = await hearings(Inputs(organization="zebra"), company, Listening())
    assert nobody.verdict == "unknown"


async def test_an_event_that_does_not_come_is_a_problem_and_others_are_no_proof() -> None:
    only_others = [events(), *[events(), events("act_2")] * 70]
    seen = await rehearsed(world(webhook_events=only_others))
    assert seen.statuses["received"] == "warning"
    assert seen.held_at == ["delivered"]
    assert seen.says["delivered"].startswith("Not within 10 min: No event about act_1 since")


@pytest.mark.parametrize("account", ["", "1", "act_", "act_1/../x", "act_1\n"])
def test_nothing_but_an_ad_account_is_taken_for_one(account: str) -> None:
    with pytest.raises(ValidationError):
        ChangedAccount(account=account)
