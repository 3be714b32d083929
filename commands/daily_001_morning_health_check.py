"""DAILY-001: Morning Health Check."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from adapters.cloudwatch import Alarms, CloudWatch, ErrorRates, NightHour
from adapters.company_data import CompanyData, Job, Jobs
from adapters.complyai import ComplyAi, Healths
from adapters.logs import Logs
from adapters.meta import GraphVersion, Meta
from adapters.slack import Posts, Slack
from adapters.status_pages import StatusPages, VendorStatuses
from bot.runbook import (
    Company,
    Concern,
    Found,
    Run,
    Runbook,
    RunbookInputs,
    Table,
    Thresholds,
)
from bot.runbook.durations import days, hours, minutes
from bot.runbook.errors import StepError
from bot.runbook.showing import duration_text
from bot.runbook.words import as_bad_as, ok, problem, unknown, warning

EVENING = time(18)  #: In the company's time zone: what is posted after it was seen by nobody.
REPORT = time(6)  #: UTC: the daily report of a day is made then.
SATURDAY = 5


class Limits(Thresholds):
    errors_times: float = 3.0  #: Of what is usual at this hour.
    logged_errors: int = 100  #: Of one service in 15 min.
    ad_sync: timedelta = minutes(15)
    score_calculation: timedelta = minutes(30)
    job_takes: timedelta = minutes(5)  #: So much later than it starts a job may end.
    report_takes: timedelta = minutes(30)
    version_ends: timedelta = days(90)


class Inputs(RunbookInputs):
    """It looks at all there is."""


book = Runbook(
    id="DAILY-001",
    title="Morning Health Check",
    severity="Routine",
    category="Daily operations",
    when=("Verify all systems are operational at start of business day",),
    inputs=Inputs,
    thresholds=Limits,
    speaks="once",
    schedule="0 8 * * mon-fri",
)
FILLS = ("brief_desc", "services")
outage = book.next_hop(
    "RB-INC-001", "A critical service is down: respond to it as to an incident", fills=FILLS
)
errors = book.next_hop(
    "RB-INC-001", "More errors than usual: respond to it as to an incident", fills=FILLS
)

steps = book.section("Steps", together=True)


@steps.check("Check service health dashboard", about="service-health")
async def service_health(complyai: ComplyAi) -> Found[Healths]:
    found = await complyai.healths()
    if not found.down:
        says = f"All {len(found.services)} services say that they are healthy"
        return ok(says, found, table=found.table())
    return problem(
        f"Not healthy: {len(found.down)} of {len(found.services)} services",
        found,
        table=found.table(),
        concerns=tuple(
            Concern(_service(one.service), one.says)
            for one in found.services
            if not one.is_healthy
        ),
        next_hops=(outage(**_filled(found.down, "down")),),
    )


@steps.check("Check #alerts Slack channel")
async def alerts_channel(run: Run, company: Company, slack: Slack) -> Found[Posts]:
    """Since the evening of the last working day."""
    since = last_evening(run.started_at, company.time_zone)
    posts = await slack.posts(company.alerts_channel, since)
    known = f"since {since:%A %H:%M} UTC in #{posts.channel}"
    by_people = f"; {posts.by_people} messages by people" if posts.by_people else ""
    if not posts.is_complete:
        says = f"More was posted {known} than is read: look at it yourself"
        return unknown(says, table=posts.table())
    if not posts.alerts:
        return ok(f"No alert {known}{by_people}", posts)
    concerns = tuple(_per_source(posts))
    says = (
        f"Still standing: {len(posts.standing)} of {len(posts.alerts)} alerts {known}{by_people}"
    )
    return as_bad_as(says, posts, concerns=concerns, table=posts.table())


def last_evening(now: datetime, zone: str) -> datetime:
    """Of the working day before; at a weekend and on Monday it is Friday's."""
    day = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return datetime.combine(day, EVENING, ZoneInfo(zone)).astimezone(now.tzinfo)


def _per_source(posts: Posts) -> Iterator[Concern]:
    """What still stands."""
    for source in dict.fromkeys(one.source for one in posts.standing):
        newest, *others = [one for one in posts.standing if one.source == source]
        more = f", and {len(others)} more" if others else ""
        yield Concern(f"alerts of {source}", f"{newest.says}{more}", "warning")


@steps.check("Review CloudWatch alarms", about="alarms")
async def alarms(cloudwatch: CloudWatch) -> Found[Alarms]:
    found = await cloudwatch.alarms()
    if not found.total:
        return unknown("There is not one alarm, so that none is raised says nothing")
    says = f"Raised: {len(found.in_alarm)} of {found.total} alarms"
    if found.without_data:
        says += f"; without data: {len(found.without_data)}"
    if not found.alarms:
        return ok(says, found)
    concerns = (
        Concern(
            f"alarm {one.name}",
            f"{one.state} for {duration_text(one.age)}",
            "problem" if one.state == "ALARM" else "warning",
        )
        for one in found.alarms
    )
    return as_bad_as(says, found, concerns=tuple(concerns), table=found.table())


@steps.check("Check error rates in monitoring", about="error-rates")
async def error_rates(
    run: Run, company: Company, cloudwatch: CloudWatch, logs: Logs, limits: Limits
) -> Found[ErrorRates]:
    """
    5xx answers as the load balancer counts them, now and in each hour of the night, and what
    services have logged.
    """
    names = company.service_names
    rates, logged = await asyncio.gather(
        cloudwatch.error_rates(names, last_evening(run.started_at, company.time_zone)),
        asyncio.gather(*(_logged(logs, one) for one in names)),
    )
    many = rates.above(limits.errors_times)
    concerns = []
    for rate, lines in zip(rates.rates, logged, strict=True):
        usual = "nothing to compare with" if rate.usual is None else f"usually {rate.usual:.1f}"
        if rate.service in many:
            says = f"{rate.now:.1f} errors a minute, {usual}"
            concerns.append(Concern(_service(rate.service), says, "problem"))
        elif rate.now is None:
            says = "no requests are seen, so errors cannot be told"
            concerns.append(Concern(_service(rate.service), says, "unknown"))
        elif isinstance(lines, int) and lines >= limits.logged_errors:
            says = f"{lines} error lines in its log in 15 min"
            concerns.append(Concern(_service(rate.service), says, "warning"))
        elif worst := rate.worst_hour(limits.errors_times):
            concerns.append(Concern(_service(rate.service), _of_night(worst), "warning"))
    says = f"More errors than usual at this hour: {len(many)} of {len(names)} services"
    hops = (errors(**_filled(many, "errors")),) if many else ()
    return as_bad_as(
        says,
        rates,
        concerns=tuple(concerns),
        table=_with_logs(rates.table(), logged),
        plot=rates.plot_of_night(limits.errors_times),
        next_hops=hops,
    )


def _of_night(hour: NightHour) -> str:
    usual = "nothing to compare with" if hour.usual is None else f"usually {hour.usual:.1f}"
    said = f"{hour.errors:.1f} errors a minute in the hour from {hour.at:%a %H:%M} UTC, {usual}"
    return f"well now; {said}"


async def _logged(logs: Logs, service: str) -> int | str:
    """Error lines of the last 15 min, or why they cannot be counted."""
    try:
        return (await logs.errors(service, newest=1)).count
    except StepError as error:
        return str(error)


def _with_logs(table: Table, logged: Sequence[int | str]) -> Table:
    rows = ((*row, lines) for row, lines in zip(table.rows, logged, strict=True))
    return Table((*table.columns, "Logged in 15 min"), tuple(rows))


@steps.check("Verify scheduled jobs ran successfully", about="jobs")
async def scheduled_jobs(company_data: CompanyData, limits: Limits) -> Found[Jobs]:
    jobs = await company_data.jobs()
    late = [(one, wrong) for one in jobs.jobs if (wrong := _late(one, jobs.as_of, limits))]
    says = f"On time: {len(jobs.jobs) - len(late)} of {len(jobs.jobs)} jobs"
    concerns = tuple(
        Concern(f"job {one.name}", f"{wrong}; {one.last_error}".strip("; "), "problem")
        for one, wrong in late
    )
    return as_bad_as(says, jobs, concerns=concerns, table=jobs.table())


def _late(job: Job, now: datetime, limits: Limits) -> str:
    """Empty: it ran when it should."""
    if job.last_success is None or job.age is None:
        return "never ran successfully"
    if job.name == "daily_report":
        due = datetime.combine(now.date(), REPORT, now.tzinfo)
        if now < due + limits.report_takes:
            due -= timedelta(days=1)
        late = job.last_success < due
    else:
        every = limits.ad_sync if job.name == "ad_sync" else limits.score_calculation
        late = job.age > every + limits.job_takes
    return f"ran successfully last {duration_text(job.age)} ago" if late else ""


@steps.check("Check external service status", about="vendors")
async def vendors(status_pages: StatusPages) -> Found[VendorStatuses]:
    found = await status_pages.statuses()
    concerns = tuple(
        Concern(one.vendor, one.says, "problem" if one.state == "trouble" else "unknown")
        for one in found.vendors
        if one.state != "well"
    )
    names = ", ".join(one.vendor for one in found.vendors)
    said = (("in trouble", found.down), ("cannot be read", found.unreadable))
    wrong = "; ".join(f"{how}: {', '.join(which)}" for how, which in said if which)
    says = wrong[:1].upper() + wrong[1:] if wrong else f"{names} report no trouble"
    return as_bad_as(says, found, concerns=concerns, table=found.table())


@steps.check("Check how long Meta's API version is served")
def graph_version(meta: Meta, limits: Limits) -> Found[GraphVersion]:
    version = meta.version()
    if not version.is_known:
        return unknown(version.says())
    if version.left is None or version.left >= limits.version_ends:
        return ok(version.says(), version)
    return (warning if version.left > hours(0) else problem)(version.says(), version)


def _service(name: str) -> str:
    return f"service {name}"


def _filled(services: Sequence[str], what: str) -> Mapping[str, object]:
    """What is wrong, as a channel's name can say it."""
    whose = services[0] if len(services) == 1 else f"{len(services)}-services"
    brief = re.sub(r"[^a-z0-9]+", "-", f"{whose}-{what}".lower())[-40:].strip("-")
    return {"brief_desc": brief, "services": tuple(services)}
