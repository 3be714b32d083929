"""DAILY-002: Ad Sync Monitoring."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from adapters.celery import Celery, Queue, Workers
from adapters.company_data import (
    AccountSync,
    CompanyData,
    FailedSyncs,
    LastSyncs,
    TokenRow,
    Tokens,
)
from adapters.kubernetes import Kubernetes, Pods
from adapters.meta import AdAccount, Headrooms, Meta, StoredToken
from bot.runbook import (
    Company,
    Concern,
    Found,
    Runbook,
    RunbookInputs,
    Table,
    Thresholds,
)
from bot.runbook.durations import days, minutes
from bot.runbook.errors import Refused, Unreachable
from bot.runbook.findings import Verdict
from bot.runbook.showing import duration_text
from bot.runbook.words import as_bad_as, ok, problem, unknown, warning

QUEUE = "ad_sync"
#: Of the accounts that are furthest behind, Meta is asked about so many.
ASKED = 5
#: So many organizations are offered to be synced by hand.
OFFERED = 3
#: That the broker answers so is what is looked for; else we could not look.
BROKEN = frozenset({"refused", "timed out"})


class Limits(Thresholds):
    stale: timedelta = minutes(30)
    failures: int = 4  #: Of one organization in 24 h: of an hour.
    waiting: int = 100  #: Jobs in the queue.
    meta_percent: float = 75.0  #: Of any of Meta's limits.
    token_ends: timedelta = days(7)
    restarts: int = 5  #: Of one pod.


class Inputs(RunbookInputs):
    """It looks at all there is."""


book = Runbook(
    id="DAILY-002",
    title="Ad Sync Monitoring",
    severity="Routine",
    category="Daily operations",
    when=("Every 15 minutes: ensure ad data is syncing from Meta correctly",),
    inputs=Inputs,
    thresholds=Limits,
    speaks="on change",
    schedule="*/15 * * * *",
)
sync_by_hand = book.next_hop("RB-SYNC-001", "Sync it by hand", fills=("organization",))
new_token = book.next_hop("RB-SYNC-002", "Give it a new token", fills=("organization",))
limited_by_meta = book.next_hop("RB-INT-001", "Meta limits us")

points = book.section("Check Points", together=True)


@points.check("Last sync timestamp per organization", about="ad-sync")
async def last_sync(company_data: CompanyData, limits: Limits) -> Found[LastSyncs]:
    syncs = await company_data.last_syncs()
    if not syncs.accounts:
        return unknown("The database knows no active ad account, so nothing can be said of syncs")
    late = syncs.late(limits.stale)
    organizations = dict.fromkeys(one.organization_name for one in late)
    hops = tuple(sync_by_hand(organization=one) for one in [*organizations][:OFFERED])
    return as_bad_as(
        _say_syncs(syncs, limits),
        syncs,
        concerns=tuple(_per_organization(syncs, limits)),
        table=syncs.table(),
        plot=syncs.plot(limits.stale),
        next_hops=hops,
    )


def _say_syncs(syncs: LastSyncs, limits: Limits) -> str:
    late, total = syncs.late(limits.stale), len(syncs.accounts)
    within = duration_text(limits.stale)
    parts = []
    if late:
        oldest = duration_text(late[0].age or timedelta())
        parts.append(
            f"{len(late)} of {total} ad accounts not synced for {within}, one for {oldest}"
        )
    if syncs.never:
        parts.append(f"{len(syncs.never)} of {total} never synced, or without ads")
    if not parts:
        parts.append(f"All {total} ad accounts synced within {within}")
    if without := len(syncs.organizations_without):
        parts.append(f"{without} organizations have no ad account")
    return "; ".join(parts)


def _per_organization(syncs: LastSyncs, limits: Limits) -> Iterator[Concern]:
    """Those that are late, the worst first; then those of which no sync is known."""
    every: dict[int, list[AccountSync]] = defaultdict(list)
    for one in (*syncs.late(limits.stale), *syncs.never):
        every[one.organization].append(one)
    for organization, accounts in every.items():
        first = accounts[0]
        if first.age is None:
            verdict: Verdict = "warning"
            says = f"{first.account} never synced, or without ads"
        else:
            verdict, says = "problem", f"{first.account} synced {duration_text(first.age)} ago"
        more = f", and {len(accounts) - 1} more" if len(accounts) > 1 else ""
        yield Concern(_of(organization), f"{first.organization_name}, {says}{more}", verdict)


@points.check("Sync failure count (last 24 hours)")
async def failed_syncs(company_data: CompanyData, limits: Limits) -> Found[FailedSyncs]:
    failed = await company_data.failed_syncs()
    if not failed.failures:
        return ok("None failed in 24 h", failed)
    times: dict[tuple[int, str], int] = defaultdict(int)
    codes: dict[int, list[str]] = defaultdict(list)
    for one in failed.failures:
        times[one.organization, one.organization_name] += one.times
        code = f"code {one.code}" if one.code else "no code"
        codes[one.organization].append(f"{one.times} with {code}")
    concerns = tuple(
        Concern(_of(number), f"{name}: {', '.join(codes[number])}", "warning")
        for (number, name), count in times.items()
        if count >= limits.failures
    )
    often = f", {len(concerns)} of them {limits.failures} times or more" if concerns else ""
    says = f"{failed.times} failed in 24 h, of {len(times)} organizations{often}"
    return as_bad_as(says, failed, concerns=concerns, table=failed.table())


@points.check("Check Celery flower dashboard", about="workers")
async def flower(celery: Celery) -> Found[Workers]:
    workers = await celery.workers()
    if not workers.is_known:
        return unknown(workers.says(QUEUE))
    judged = ok if workers.alive_for(QUEUE) else problem
    return judged(workers.says(QUEUE), workers, table=workers.table())


@points.check("Queue ad_sync should be < 100 pending", about="ad-queue")
async def queue_depth(celery: Celery, limits: Limits) -> Found[Queue]:
    queue = await celery.queue(QUEUE)
    if queue.waiting is None:
        return problem(queue.says(), queue) if queue.cause in BROKEN else unknown(queue.says())
    most = f"{queue.says()} (it should be less than {limits.waiting})"
    judged = ok if queue.waiting < limits.waiting else problem
    return judged(most, queue, table=_by_priority(queue))


def _by_priority(queue: Queue) -> Table:
    """Celery's four lists, the most urgent first, and what workers have taken."""
    steps = enumerate(queue.by_priority)
    rows = [(f"waiting, priority step {step} of 0 to 3", count) for step, count in steps]
    return Table(
        ("Jobs", "Number"),
        (*rows, ("waiting in all", queue.waiting), ("taken, not acknowledged", queue.taken)),
    )


#: Looked at also while nothing is stale: what was told here is seen, and not thought, to be well
#: again. Meta is asked about the accounts that are furthest behind.
stale = book.section("If sync is stale (> 30 min)", together=True)


@stale.check("Check Celery workers are running", about="worker-pods")
async def worker_pods(company: Company, kubernetes: Kubernetes, limits: Limits) -> Found[Pods]:
    name = company.workers
    deployment = await kubernetes.deployment(name)
    if not deployment.exists:
        return problem(deployment.says, Pods(deployment=name, pods=(), as_of=deployment.as_of))
    pods = await kubernetes.pods(name)
    if deployment.trouble:
        wrong = "; ".join(filter(None, (f"{name} {deployment.trouble}", pods.troubles)))
        return problem(wrong, pods, table=pods.table())
    often = [one for one in pods.pods if one.restarts > limits.restarts]
    if often:
        told = ", ".join(f"{one.name} {one.restarts} times" for one in often)
        return warning(f"{deployment.says}; restarted: {told}", pods, table=pods.table())
    return ok(deployment.says, pods, table=pods.table())


@stale.check("Check Meta API rate limits", about="meta-limit")
async def meta_limits(last_sync: LastSyncs, meta: Meta, limits: Limits) -> Found[Headrooms]:
    asked = _asked(last_sync)
    rooms = await meta.headrooms([AdAccount(account=a, business_account=b) for a, b in asked])
    unread = f" Not asked: {'; '.join(rooms.unread)}" if rooms.unread else ""
    if rooms.limited:
        says = "; ".join(one.says() for one in rooms.limited)
        return problem(says + unread, rooms, table=rooms.table(), next_hops=(limited_by_meta(),))
    if not rooms.accounts:
        return unknown(f"Meta could not be asked about any account.{unread}")
    fullest = rooms.fullest
    if fullest is None:
        return ok(f"No call was refused; Meta told nothing of its limits.{unread}", rooms)
    if fullest.percent is not None and fullest.percent >= limits.meta_percent:
        hops = (limited_by_meta(),)
        return warning(fullest.says() + unread, rooms, table=rooms.table(), next_hops=hops)
    return ok(f"At most: {fullest.says()}{unread}", rooms, table=rooms.table())


def _asked(syncs: LastSyncs) -> Sequence[tuple[str, int]]:
    """An account of each organization, and the business account that can ask; the worst first."""
    able = [one for one in syncs.accounts if one.age is not None and one.business_account]
    of = {one.organization: one for one in reversed(able)}
    worst = sorted(of.values(), key=lambda one: one.age or timedelta(), reverse=True)[:ASKED]
    return [(one.account, one.business_account or 0) for one in worst]


@stale.check("Check for token expiration", about="meta-token")
async def tokens(
    last_sync: LastSyncs, company_data: CompanyData, meta: Meta, limits: Limits
) -> Found[Tokens]:
    """By our tables of all tokens, and by Meta of those that the accounts furthest behind use."""
    late = {one.business_account: one for one in reversed(last_sync.late(limits.stale))}
    used = [late[number] for _, number in _asked(last_sync) if number in late]
    found, told = await asyncio.gather(
        company_data.tokens(within=limits.token_ends),
        asyncio.gather(*(_by_meta(meta, one) for one in used)),
    )
    pairs = zip(used, told, strict=True)
    bad = [one for one, wrong in pairs if wrong and wrong.verdict == "problem"]
    refused = [one.organization_name for one in bad]
    useless = dict.fromkeys([*refused, *(one.organization_name for one in found.expired)])
    left = len(found.tokens) - len(found.expired)
    within = duration_text(limits.token_ends)
    says = f"Tokens: {len(found.expired)} expired, {left} end within {within}"
    says += f"; Meta refuses {len(refused)} of {len(used)} that stale accounts use" if used else ""
    return as_bad_as(
        says,
        found,
        concerns=(*(one for one in told if one), *map(_ending, found.tokens)),
        table=found.table(),
        next_hops=tuple(new_token(organization=one) for one in [*useless][:OFFERED]),
    )


def _ending(row: TokenRow) -> Concern:
    left = row.left or timedelta()
    ends = f"{'expired' if row.is_expired else 'expires'} {row.expires_at:%Y-%m-%d %H:%M} UTC"
    says = f"{row.organization_name}: the token of business account {row.business_account} {ends}"
    return Concern(_of(row.organization), says, "problem" if left <= timedelta() else "warning")


async def _by_meta(meta: Meta, account: AccountSync) -> Concern | None:
    """What is wrong with the token by which this account is synced."""
    name, about = _of(account.organization), account.organization_name
    try:
        state = await meta.token(StoredToken(business_account=account.business_account or 0))
    except (Refused, Unreachable) as error:
        return Concern(name, f"{about}: {error}", "unknown")
    return Concern(name, f"{about}: {state.trouble}", "problem") if state.trouble else None


def _of(organization: int) -> str:
    return f"organization {organization}"
