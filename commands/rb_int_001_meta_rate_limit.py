"""RB-INT-001: Meta API Rate Limit Recovery."""

import asyncio
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from adapters.company_data import CompanyData, LastSyncs, Requests
from adapters.meta import AdAccount, Headroom, Meta
from adapters.parameters import Parameters, SetParameter
from adapters.tickets import CreateTicket
from bot.runbook import (
    Answer,
    Company,
    Done,
    Facts,
    Found,
    Nothing,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Table,
    Thresholds,
    Watched,
)
from bot.runbook.durations import hours, minutes
from bot.runbook.errors import StepError
from bot.runbook.words import (
    not_yet,
    nothing,
    ok,
    plan,
    problem,
    question,
    unknown,
    warning,
)

LATE = minutes(5)  #: After its time, what is not set back is a problem.


class Limits(Thresholds):
    accounts: int = 5  #: Ad accounts that are asked about: each question counts as a call, too.
    nearly: float = 75.0  #: Percent of a limit from which on it is a warning.
    slower: int = 4  #: Times as long between two syncs.
    longest_minutes: int = 120  #: Between two syncs.


class Inputs(RunbookInputs):
    back_after_minutes: int = Field(
        title="Set back after (minutes)",
        description="from when a change is planned until it is taken back by itself",
        default=60,
        ge=15,
        le=1440,
    )


class Limitation(Facts):
    """What a few ad accounts were told of Meta's limits."""

    asked: tuple[AdAccount, ...]
    heads: tuple[Headroom, ...]
    unread: tuple[str, ...] = ()  #: Which could not be asked, and why.

    @property
    def limited(self) -> tuple[Headroom, ...]:
        return tuple(one for one in self.heads if one.limited)

    @property
    def regain(self) -> timedelta | None:
        return max((one.regain for one in self.limited if one.regain), default=None)

    def limited_says(self) -> str:
        """The one that waits longest; of the others mostly the same is said."""
        worst = max(self.limited, key=lambda one: one.regain or timedelta())
        return f"{worst.says()}; limited: {len(self.limited)} of {len(self.asked)} accounts asked"

    def table(self) -> Table:
        rows = [row for one in self.heads for row in one.table().rows]
        return Table(("Account", "Limit", "Used", "Regained in"), tuple(rows))


class Back(Facts):
    still: tuple[str, ...]  #: Parameters that are not as they were.


class First(Answer):
    organizations: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        title="Organizations that are synced first",
        description="their ids, one a line; the request logs show who calls the most",
        min_length=1,
        max_length=20,
    )


book = Runbook(
    id="RB-INT-001",
    title="Meta API Rate Limit Recovery",
    severity="P2",
    category="Integration",
    when=(
        "Hitting Meta API rate limits (error code 4 or 17)",
        'Error: "Application request limit reached"',
        'Error: "User request limit reached"',
    ),
    inputs=Inputs,
    thresholds=Limits,
)
refresh = book.next_hop("RB-SYNC-002", "A token of Meta is not valid")

diagnosis = book.section("Diagnosis", together=True)


@diagnosis.check("Check current rate limit status", about="meta-limit", limit=minutes(1))
async def rate_limit(company_data: CompanyData, meta: Meta, limits: Limits) -> Found[Limitation]:
    """By ads calls, one for each of a few accounts: /me says nothing of limits."""
    calls, syncs = await company_data.requests(), await company_data.last_syncs()
    found = await _ask(meta, _sample(calls, syncs, limits.accounts))
    if not found.heads:
        why = found.unread[0] if found.unread else "there is no ad account with a token"
        return unknown(f"No ad account could be asked: {why}", next_hops=(refresh(),))
    if found.limited:
        return problem(f"Meta limits us. {found.limited_says()}", found, table=found.table())
    says = "; ".join((*(one.says() for one in found.heads), *found.unread))
    if max(one.percent or 0.0 for one in found.heads) >= limits.nearly:
        return warning(f"Hardly anything is left. {says}", found, table=found.table())
    if odd := [one.account for one in found.heads if one.unread]:
        return unknown(f"What Meta says of its limits cannot be read ({', '.join(odd)})")
    if found.unread:
        hops = (refresh(),)
        return warning(
            f"Calls are let through. {says}", found, table=found.table(), next_hops=hops
        )
    return ok(f"Calls are let through. {says}", found, table=found.table())


@diagnosis.check("Check ComplyAI request logs")
async def request_log(company_data: CompanyData) -> Found[Requests]:
    calls = await company_data.requests()
    says = f"{calls.requests:,} calls of Meta in 24 h, {calls.limited:,} refused as too many"
    if calls.callers:
        most = calls.callers[0]
        says += f"; most by {most.organization_name} to {most.endpoint} ({most.requests:,})"
    shown = warning if calls.limited else ok
    return shown(says, calls, plot=calls.plot(), table=calls.table())


remediation = book.section("Remediation", pick=True)


@remediation.action("Enable rate limit backoff (if not already)", suggested_by=rate_limit)
async def back_off(
    inputs: Inputs, rate_limit: Limitation | None, company: Company, parameters: Parameters
) -> Plan[SetParameter] | Nothing:
    there = await parameters.get(company.ad_sync.backoff_parameter)
    if there.value is None:
        return nothing(f"There is no parameter {there.name}")
    move = there.set_to("on")
    return plan(
        *((move,) if move else ()),
        because=_because(rate_limit),
        beware="Syncs wait for Meta, and ads become stale meanwhile",
        back_after=minutes(inputs.back_after_minutes),
        if_none="It is on already",
    )


@remediation.action("Reduce sync frequency temporarily", suggested_by=rate_limit)
async def sync_less(
    inputs: Inputs,
    rate_limit: Limitation | None,
    company: Company,
    parameters: Parameters,
    limits: Limits,
) -> Plan[SetParameter] | Nothing:
    there = await parameters.get(company.ad_sync.interval_parameter)
    if there.value is None:
        return nothing(f"There is no parameter {there.name}")
    if not there.value.isascii() or not there.value.isdigit():
        return nothing(f"{there.name} is {there.value!r}, which is no number of minutes")
    wanted = min(int(there.value) * limits.slower, limits.longest_minutes)
    move = there.set_to(str(wanted)) if wanted > int(there.value) else None
    return plan(
        *((move,) if move else ()),
        because=_because(rate_limit),
        beware=f"Ads are up to {wanted} min old then, and are said to be stale",
        back_after=minutes(inputs.back_after_minutes),
        if_none=f"{there.value} min between two syncs is as long as it may be",
    )


@remediation.ask("Choose the high-value accounts")
def first() -> Question[First]:
    return question(First, "Which organizations are to be synced first?")


@remediation.action("Prioritize high-value accounts", suggested_by=rate_limit)
async def prioritize(
    inputs: Inputs,
    first: First,
    rate_limit: Limitation | None,
    company: Company,
    company_data: CompanyData,
    parameters: Parameters,
) -> Plan[SetParameter] | Nothing:
    there = await parameters.get(company.ad_sync.first_parameter)
    if there.value is None:
        return nothing(f"There is no parameter {there.name}")
    wanted = sorted(set(first.organizations))
    syncs = await company_data.last_syncs()
    known = {one.organization: one.organization_name for one in syncs.accounts}
    if strange := [str(one) for one in wanted if one not in known]:
        return nothing(f"No active organization has the id {', '.join(strange)} and ad accounts")
    move = there.set_to(",".join(map(str, wanted)))
    named = ", ".join(f"{known[one]} (id {one})" for one in wanted)
    return plan(
        *((move,) if move else ()),
        because=f"First are {named}. {_because(rate_limit)}",
        beware="All others are synced later",
        back_after=minutes(inputs.back_after_minutes),
        if_none=f"First are {named} already",
    )


waiting = book.section("Wait")


@waiting.watch(
    "Wait for rate limit reset", every=minutes(1), lasting=hours(2), until="ok", about="meta-limit"
)
async def regained(
    rate_limit: Limitation | None, company_data: CompanyData, meta: Meta, limits: Limits
) -> Watched[Limitation]:
    """Of those that were limited: the others had calls left all along."""
    asked = rate_limit.asked if rate_limit else ()
    if rate_limit and rate_limit.limited:
        were = {one.account for one in rate_limit.limited}
        asked = tuple(one for one in asked if one.account in were)
    found = await _ask(meta, asked)
    if found.limited:
        left = found.regain
        wait = f"{math.ceil(left.total_seconds() / 60)} min" if left else "an unknown time"
        names = ", ".join(one.account for one in found.limited)
        return not_yet(f"Meta still limits {names}, for {wait}", found)
    if found.unread or not found.heads:
        return not_yet("; ".join(found.unread) or "No ad account could be asked", found)
    return ok(f"Meta lets calls of {len(found.heads)} ad accounts through", found)


@waiting.watch(
    "See what was changed set back, typically after 1 hour",
    every=minutes(1),
    lasting=hours(25),
    until="ok",
)
async def returned(
    inputs: Inputs,
    back_off: Done[SetParameter] | None,
    sync_less: Done[SetParameter] | None,
    prioritize: Done[SetParameter] | None,
    company_data: CompanyData,
    parameters: Parameters,
) -> Watched[Back] | Nothing:
    """By itself, at the time that was approved with it; or earlier, by whoever takes it back."""
    done = [one for one in (back_off, sync_less, prioritize) if one]
    changed = [change for one in done for change in one.changes]
    if not changed:
        return nothing("Nothing was changed")
    now = [(one, (await parameters.get(one.name)).value) for one in changed]
    still = tuple(
        f"{one.name} is {there}, and was {one.replacing}"
        for one, there in now
        if there != one.replacing
    )
    if not still:
        found = Back(still=())
        return ok(f"Set back: {', '.join(one.name for one in changed)}", found)
    says = f"Not set back: {'; '.join(still)}"
    at = max(one.at for one in done) + minutes(inputs.back_after_minutes)
    if await company_data.now() > at + LATE:
        return problem(f"{says}. Take it back on this run's card, or by hand", Back(still=still))
    return not_yet(f"{says}. That happens by itself by {at:%H:%M} UTC", Back(still=still))


prevention = book.section("Prevention", pick=True)


@prevention.action("Implement exponential backoff", unattended="our own tickets")
def backoff_ticket(run: Run) -> Plan[CreateTicket]:
    return plan(_ticket(run, 1, "Meta: implement exponential backoff"))


@prevention.action("Use batch endpoints where possible", unattended="our own tickets")
def batch_ticket(run: Run) -> Plan[CreateTicket]:
    return plan(_ticket(run, 2, "Meta: use batch endpoints where possible"))


@prevention.action("Cache responses where appropriate", unattended="our own tickets")
def cache_ticket(run: Run) -> Plan[CreateTicket]:
    return plan(_ticket(run, 3, "Meta: cache responses where appropriate"))


def _ticket(run: Run, number: int, title: str) -> CreateTicket:
    text = f"Meta limited us. Run {run.id} of {book.id} {book.title}."
    return CreateTicket(run=run.id, number=number, since=run.started_at, title=title, text=text)


def _because(found: Limitation | None) -> str:
    if not found or not found.limited:
        return "Meta may limit us"
    return found.limited_says()


def _sample(calls: Requests, syncs: LastSyncs, most: int) -> tuple[AdAccount, ...]:
    """One account of each organization, of those first that call the most."""
    by_organization: dict[int, AdAccount] = {}
    for one in syncs.accounts:
        if one.business_account is not None:
            account = AdAccount(account=one.account, business_account=one.business_account)
            by_organization.setdefault(one.organization, account)
    order = dict.fromkeys((*(one.organization for one in calls.callers), *by_organization))
    found = (by_organization[one] for one in order if one in by_organization)
    return tuple(found)[:most]


async def _ask(meta: Meta, accounts: Sequence[AdAccount]) -> Limitation:
    async def ask(one: AdAccount) -> Headroom | str:
        try:
            return await meta.headroom(one)
        except StepError as error:
            return f"{one.account}: {error}"

    answers = await asyncio.gather(*map(ask, accounts))
    return Limitation(
        asked=tuple(accounts),
        heads=tuple(one for one in answers if isinstance(one, Headroom)),
        unread=tuple(one for one in answers if isinstance(one, str)),
    )
