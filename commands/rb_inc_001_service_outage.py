"""RB-INC-001: Service Outage."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from adapters.calendar import ScheduleMeeting, meeting_time
from adapters.complyai import ComplyAi, Healths
from adapters.ecs import Deployment, Deployments, Ecs, Services, UpdateService
from adapters.load_balancer import LoadBalancer
from adapters.pager import Page, Pager
from adapters.parameters import Parameters, SetParameter
from adapters.postgres import Connectivity, Postgres
from adapters.postgres_calls import Cause
from adapters.rds import FailOver, Rds, RebootWithFailover
from adapters.slack import CreateChannel, PostTimeline
from adapters.status_pages import StatusPages, VendorStatuses
from adapters.tickets import CreateTicket
from bot.runbook import (
    Company,
    Done,
    Findings,
    Found,
    NextHop,
    Nothing,
    Person,
    Plan,
    Question,
    Run,
    Runbook,
    RunbookInputs,
    Thresholds,
    Watched,
)
from bot.runbook.durations import hours, minutes, seconds
from bot.runbook.showing import duration_text
from bot.runbook.words import not_yet, nothing, ok, plan, problem, question, unknown, warning

POST_MORTEM_WITHIN = hours(48)
PREPARATION = hours(4)  #: Before it, for those who write it up.


class Limits(Thresholds):
    suspect_if_younger_than: timedelta = hours(2)  #: A deployment.
    slow_answer: timedelta = seconds(1)  #: Of SELECT 1.
    connections_share: float = 0.9  #: Of the most that the database takes.
    replica_lag: timedelta = seconds(30)


#: As ECS has them. A live menu offers those that exist; this holds also when ECS cannot be read.
ServiceName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,255}$", description="letters, digits, - and _"),
]


class Inputs(RunbookInputs):
    brief_desc: str = Field(
        title="Brief description",
        description="3 to 40 lowercase letters, digits and dashes: it becomes the channel's name",
        pattern=r"^[a-z0-9-]{3,40}$",
    )
    services: tuple[ServiceName, ...] = Field(
        title="Services", default=(), description="none chosen: all of them"
    )
    severity: Literal["P1", "P2"] = Field(title="Severity", default="P1")

    def affected(self, company: Company) -> Sequence[str]:
        return self.services or company.service_names


book = Runbook(
    id="RB-INC-001",
    title="Service Outage",
    severity="P1/P2",
    category="Incident",
    when=("Health check failures", "User reports of errors", "Spike in 5xx responses"),
    inputs=Inputs,
    thresholds=Limits,
)
slow_database = book.next_hop("RB-INC-003", "The database answers, but slowly")
lost_database = book.next_hop("RB-REC-001", "The database is gone")
lost_service = book.next_hop("RB-REC-002", "A service is gone", fills=("service",))
limited_by_meta = book.next_hop("RB-INT-001", "If it is Meta that limits us")


@book.choices("services")
async def existing_services(ecs: Ecs) -> Sequence[str]:
    return await ecs.names()


immediate = book.section("Immediate Actions", holds=False)


@immediate.action(
    "Create incident channel: #incident-YYYYMMDD-brief-desc",
    unattended="opens a channel of our own and touches nothing else",
)
async def create_channel(run: Run, inputs: Inputs, pager: Pager) -> Plan[CreateChannel]:
    on_call = (await pager.on_call(run)).person
    return plan(
        CreateChannel(
            name=f"incident-{run.started_at:%Y%m%d}-{inputs.brief_desc}",
            run=run.id,
            since=run.started_at,
            topic=f"{inputs.severity} {inputs.brief_desc}",
            purpose=f"Service outage: {inputs.brief_desc}",
            invite=(run.started_by, *([on_call.user_id] if on_call else [])),
        )
    )


@immediate.ask("Assign Incident Commander (IC)", meanwhile=True)
async def commander(run: Run, pager: Pager) -> Question[Person]:
    on_call = await pager.on_call(run)
    return question(Person, "Who leads this incident?", proposed=on_call.person)


@immediate.action(
    "Page on-call if not already engaged", unattended="paging is never wrong in an outage"
)
async def page_on_call(run: Run, inputs: Inputs, pager: Pager) -> Plan[Page] | Nothing:
    on_call = await pager.on_call(run, inputs.services)
    if on_call.is_engaged:
        return nothing(f"On-call is engaged already: {on_call.says}")
    message = f"{inputs.severity} Service Outage: {inputs.brief_desc}"
    return plan(Page(run=run.id, since=run.started_at, message=message, services=inputs.services))


diagnosis = book.section("Diagnosis Steps", together=True)


@diagnosis.check("Check which services are affected")
async def affected_services(
    inputs: Inputs, company: Company, ecs: Ecs, load_balancer: LoadBalancer, complyai: ComplyAi
) -> Found[Services]:
    services = await ecs.services(inputs.affected(company))
    targets = await load_balancer.targets(services.target_groups)
    health = await complyai.healths(inputs.affected(company))
    troubles = "; ".join(filter(None, (services.troubles, targets.troubles, health.troubles)))
    if troubles:
        gone = [service for service in services.services if not service.exists]
        hops = tuple(lost_service(service=one.name) for one in gone)
        return problem(troubles, services, table=services.table(), next_hops=hops)
    return ok(
        f"All {len(services.services)} run the tasks they want, are healthy behind the load"
        " balancer and say so themselves",
        services,
        table=services.table(),
    )


@diagnosis.check("Check recent deployments")
async def recent_deployments(
    inputs: Inputs, company: Company, limits: Limits, ecs: Ecs
) -> Found[Deployments]:
    deployments = await ecs.deployments(inputs.affected(company), newest=5)
    suspects = deployments.suspects(limits.suspect_if_younger_than)
    if suspects:
        return problem(_say(suspects), deployments, table=deployments.table())
    if deployments.taken_back:
        names = ", ".join(one.service for one in deployments.taken_back)
        return warning(
            f"ECS has taken back the last deployment of {names} by itself",
            deployments,
            table=deployments.table(),
        )
    if deployments.missing:
        return unknown(f"There is no service {', '.join(deployments.missing)}")
    return ok("No recent deployment", deployments, table=deployments.table())


@diagnosis.check("Check database connectivity")
async def database_connectivity(postgres: Postgres, limits: Limits) -> Found[Connectivity]:
    answer = await postgres.connectivity()
    if answer.answered_in is None:
        return problem(answer.says(), answer, next_hops=_after_silence(answer.cause))
    if answer.in_recovery is None:
        return problem(answer.says(), answer)
    if answer.in_recovery:
        return problem(f"What should be the writer is in recovery; {answer.says()}", answer)
    if answer.share_of_connections >= limits.connections_share:
        return problem(f"Hardly a connection is left; {answer.says()}", answer)
    if answer.answered_in > limits.slow_answer:
        return warning(f"Slow: {answer.says()}", answer, next_hops=(slow_database(),))
    if answer.replica_lag is not None and answer.replica_lag > limits.replica_lag:
        return warning(f"The replica is behind; {answer.says()}", answer)
    return ok(answer.says(), answer)


@diagnosis.check("Check external dependencies: Meta API, Stripe API, Auth0")
async def external_dependencies(status_pages: StatusPages) -> Found[VendorStatuses]:
    vendors = await status_pages.statuses()
    if vendors.down:
        hops = (limited_by_meta(),) if "Meta" in vendors.down else ()
        return problem(vendors.troubles, vendors, table=vendors.table(), next_hops=hops)
    if vendors.unreadable:
        return unknown(vendors.troubles, table=vendors.table())
    return ok("Meta, Stripe and Auth0 report no trouble", vendors, table=vendors.table())


def _after_silence(cause: Cause) -> tuple[NextHop, ...]:
    """A database that is full, starting or does not know us is not lost."""
    if cause == "too many connections":
        return (slow_database(),)
    return () if cause in ("starting", "authentication") else (lost_database(),)


def _say(suspects: Sequence[Deployment]) -> str:
    return "; ".join(
        f"{one.service}: {one.task_definition} ({one.image}) deployed {duration_text(one.age)} ago"
        f" by {one.deployed_by}, {one.rollout},"
        f" circuit breaker {'on' if one.circuit_breaker else 'off'}"
        for one in suspects
    )


recovery = book.section("Recovery Actions", pick=True)


@recovery.action(
    "If deployment issue: roll back to previous task definition", suggested_by=recent_deployments
)
def roll_back(recent_deployments: Deployments, limits: Limits) -> Plan[UpdateService] | Nothing:
    suspects = recent_deployments.suspects(limits.suspect_if_younger_than)
    moves = [move for suspect in suspects if (move := suspect.to_last_good())]
    why_not = "; ".join(
        f"{s.service}: {s.no_last_good_because or 'ECS rolls back by itself'}" for s in suspects
    )
    return plan(
        *moves,
        because=_say(suspects),
        beware="Every task of the service is replaced, a few at a time",
        if_none=f"Nothing to roll back to. {why_not}",
    )


@recovery.action(
    "If database issue: failover to replica if available", suggested_by=database_connectivity
)
async def fail_over(company: Company, rds: Rds) -> Plan[FailOver | RebootWithFailover] | Nothing:
    database = await rds.database(company.database)
    move = database.fail_over()
    if move is None:
        return nothing(f"There is nothing to fail over to: {database.no_failover_because}")
    return plan(
        move,
        because=f"{database.writer} is the writer of {database.name} ({database.status})",
        beware="Writes fail for about a minute, and open connections are cut",
    )


@recovery.action(
    "If external dependency: enable circuit breaker, serve cached/degraded",
    suggested_by=external_dependencies,
)
async def open_circuits(
    external_dependencies: VendorStatuses, company: Company, parameters: Parameters
) -> Plan[SetParameter] | Nothing:
    breakers = [
        await parameters.get(company.circuit_of(vendor)) for vendor in external_dependencies.down
    ]
    absent = [breaker.name for breaker in breakers if breaker.value is None]
    return plan(
        *(move for breaker in breakers if (move := breaker.set_to("open"))),
        because=external_dependencies.troubles,
        beware="The services answer from their cache, or without what the vendor gives",
        if_none=f"There is no parameter {', '.join(absent)}"
        if absent
        else "Every circuit that should be open is open",
    )


@recovery.watch(
    "Watch recovery",
    every=seconds(15),
    lasting=minutes(15),
    until="ok",
    proves=(roll_back, fail_over, open_circuits),
)
async def recovered(
    inputs: Inputs, company: Company, ecs: Ecs, complyai: ComplyAi, postgres: Postgres
) -> Watched[Healths]:
    health = await complyai.healths(inputs.affected(company))
    services = await ecs.services(inputs.affected(company))
    database = await postgres.connectivity()
    writes = database.in_recovery is False
    silent = "" if writes else f"the database is not writable: {database.says()}"
    waiting_for = "; ".join(filter(None, (services.troubles, health.troubles, silent)))
    if waiting_for:
        well = sum(one.is_healthy for one in health.services) / max(1, len(health.services))
        return not_yet(f"Not well yet: {waiting_for}", health, progress=well)
    return ok(
        f"All {len(health.services)} services are healthy and the database takes writes",
        health,
        table=health.table(),
    )


afterwards = book.section("Post-Incident")


@afterwards.action("Document timeline in incident channel", unattended="posts in our own channel")
def document_timeline(run: Run) -> Plan[PostTimeline]:
    return plan(PostTimeline(run=run.id))


@afterwards.action("Schedule post-mortem within 48 hours", unattended="our own calendar")
def schedule_post_mortem(
    run: Run,
    inputs: Inputs,
    company: Company,
    commander: Person | None,
    document_timeline: Done[PostTimeline] | None,
) -> Plan[ScheduleMeeting]:
    over_at = document_timeline.at if document_timeline else run.started_at
    latest = over_at + POST_MORTEM_WITHIN
    return plan(
        ScheduleMeeting(
            run=run.id,
            since=run.started_at,
            title=f"Post-mortem {inputs.brief_desc}",
            starts_at=meeting_time(over_at + PREPARATION, latest, company.time_zone),
            owner=commander or Person(user_id=run.started_by),
            agenda=f"What happened, and what would have made it shorter? Run {run.id}",
        )
    )


@afterwards.action("Create follow-up tickets for improvements", unattended="our own tickets")
def create_tickets(run: Run, inputs: Inputs, findings: Findings) -> Plan[CreateTicket]:
    wrong = [
        (f"{key.replace('_', ' ')}: {found.summary}", f"Found as {found.verdict}.")
        for key, found in findings.worst_first()
        if found.verdict != "ok"
    ]
    wanted = wrong or [("what would have made this shorter?", "Every check was well in the end.")]
    return plan(
        *(
            CreateTicket(
                run=run.id,
                number=number,
                since=run.started_at,
                title=f"{inputs.brief_desc}: {title}",
                text=f"{text} Run {run.id} of {book.id} {book.title}.",
            )
            for number, (title, text) in enumerate(wanted, start=1)
        )
    )
