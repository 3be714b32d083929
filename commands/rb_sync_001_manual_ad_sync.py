"""RB-SYNC-001: Manual Ad Sync Trigger."""

import re

from pydantic import Field

from adapters.celery import Celery
from adapters.company_data import AdsUpdated, CompanyData, Organizations, SyncOfRun, Tokens
from adapters.company_data.facts import Organization
from adapters.internal_api import InternalApi, InternalHealth, TriggerSync
from adapters.kubernetes import Kubernetes
from adapters.meta import Meta, StoredToken
from bot.runbook import (
    Company,
    Concern,
    Done,
    Facts,
    Found,
    NextHop,
    Nothing,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Table,
    Watched,
)
from bot.runbook.durations import hours, minutes, seconds
from bot.runbook.errors import StepError
from bot.runbook.findings import Details
from bot.runbook.showing import duration_text
from bot.runbook.words import choose, not_yet, nothing, ok, plan, problem, warning

LINES = 20  #: Of the workers' log that are shown.
#: Codes of Meta's errors: the token, and a limit. 80000 to 80014 are limits of a business.
TOKEN_CODES, LIMIT_CODES = {"190"}, {"4", "17", "32", "613", *map(str, range(80000, 80015))}
NO_ORGANIZATION = "It is not known which organization"


class Inputs(RunbookInputs):
    organization: str = Field(
        title="Organization",
        description="its name, or a part of it",
        min_length=2,
        max_length=120,
    )


class Progress(Facts):
    """How far a sync is. What is not known is None."""

    sync: SyncOfRun | None
    waiting: int | None  #: Jobs in the queue.
    lines: int | None  #: Of the log about this organization.


book = Runbook(
    id="RB-SYNC-001",
    title="Manual Ad Sync Trigger",
    severity="P3",
    category="Data Sync",
    when=("Ad sync is stale or customer reports missing ads",),
    inputs=Inputs,
)
refresh = book.next_hop("RB-SYNC-002", "Meta does not accept the token", fills=("organization",))
limited = book.next_hop("RB-INT-001", "Meta limits us")

find = book.section("Organization")


@find.check("Identify the organization")
async def matches(inputs: Inputs, company_data: CompanyData) -> Found[Organizations]:
    found = await company_data.organizations(inputs.organization)
    exact = tuple(one for one in found.found if one.name == inputs.organization)
    if len(exact) == 1:
        found = found.model_copy(update={"found": exact, "are_more": False})
    if not found.found:
        return problem(
            f"No organization has {inputs.organization!r} in its name. Start again with another"
            " part of it",
            found,
        )
    if len(found.found) > 1:
        more = "More than " if found.are_more else ""
        says = f"{more}{len(found.found)} organizations are called so: one is to be chosen"
        return ok(says, found, table=found.table())
    return _judged(found)


@find.ask("Choose the organization, when there are several")
def organization(matches: Organizations) -> Question[Organization] | Nothing:
    if len(matches.found) == 1:
        return nothing(f"There is only one: {_named(matches.found[0])}")
    return choose(
        matches.found, _named, "Which organization is to be synced?", if_none=NO_ORGANIZATION
    )


prerequisites = book.section("Prerequisites", together=True, holds=True)


@prerequisites.check("The internal API answers: no SSH access to bastion is needed")
async def internal_api(internal_api: InternalApi) -> Found[InternalHealth]:
    health = await internal_api.health()
    if health.answered_in is None or health.error:
        return problem(health.error or "The internal API did not answer", health)
    return ok(f"It answered in {duration_text(health.answered_in)}", health)


@prerequisites.check("Valid Meta access token for organization", about="meta-token")
async def meta_token(
    matches: Organizations,
    organization: Organization | None,
    company_data: CompanyData,
    meta: Meta,
) -> Found[Tokens] | Nothing:
    chosen = _chosen(matches, organization)
    if chosen is None:
        return nothing(NO_ORGANIZATION)
    tokens = await company_data.tokens(organization=chosen.id)
    hops = (refresh(organization=chosen.name),)
    concerns: list[Concern] = []
    for one in (one for one in tokens.tokens if one.fingerprint):
        state = await meta.token(StoredToken(business_account=one.business_account))
        name = f"business account {one.business_account}"
        concerns.append(Concern(name, state.trouble, "problem" if state.trouble else "ok"))
    if not concerns:
        return problem(f"{chosen.name} has no Meta token", tokens, next_hops=hops)
    bad = [one for one in concerns if one.verdict == "problem"]
    table, about = tokens.table(), tuple(concerns)
    if not bad:
        tokens_are = "the token" if len(concerns) == 1 else f"all {len(concerns)} tokens"
        says = f"Meta accepts {tokens_are} of {chosen.name}"
        return ok(says, tokens, table=table, concerns=about)
    says = "; ".join(f"{one.name}: {one.says}" for one in bad)
    if len(bad) < len(concerns):
        says = f"{len(bad)} of {len(concerns)} tokens are not valid. {says}"
        return warning(says, tokens, table=table, next_hops=hops, concerns=about)
    return problem(says, tokens, table=table, next_hops=hops, concerns=about)


steps = book.section("Steps")


@steps.action("Trigger sync via API (internal)")
async def trigger(
    run: Run,
    matches: Organizations,
    organization: Organization | None,
    company_data: CompanyData,
) -> Plan[TriggerSync] | Nothing:
    chosen = _chosen(matches, organization)
    if chosen is None:
        return nothing(NO_ORGANIZATION)
    return plan(
        TriggerSync(
            run=run.id,
            organization=chosen.id,
            organization_name=chosen.name,
            since=await company_data.now(),
        ),
        because=f"{_named(chosen)} is to be synced by hand",
        beware="There is no rollback, and need be none: a sync only adds",
    )


@steps.watch("Monitor sync progress", every=seconds(5), lasting=minutes(15), until="ok")
async def progress(
    trigger: Done[TriggerSync],
    company: Company,
    company_data: CompanyData,
    celery: Celery,
    kubernetes: Kubernetes,
) -> Watched[Progress]:
    """The sync says itself when it is over; what surrounds it may be unknown."""
    asked = trigger.only
    sync = await company_data.sync_of(asked.key)
    waiting, depth = await _depth(celery, company.ad_sync.queue)
    lines, log = await _log(kubernetes, company.workers, trigger, asked.organization)
    facts = Progress(sync=sync, waiting=waiting, lines=len(lines.rows) if lines else None)
    details = Details(table=lines) if lines else Details()
    if sync is None:
        return not_yet(f"The company's database has no such sync yet; {depth}; {log}", facts)
    if sync.status == "failed":
        why = sync.error or "it does not say why"
        details["next_hops"] = await _after_failure(company_data, asked)
        return problem(f"The sync has failed: {why}; {depth}", facts, **details)
    if sync.status == "succeeded":
        return ok(f"The sync is done: {sync.ads_synced:,} ads", facts, **details)
    ads = await company_data.ads_updated(asked.organization, sync.requested_at)
    total = sum(one.ads for one in ads.accounts)
    says = f"The sync is {sync.status}: {sync.ads_synced:,} of {total:,} ads; {depth}; {log}"
    return not_yet(says, facts, progress=min(1.0, sync.ads_synced / total) if total else None)


@steps.check("Verify completion", about="ad-sync")
async def completion(trigger: Done[TriggerSync], company_data: CompanyData) -> Found[AdsUpdated]:
    asked = trigger.only
    sync = await company_data.sync_of(asked.key)
    since = sync.requested_at if sync else asked.since
    ads = await company_data.ads_updated(asked.organization, since)
    says = f"{ads.updated:,} ads of {asked.organization_name} updated since {since:%H:%M:%S} UTC"
    missed = [one.account for one in ads.accounts if one.ads and not one.updated]
    about = (Concern(f"organization {asked.organization}", says),)
    if not ads.updated:
        return problem(f"No ads at all: {says}", ads, table=ads.table(), concerns=about)
    if missed:
        says = f"{says}, but none of {', '.join(missed)}"
        return warning(says, ads, table=ads.table(), concerns=about)
    return ok(f"{says}, of every ad account that has some", ads, table=ads.table(), concerns=about)


def _judged(found: Organizations) -> Found[Organizations]:
    """When there is only one."""
    (one,) = found.found
    says = f"{_named(one)}, Meta business {one.meta_business or 'unknown'}"
    if not one.accounts:
        return problem(f"{says}: no active ad account, so nothing to sync", found)
    says = f"{says}, {one.accounts} active ad accounts"
    return ok(says, found) if one.is_active else warning(f"{says}. It is not active", found)


def _named(one: Organization) -> str:
    return f"{one.name} (id {one.id})"


def _chosen(matches: Organizations, organization: Organization | None) -> Organization | None:
    if organization or len(matches.found) != 1:
        return organization
    return matches.found[0]


async def _depth(celery: Celery, name: str) -> tuple[int | None, str]:
    try:
        queue = await celery.queue(name)
    except StepError as error:
        return None, f"how many jobs wait in {name} is not known: {error}"
    return queue.waiting, queue.says()


async def _log(
    kubernetes: Kubernetes, workers: str, trigger: Done[TriggerSync], organization: int
) -> tuple[Table | None, str]:
    """Of all pods, the newest lines about this organization and no other."""
    word = f"org_id={organization}"
    try:
        found = await kubernetes.lines(workers, trigger.at, word, LINES)
    except StepError as error:
        return None, f"the log of {workers} is not known: {error}"
    ours = re.compile(rf"\b{re.escape(word)}(?!\d)")
    lines = tuple(line for line in found.lines if ours.search(line.text))
    unread = f", {len(found.unread)} pods cannot be read" if found.unread else ""
    last = f"last: {lines[-1].text}" if lines else "nothing about it in the log yet"
    return found.model_copy(update={"lines": lines}).table(), f"{last}{unread}"


async def _after_failure(company_data: CompanyData, asked: TriggerSync) -> tuple[NextHop, ...]:
    failed = await company_data.failed_syncs(hours(1), asked.organization)
    codes = {one.code for one in failed.failures}
    hops = (refresh(organization=asked.organization_name),) if codes & TOKEN_CODES else ()
    return (*hops, *((limited(),) if codes & LIMIT_CODES else ()))
