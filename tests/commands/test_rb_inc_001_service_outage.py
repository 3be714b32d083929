"""RB-INC-001 without Slack, AWS or a database: facts in, verdicts and commands out."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from adapters.complyai import ComplyAi, Health, Healths
from adapters.ecs import Deployment, Deployments, Ecs, Service, Services
from adapters.load_balancer import LoadBalancer, Targets
from adapters.pager import OnCall, Pager
from adapters.parameters import Parameter, Parameters
from adapters.postgres import Connectivity, Postgres
from adapters.postgres_calls import Cause
from adapters.rds import Database, Rds
from adapters.status_pages import StatusPages, VendorStatus, VendorStatuses
from bot.engine.rehearsal import Rehearsal, canned, rehearse
from bot.runbook import Adapter, Company, Nothing, Person
from bot.runbook.durations import hours, seconds
from bot.runbook.errors import Unreachable
from commands.rb_inc_001_service_outage import (
    Inputs,
    Limits,
    book,
    database_connectivity,
    fail_over,
    recent_deployments,
    roll_back,
)
from tests.hostile import MALICE

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
INPUTS = Inputs(brief_desc="api-5xx", services=("complyai-api",))
COMMANDER = {"commander": Person(user_id="U2")}
ON_CALL = OnCall(person=Person(user_id="U2"), name="Ravi")
ANSWERS = Connectivity(
    answered_in=seconds(0.01), in_recovery=False, connections=61, max_connections=400
)


def services(running: int) -> Services:
    one = Service(cluster="production", name="complyai-api", desired=2, running=running)
    return Services(services=(one,), as_of=NOW)


def healths(is_healthy: bool) -> Healths:
    says = "healthy" if is_healthy else "says 'failing' (HTTP 503)"
    return Healths(services=(Health(service="complyai-api", is_healthy=is_healthy, says=says),))


HOUR = hours(1)


def deployments(age: timedelta = HOUR, last_good: str | None = "api:41") -> Deployments:
    newest = Deployment(
        cluster="production",
        service="complyai-api",
        task_definition="api:42",
        image="complyai-api:1.8.0",
        started_at=NOW - age,
        age=age,
        deployed_by="ci",
        rollout="completed",
        is_current=True,
        circuit_breaker=False,
        last_good=last_good,
        no_last_good_because="" if last_good else "no other version ever ran well",
    )
    return Deployments(newest=(newest,), as_of=NOW)


def vendors(**states: str) -> VendorStatuses:
    known = {"Meta": "well", "Stripe": "well", "Auth0": "well", **states}
    return VendorStatuses(
        vendors=tuple(
            VendorStatus(vendor=name, state=state, says="" if state == "well" else "outage")  # type: ignore[arg-type]
            for name, state in known.items()
        )
    )


def outage(**changed: Adapter) -> list[Adapter]:
    """A bad deployment of complyai-api, cured by what is done about it."""
    world = {
        "ecs": canned(
            Ecs,
            services=[services(1), services(1), services(2)],
            deployments=deployments(),
        ),
        "load_balancer": canned(LoadBalancer, targets=Targets(services=())),
        "complyai": canned(ComplyAi, healths=[healths(False), healths(False), healths(True)]),
        "postgres": canned(Postgres, connectivity=ANSWERS),
        "pager": canned(Pager, on_call=ON_CALL),
        "vendors": canned(StatusPages, statuses=vendors()),
        **changed,
    }
    return list(world.values())


async def rehearsed(systems: list[Adapter], *picks: str) -> Rehearsal:
    return await rehearse(book, INPUTS, systems, answers=COMMANDER, picks=picks)


async def test_the_channel_is_named_after_the_day_and_the_description() -> None:
    seen = await rehearsed(outage())
    assert seen.commands["create_channel"] == ["create #incident-20261123-api-5xx, invite U1 U2"]


async def test_a_bad_deploy_is_rolled_back_and_proved_by_watching_the_recovery() -> None:
    seen = await rehearsed(outage(), "roll_back")
    assert seen.order[:3] == ["create_channel", "commander", "page_on_call"]
    assert seen.order[7:9] == ["roll_back", "recovered"]
    assert seen.statuses["recovered"] == "ok"
    assert seen.commands["roll_back"] == [
        "aws ecs update-service --cluster production --service complyai-api"
        " --task-definition api:41"
    ]
    assert seen.people == {"roll_back": 1}
    assert seen.is_over


async def test_diagnosis_does_not_wait_for_somebody_to_take_the_lead() -> None:
    seen = await rehearse(book, INPUTS, outage())
    assert seen.statuses["commander"] == "nothing"
    assert seen.statuses["recent_deployments"] == "problem"
    assert "U1" not in seen.says["commander"]
    assert seen.is_over


async def test_only_what_a_check_found_wrong_is_suggested() -> None:
    assert (await rehearsed(outage())).suggested == ["roll_back"]


async def test_a_service_that_is_gone_leads_to_making_it_anew() -> None:
    gone = Service(cluster="production", name="complyai-api", exists=False)
    none = Services(services=(gone,), as_of=NOW)
    seen = await rehearsed(outage(ecs=canned(Ecs, services=none, deployments=deployments())))
    (hop,) = seen.offered
    assert (hop.book, hop.filled) == ("RB-REC-002", {"service": "complyai-api"})


async def test_whoever_is_engaged_is_not_paged() -> None:
    engaged = OnCall(is_engaged=True, says="Ravi acknowledged it")
    seen = await rehearsed(outage(pager=canned(Pager, on_call=engaged)))
    assert seen.statuses["page_on_call"] == "nothing"


async def test_a_database_that_does_not_answer_suggests_failing_over_and_a_restore() -> None:
    silent = Connectivity(answered_in=None, error="it does not accept connections")
    seen = await rehearsed(outage(postgres=canned(Postgres, connectivity=silent)))
    assert seen.suggested == ["roll_back", "fail_over"]
    assert [hop.book for hop in seen.offered] == ["RB-REC-001"]


@pytest.mark.parametrize(
    ("cause", "books"),
    [
        ("refused", ["RB-REC-001"]),
        ("timed out", ["RB-REC-001"]),
        ("too many connections", ["RB-INC-003"]),
        ("starting", []),
        ("authentication", []),
    ],
)
async def test_a_database_that_only_takes_no_more_clients_is_not_restored(
    cause: Cause, books: list[str]
) -> None:
    silent = Connectivity(answered_in=None, error="no", cause=cause)
    found = await database_connectivity(canned(Postgres, connectivity=silent), Limits())
    assert [hop.book for hop in found.details.get("next_hops", ())] == books


async def test_a_database_in_recovery_is_a_problem_however_quickly_it_answers() -> None:
    reader = ANSWERS.model_copy(update={"in_recovery": True})
    found = await database_connectivity(canned(Postgres, connectivity=reader), Limits())
    assert found.verdict == "problem"


async def test_a_slow_database_leads_to_the_performance_runbook() -> None:
    slow = ANSWERS.model_copy(update={"answered_in": seconds(3)})
    found = await database_connectivity(canned(Postgres, connectivity=slow), Limits())
    assert found.verdict == "warning"
    assert [hop.book for hop in found.details["next_hops"]] == ["RB-INC-003"]


async def test_a_status_page_that_cannot_be_read_is_unknown_and_its_siblings_go_on() -> None:
    seen = await rehearsed(
        outage(vendors=canned(StatusPages, statuses=vendors(Auth0="unreadable")))
    )
    assert seen.statuses["external_dependencies"] == "unknown"
    assert seen.statuses["database_connectivity"] == "ok"


async def test_what_raises_is_unknown_and_never_ok() -> None:
    down = canned(Ecs, services=Unreachable("AWS does not answer"), deployments=deployments())
    seen = await rehearsed(outage(ecs=down))
    assert seen.statuses["affected_services"] == "unknown"
    assert seen.says["affected_services"] == "AWS does not answer"


async def test_a_deployment_is_a_suspect_for_as_long_as_settings_say() -> None:
    ecs = canned(Ecs, deployments=deployments(age=hours(3)))
    company = Company()
    assert (await recent_deployments(INPUTS, company, Limits(), ecs)).verdict == "ok"
    longer = Limits(suspect_if_younger_than=hours(6))
    assert (await recent_deployments(INPUTS, company, longer, ecs)).verdict == "problem"


def test_without_a_good_version_there_is_nothing_to_roll_back_to_and_it_says_why() -> None:
    planned = roll_back(deployments(last_good=None), Limits())
    assert isinstance(planned, Nothing)
    assert "no other version ever ran well" in planned.reason


async def test_without_a_replica_there_is_nothing_to_fail_over_to() -> None:
    alone = Database(
        name="complyai-prod",
        resource_id="db-1",
        kind="single",
        engine="postgres 16.4",
        status="available",
        instance_class="db.r6g.large",
        writer="complyai-prod",
        zone="us-east-1a",
        as_of=NOW,
    )
    planned = await fail_over(Company(), canned(Rds, database=alone))
    assert isinstance(planned, Nothing)


async def test_an_opened_circuit_can_be_closed_again() -> None:
    down = canned(StatusPages, statuses=vendors(Stripe="trouble"))
    circuit = canned(Parameters, get=Parameter(name="/complyai/circuit/stripe", value="closed"))
    systems = [*outage(vendors=down), circuit]
    seen = await rehearsed(systems, "open_circuits", "open_circuits.undo")
    assert seen.commands["open_circuits.undo"] == [
        "aws ssm put-parameter --overwrite --name /complyai/circuit/stripe --value closed"
    ]


async def test_every_finding_that_is_not_ok_becomes_a_ticket() -> None:
    seen = await rehearsed(outage(vendors=canned(StatusPages, statuses=vendors(Meta="trouble"))))
    tickets = seen.commands["create_tickets"]
    assert len(tickets) == 3
    assert any("external dependencies" in ticket for ticket in tickets)


async def test_the_post_mortem_is_led_by_the_commander_within_two_days() -> None:
    seen = await rehearsed(outage())
    assert seen.commands["schedule_post_mortem"] == [
        "schedule 'Post-mortem api-5xx' at 2026-11-23 14:00 UTC, 60 min"
    ]


@pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
def test_nothing_but_a_name_is_taken_for_a_service_or_a_channel(malice: str) -> None:
    harmless = re.fullmatch("[A-Za-z0-9_-]+", malice) and len(malice) <= 255
    if not harmless:
        with pytest.raises(ValidationError):
            Inputs(brief_desc="api-5xx", services=(malice,))
    with pytest.raises(ValidationError):
        Inputs(brief_desc=malice)
