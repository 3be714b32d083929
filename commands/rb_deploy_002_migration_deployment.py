"""RB-DEPLOY-002: Database Migration Deployment."""

from collections.abc import Sequence

from pydantic import Field

from adapters.cloudwatch import CloudWatch, NoRequests, Response
from adapters.complyai import ComplyAi, Healths
from adapters.ecs import Ecs, RestartService
from adapters.migrations import Migrations
from adapters.parameters import Parameter, Parameters, SetParameter
from bot.runbook import (
    Company,
    Done,
    Facts,
    Found,
    Nothing,
    Plan,
    Run,
    Runbook,
    RunbookInputs,
    Thresholds,
    Watched,
)
from bot.runbook.durations import minutes
from bot.runbook.words import not_yet, nothing, ok, plan, problem, warning
from commands import rb_db_001_schema_migration as rb_db_001
from commands import rb_deploy_001_standard_deployment as rb_deploy_001

ON, OFF = "on", "off"


class Limits(Thresholds):
    worse_by: float = 2.0  #: Times the errors, or the response time, of the hour before.
    answers: int = 10  #: Of /health that are asked for.


class Inputs(RunbookInputs):
    service: str = Field(
        title="Service", pattern=r"^[A-Za-z0-9_-]{1,255}$", description="as ECS has it"
    )
    version: str = Field(
        title="Version",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
        description="the image's tag, which has the migrations and works on both schemas",
    )
    revision: str | None = Field(
        title="Target revision",
        default=None,
        pattern=rb_db_001.REVISION,
        description="by its id; none given: it is chosen from what the image has",
    )
    flag: str | None = Field(
        title="Feature flag, if there is one",
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,60}$",
        description="its name; the service reads its parameter, which is on or off",
    )


class OnSchema(Facts):
    """How the service answers, and where the schema stands meanwhile."""

    stands: str
    answers: Healths


book = Runbook(
    id="RB-DEPLOY-002",
    title="Database Migration Deployment",
    severity="P2",
    category="Deployment",
    inputs=Inputs,
    thresholds=Limits,
)


@book.choices("service")
async def existing_services(ecs: Ecs) -> Sequence[str]:
    return await ecs.names()


steps = book.section("Steps")


@steps.check("Migration flag is disabled")
async def flag(
    inputs: Inputs, company: Company, parameters: Parameters
) -> Found[Parameter] | Nothing:
    if not inputs.flag:
        return nothing("This migration has no feature flag")
    found = await parameters.get(company.flag_prefix + inputs.flag)
    if found.value is None:
        return problem(f"There is no parameter {found.name}, so nothing reads it", found)
    if found.value != OFF:
        return problem(f"{found.name} is {found.value}, and is to be {OFF} before", found)
    return ok(f"{found.name} is {OFF}", found)


@steps.include(rb_deploy_001.book, "Deploy with migration flag disabled")
def deploy(inputs: Inputs) -> rb_deploy_001.Inputs:
    return rb_deploy_001.Inputs(service=inputs.service, version=inputs.version)


@steps.check("Verify application works with old schema")
async def works_with_old_schema(
    run: Run, inputs: Inputs, limits: Limits, complyai: ComplyAi, migrations: Migrations
) -> Found[OnSchema]:
    """Every answer: of a mixed fleet one task may be well and the next not."""
    stands = (await migrations.standing(run)).stands
    answers = await complyai.answers(inputs.service, limits.answers)
    return _judged(OnSchema(stands=stands, answers=answers), inputs.version)


@steps.include(rb_db_001.book, "Run migration (see RB-DB-001)")
def migration(inputs: Inputs) -> rb_db_001.Inputs:
    return rb_db_001.Inputs(service=inputs.service, revision=inputs.revision)


@steps.action("Deploy with migration flag enabled (if feature-flagged)")
async def enable(
    run: Run,
    inputs: Inputs,
    limits: Limits,
    flag: Parameter,
    works_with_old_schema: OnSchema,
    migrations: Migrations,
    complyai: ComplyAi,
    ecs: Ecs,
) -> Plan[SetParameter | RestartService] | Nothing:
    """The flag first, for tasks read it when they start. Not without the new schema."""
    switch = flag.set_to(ON)
    stands = (await migrations.standing(run)).stands
    answers = await complyai.answers(inputs.service, limits.answers)
    if switch is None:
        return nothing(f"{flag.name} is {flag.value or 'not there'}")
    if stands == works_with_old_schema.stands:
        return nothing(f"The schema is still at {stands}: the flag stays {OFF}")
    if answers.down:
        return nothing(f"On the new schema {answers.troubles}: the flag stays {OFF}")
    return plan(
        switch,
        await _restart(ecs, inputs.service),
        because=f"{inputs.service} {inputs.version} works on the schema at {stands}",
        beware="Every task of the service is replaced, a few at a time, and reads the flag",
    )


@steps.watch("Monitor", every=minutes(1), lasting=minutes(15), until="problem")
async def monitor(
    inputs: Inputs,
    limits: Limits,
    enable: Done[SetParameter | RestartService],
    cloudwatch: CloudWatch,
) -> Watched[Response]:
    """Since the flag was on, beside the hour before it."""
    try:
        found = await cloudwatch.response(inputs.service, enable.at)
    except NoRequests as error:
        return not_yet(str(error))
    says = f"{found}, since {enable.at:%H:%M} UTC as of {found.as_of:%H:%M} UTC"
    if found.is_worse(limits.worse_by):
        return problem(f"Worse than before: {says}. Set the flag back", found, plot=found.plot())
    if found.p95_before is None:
        return warning(f"There is nothing to compare it with: {says}", found, plot=found.plot())
    return ok(f"No worse than before: {says}", found, plot=found.plot())


rollback = book.section("Rollback", standby=True)


@rollback.action("Set the flag back", suggested_by=monitor)
async def disable(
    inputs: Inputs, company: Company, parameters: Parameters, ecs: Ecs
) -> Plan[SetParameter | RestartService] | Nothing:
    if not inputs.flag:
        return nothing("This migration has no feature flag")
    now = await parameters.get(company.flag_prefix + inputs.flag)
    switch = now.set_to(OFF)
    if switch is None:
        return nothing(f"{now.name} is {now.value}")
    return plan(
        switch,
        await _restart(ecs, inputs.service),
        because=f"{now.name} is {now.value}",
        beware="Every task of the service is replaced. The schema stays: the version works on it",
    )


@rollback.check("The flag is off, and the application works", proves=disable)
async def back(
    run: Run,
    inputs: Inputs,
    limits: Limits,
    disable: Done[SetParameter | RestartService],
    complyai: ComplyAi,
    migrations: Migrations,
) -> Found[OnSchema]:
    stands = (await migrations.standing(run)).stands
    answers = await complyai.answers(inputs.service, limits.answers)
    return _judged(OnSchema(stands=stands, answers=answers), inputs.version)


async def _restart(ecs: Ecs, name: str) -> RestartService:
    (service,) = (await ecs.services([name])).services
    return RestartService(
        cluster=service.cluster,
        service=service.name,
        task_definition=service.task_definition,
        replacing=service.deployment_id,
    )


def _judged(found: OnSchema, version: str) -> Found[OnSchema]:
    answers, count = found.answers, len(found.answers.services)
    right = sum(one.is_healthy and one.version == version for one in answers.services)
    where = f"with the schema at {found.stands}"
    if answers.down:
        return problem(f"Not healthy {where}: {answers.troubles}", found, table=answers.table())
    if right < count:
        says = f"{right} of {count} answers say {version}, all are healthy {where}"
        return problem(says, found, table=answers.table())
    return ok(f"All {count} answers say {version} and are healthy {where}", found)
