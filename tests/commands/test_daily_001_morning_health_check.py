"""DAILY-001 without Slack, AWS or a database: facts in, verdicts and hops out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.cloudwatch import Alarm, Alarms, CloudWatch, ErrorRate, ErrorRates, NightHour
from adapters.company_data import CompanyData, Job, Jobs
from adapters.complyai import ComplyAi, Health, Healths
from adapters.logs import ErrorLines, Logs
from adapters.meta import GraphVersion, Meta
from adapters.slack import Alert, Posts, Slack
from adapters.status_pages import StatusPages, VendorStatus, VendorStatuses
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter, Company
from bot.runbook.errors import Refused, Unreachable
from commands.daily_001_morning_health_check import (
    Inputs,
    Limits,
    book,
    graph_version,
    last_evening,
    scheduled_jobs,
)
from commands.rb_inc_001_service_outage import Inputs as OutageInputs

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NAMES = Company().service_names


def healths(*down: str) -> Healths:
    return Healths(
        services=tuple(
            Health(service=name, is_healthy=name not in down, says="says 'failing' (HTTP 503)")
            for name in NAMES
        )
    )


def posts(*alerts: Alert, is_complete: bool = True) -> Posts:
    return Posts(channel="alerts", alerts=alerts, by_people=2, is_complete=is_complete, since=NOW)


def alert(source: str, says: str, is_settled: bool = False) -> Alert:
    return Alert(source=source, says=says, at=NOW, messages=1, is_settled=is_settled)


def alarm_of(name: str, state: Any) -> Alarm:
    return Alarm(name=name, state=state, since=NOW - HOUR, age=HOUR, reason="beyond")


def rates(now: float | None = 0.1) -> ErrorRates:
    first, *others = NAMES
    wrong = ErrorRate(service=first, now=now, usual=0.2)
    well = (ErrorRate(service=name, now=0.0, usual=0.1) for name in others)
    return ErrorRates(rates=(wrong, *well), as_of=NOW)


def logged(count: int) -> ErrorLines:
    return ErrorLines(
        service="x", group="/ecs/x", lines=(), count=count, is_count_complete=True, since=NOW
    )


def jobs(now: datetime = NOW, **ages: timedelta | None) -> Jobs:
    given: dict[str, timedelta | None] = {
        "ad_sync": 16 * MINUTE, "score_calculation": 34 * MINUTE, "daily_report": 2 * HOUR,
    }  # fmt: skip
    return Jobs(
        jobs=tuple(
            Job(name=name, last_success=None if age is None else now - age, age=age)
            for name, age in (given | ages).items()
        ),
        as_of=now,
    )


def vendors(**states: Any) -> VendorStatuses:
    known = {"Meta": "well", "Stripe": "well", "Auth0": "well", **states}
    told = ((name, state, "" if state == "well" else "outage") for name, state in known.items())
    return VendorStatuses(
        vendors=tuple(
            VendorStatus(vendor=name, state=state, says=says) for name, state, says in told
        )
    )


class Versioned(Meta):
    def __init__(self, left: timedelta | None, is_known: bool = True) -> None:
        self.left, self.is_known = left, is_known

    def version(self) -> GraphVersion:
        return GraphVersion(name="v26.0", is_known=self.is_known, left=self.left)


def world(**changed: Adapter) -> list[Adapter]:
    well: dict[str, Adapter] = {
        "complyai": canned(ComplyAi, healths=healths()),
        "slack": canned(Slack, posts=posts()),
        "cloudwatch": cloudwatch(),
        "logs": canned(Logs, errors=logged(3)),
        "data": canned(CompanyData, jobs=jobs()),
        "vendors": canned(StatusPages, statuses=vendors()),
        "meta": Versioned(None),
    }
    return list((well | changed).values())


def cloudwatch(alarms: Alarms | None = None, errors: ErrorRates | None = None) -> CloudWatch:
    found = alarms or Alarms(alarms=(), total=11)
    return canned(CloudWatch, alarms=found, error_rates=errors or rates())


async def rehearsed(**changed: Adapter) -> Rehearsal:
    return await rehearse(book, Inputs(), world(**changed))


async def test_on_a_good_morning_all_of_it_is_well_and_leads_nowhere() -> None:
    seen = await rehearsed()
    assert set(seen.statuses.values()) == {"ok"} and len(seen.statuses) == 7 and seen.is_over
    assert not seen.offered and not seen.commands
    assert seen.says["alerts_channel"] == (
        "No alert since Friday 18:00 UTC in #alerts; 2 messages by people"
    )


@pytest.mark.parametrize(
    ("down", "brief"), [(NAMES[:1], "complyai-core-down"), (NAMES[:2], "2-services-down")]
)
async def test_a_service_that_is_down_leads_to_an_incident_that_is_filled_in(
    down: tuple[str, ...], brief: str
) -> None:
    seen = await rehearsed(complyai=canned(ComplyAi, healths=healths(*down)))
    assert seen.statuses["service_health"] == "problem"
    assert seen.says["service_health"] == f"Not healthy: {len(down)} of 4 services"
    (hop,) = seen.offered
    assert hop.book == "RB-INC-001" and "critical" in hop.reason
    assert OutageInputs.model_validate(hop.filled) == OutageInputs(brief_desc=brief, services=down)


async def test_what_stands_of_the_nights_alerts_is_a_warning_by_source() -> None:
    night = posts(
        alert("Grafana", "HighLatency core"), alert("PagerDuty", "Triggered: core"),
        alert("PagerDuty", "Triggered: api"), alert("Sentry", "Resolved: x", is_settled=True),
    )  # fmt: skip
    seen = await rehearsed(slack=canned(Slack, posts=night))
    assert seen.statuses["alerts_channel"] == "warning"
    assert seen.says["alerts_channel"].startswith("Still standing: 3 of 4 alerts since Friday")
    settled = posts(alert("Sentry", "Resolved: x", is_settled=True))
    assert (await rehearsed(slack=canned(Slack, posts=settled))).statuses["alerts_channel"] == "ok"
    more = await rehearsed(slack=canned(Slack, posts=posts(is_complete=False)))
    assert more.statuses["alerts_channel"] == "unknown"


@pytest.mark.parametrize(
    ("now", "zone", "since"),
    [
        ("2026-11-24T07:00", "Europe/Berlin", "2026-11-23T17:00"),
        ("2026-11-23T07:00", "Europe/Berlin", "2026-11-20T17:00"),
        ("2026-11-22T07:00", "UTC", "2026-11-20T18:00"),
        ("2026-11-24T01:00", "America/New_York", "2026-11-20T23:00"),
    ],
    ids=["Tuesday", "Monday", "Sunday", "still Monday there"],
)
def test_a_night_begins_on_the_evening_of_the_last_working_day(
    now: str, zone: str, since: str
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert last_evening(moment, zone) == datetime.fromisoformat(since).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("alarms", "verdict"),
    [
        (Alarms(alarms=(alarm_of("core-5xx", "ALARM"),), total=3), "problem"),
        (Alarms(alarms=(alarm_of("export-age", "INSUFFICIENT_DATA"),), total=3), "warning"),
        (Alarms(alarms=(), total=0), "unknown"),
    ],
)
async def test_an_alarm_is_a_problem_and_one_without_data_a_warning(
    alarms: Alarms, verdict: str
) -> None:
    assert (await rehearsed(cloudwatch=cloudwatch(alarms))).statuses["alarms"] == verdict


async def test_more_errors_than_usual_are_a_problem_and_no_requests_are_not_no_errors() -> None:
    seen = await rehearsed(cloudwatch=cloudwatch(errors=rates(37.4)))
    assert seen.statuses["error_rates"] == "problem"
    assert [hop.filled["brief_desc"] for hop in seen.offered] == ["complyai-core-errors"]
    hours = tuple(
        NightHour(at=NOW - timedelta(hours=back), errors=errors, usual=0.2)
        for back, errors in ((9, 0.1), (5, 12.0), (2, 0.1))
    )
    (first, *others) = rates().rates
    night = ErrorRates(rates=(first.model_copy(update={"night": hours}), *others), as_of=NOW)
    was_bad = await rehearsed(cloudwatch=cloudwatch(errors=night))
    assert was_bad.statuses["error_rates"] == "warning"
    silent = await rehearsed(cloudwatch=cloudwatch(errors=rates(None)))
    assert silent.statuses["error_rates"] == "unknown"
    chatty = await rehearsed(logs=canned(Logs, errors=logged(100)))
    assert chatty.statuses["error_rates"] == "warning"
    unread = await rehearsed(logs=canned(Logs, errors=Refused("There is no log group")))
    assert unread.statuses["error_rates"] == "ok"


@pytest.mark.parametrize(
    ("found", "late"),
    [
        (jobs(), []),
        (jobs(ad_sync=21 * MINUTE), ["job ad_sync"]),
        (jobs(score_calculation=36 * MINUTE), ["job score_calculation"]),
        (jobs(daily_report=4 * HOUR), ["job daily_report"]),
        (jobs(daily_report=None), ["job daily_report"]),
        (jobs(NOW.replace(hour=6, minute=20), daily_report=20 * HOUR), []),
        (jobs(NOW.replace(hour=6, minute=31), daily_report=20 * HOUR), ["job daily_report"]),
        (jobs(NOW.replace(hour=4), daily_report=23 * HOUR), ["job daily_report"]),
    ],
)  # fmt: skip
async def test_a_job_is_late_by_its_own_hours(found: Jobs, late: list[str]) -> None:
    judged = await scheduled_jobs(canned(CompanyData, jobs=found), Limits())
    assert [one.name for one in judged.details["concerns"]] == late
    assert judged.verdict == ("problem" if late else "ok")


async def test_a_vendor_in_trouble_is_a_problem_and_an_unreadable_page_unknown() -> None:
    seen = await rehearsed(
        vendors=canned(StatusPages, statuses=vendors(Stripe="trouble", Auth0="unreadable"))
    )
    assert seen.statuses["vendors"] == "problem"
    assert seen.says["vendors"] == "In trouble: Stripe; cannot be read: Auth0"
    odd = await rehearsed(vendors=canned(StatusPages, statuses=vendors(Auth0="unreadable")))
    assert odd.statuses["vendors"] == "unknown"


@pytest.mark.parametrize(
    ("meta", "verdict"),
    [
        (Versioned(timedelta(days=90)), "ok"),
        (Versioned(timedelta(days=89)), "warning"),
        (Versioned(timedelta(days=-1)), "problem"),
        (Versioned(None, is_known=False), "unknown"),
    ],
)
def test_a_version_that_ends_within_a_quarter_is_a_warning(meta: Meta, verdict: str) -> None:
    assert graph_version(meta, Limits()).verdict == verdict


async def test_what_cannot_be_read_is_unknown_and_keeps_nothing_else_from_being_looked_at() -> (
    None
):
    seen = await rehearsed(
        slack=canned(Slack, posts=Refused("The bot is in no channel #alerts")),
        data=canned(CompanyData, jobs=Unreachable("The database did not answer")),
        cloudwatch=canned(CloudWatch, alarms=Unreachable("no"), error_rates=Unreachable("no")),
    )
    unknown = {key for key, status in seen.statuses.items() if status == "unknown"}
    assert unknown == {"alerts_channel", "scheduled_jobs", "alarms", "error_rates"}
    assert seen.is_over
