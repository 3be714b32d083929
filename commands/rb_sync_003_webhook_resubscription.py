"""RB-SYNC-003: Webhook Resubscription."""

from pydantic import Field

from adapters.company_data import CompanyData, WebhookEvents
from adapters.meta import (
    AdAccount,
    Endpoint,
    Hearings,
    Meta,
    Subscribe,
    SubscribeApp,
    Subscriptions,
)
from bot.runbook import (
    Answer,
    Found,
    Nothing,
    Plan,
    Question,
    Runbook,
    RunbookInputs,
    Thresholds,
    Watched,
)
from bot.runbook.durations import days, minutes, seconds
from bot.runbook.words import not_yet, nothing, ok, plan, problem, question, unknown, warning

MOST_NAMED = 5  #: Ad accounts in a sentence; the table has all.


class Limits(Thresholds):
    accounts_in_a_plan: int = 50  #: So many are subscribed with one approval.


class Inputs(RunbookInputs):
    organization: str = Field(
        title="Only organizations called so",
        description="a part of their name; nothing given: the ad accounts of all",
        default="",
        max_length=120,
    )


class ChangedAccount(Answer):
    account: str = Field(
        title="Ad account",
        description="of which something was changed in Meta Business Manager, such as act_1234",
        pattern=r"^act_[0-9]{1,30}$",
    )


book = Runbook(
    id="RB-SYNC-003",
    title="Webhook Resubscription",
    severity="P2",
    category="Data Sync",
    when=("Webhooks not being received, subscription expired",),
    inputs=Inputs,
    thresholds=Limits,
)
refresh = book.next_hop("RB-SYNC-002", "Meta does not accept the token of an ad account")

look = book.section("Check", together=True)


@look.check("Check current subscriptions")
async def subscriptions(meta: Meta) -> Found[Subscriptions]:
    found = await meta.subscriptions()
    if found.trouble:
        return problem(found.trouble, found, table=found.table())
    says = f"Meta tells {found.wanted_callback} about {', '.join(found.wanted_fields)}"
    return ok(says, found, table=found.table())


@look.check("Check that each ad account is subscribed, too", limit=minutes(3))
async def hearings(inputs: Inputs, company_data: CompanyData, meta: Meta) -> Found[Hearings]:
    """Without it nothing is delivered, whatever the app is subscribed to."""
    part = inputs.organization.casefold()
    ours = [
        one
        for one in (await company_data.last_syncs()).accounts
        if part in one.organization_name.casefold()
    ]
    if not ours:
        return unknown("There is no such organization with an active ad account")
    asked = [
        AdAccount(account=one.account, business_account=one.business_account)
        for one in ours
        if one.business_account is not None
    ]
    found = await meta.hearings(asked)
    without = [one.account for one in ours if one.business_account is None]
    blind = (*found.unread, *without)
    silent = f"; {len(blind)} could not be asked: {_named(blind)}" if blind else ""
    hops = (refresh(),) if blind else ()
    if found.lacking:
        says = f"Meta tells us nothing about {len(found.lacking)} of {len(ours)} ad accounts"
        says = f"{says}: {_named(found.lacking)}{silent}"
        return problem(says, found, table=found.table(), next_hops=hops)
    if blind:
        says = f"{len(blind)} of {len(ours)} ad accounts could not be asked: {_named(blind)}"
        return unknown(f"{says}; all others are subscribed", table=found.table(), next_hops=hops)
    return ok(f"All {len(ours)} ad accounts are subscribed", found, table=found.table())


@look.check("Verify webhook endpoint is accessible")
async def endpoint(meta: Meta) -> Found[Endpoint]:
    found = await meta.endpoint()
    says = f"{found.callback}: {found.says}"
    return ok(says, found) if found.is_well else problem(says, found)


again = book.section("Resubscribe", pick=True)


@again.action("Resubscribe to webhooks", suggested_by=subscriptions)
def subscribe(
    subscriptions: Subscriptions | None, endpoint: Endpoint | None
) -> Plan[Subscribe] | Nothing:
    if subscriptions is None:
        return nothing("What we are subscribed to is not known")
    if endpoint and not endpoint.echoes:
        return nothing(f"Meta would refuse {endpoint.callback}: {endpoint.says}")
    move = subscriptions.needed()
    return plan(
        *((move,) if move else ()),
        because=subscriptions.trouble,
        beware="These fields replace those of before, and Meta asks our callback first",
        if_none="It is subscribed as it should be",
    )


@again.action("Subscribe the ad accounts that lack it", suggested_by=hearings)
def subscribe_accounts(hearings: Hearings | None, limits: Limits) -> Plan[SubscribeApp] | Nothing:
    if hearings is None:
        return nothing("Which ad accounts lack it is not known")
    lacking = hearings.subscribe()
    most = limits.accounts_in_a_plan
    more = f"; the first {most} of them now, then again" if len(lacking) > most else ""
    return plan(
        *lacking[:most],
        because=f"Meta tells us nothing about {len(lacking)} ad accounts{more}",
        beware="Each is subscribed with its organization's own token",
        if_none="No ad account lacks it",
    )


test = book.section("Test webhook delivery")


@test.check("Look at what was received so far")
async def received(company_data: CompanyData) -> Found[WebhookEvents]:
    found = await company_data.webhook_events(await company_data.now() - days(1))
    if not found.events:
        return warning("Our log has no event of the last 24 h", found)
    newest = f"{found.events[0].at:%Y-%m-%d %H:%M:%S} UTC about {found.events[0].account}"
    says = f"Our log has {found.count:,} events of the last 24 h, the newest of {newest}"
    return ok(says, found, table=found.table())


@test.ask("Make a test change in Meta Business Manager")
def test_change(received: WebhookEvents, hearings: Hearings | None) -> Question[ChangedAccount]:
    heard = [one.account for one in hearings.accounts if one.is_subscribed] if hearings else []
    return question(
        ChangedAccount,
        "Change something about an ad there, such as its name, and say of which ad account it is",
        proposed=ChangedAccount(account=heard[0]) if heard else None,
    )


@test.watch("Verify event received in logs", every=seconds(10), lasting=minutes(10), until="ok")
async def delivered(
    received: WebhookEvents, test_change: ChangedAccount, company_data: CompanyData
) -> Watched[WebhookEvents]:
    since, account = received.as_of, test_change.account
    found = await company_data.webhook_events(since, account)
    if found.events:
        last = found.events[0]
        says = f"Our log has {last.field} about {account}, of {last.at:%H:%M:%S} UTC"
        return ok(says, found, table=found.table())
    others = await company_data.webhook_events(since)
    says = f"No event about {account} since {since:%H:%M:%S} UTC; {others.count} about others"
    return not_yet(says, found)


def _named(accounts: tuple[str, ...]) -> str:
    more = len(accounts) - MOST_NAMED
    shown = ", ".join(accounts[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
