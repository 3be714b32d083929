"""RB-DEPLOY-001: Standard Service Deployment."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from adapters.cloudwatch import CloudWatch, NoRequests, Response
from adapters.complyai import ComplyAi, Healths
from adapters.ecr import Ecr, Image
from adapters.ecs import (
    BeginUpdate,
    Deployments,
    Ecs,
    Registered,
    RollingDeployment,
    UpdateService,
)
from adapters.slack import Posts, Slack
from bot.runbook import (
    Company,
    Done,
    Found,
    Nothing,
    Plan,
    Run,
    Runbook,
    RunbookInputs,
    Thresholds,
    Todo,
    Watched,
)
from bot.runbook.durations import minutes, seconds
from bot.runbook.showing import duration_text
from bot.runbook.words import not_yet, nothing, ok, plan, problem, todo, unknown, warning


class Limits(Thresholds):
    worse_by: float = 2.0  #: Times the errors, or the response time, of the hour before.
    answers: int = 10  #: Of /health that are asked for their version.
    failed_tasks: int = 3  #: Of a deployment without circuit breaker, which never fails by itself.
    old_image: timedelta = timedelta(days=30)


class Inputs(RunbookInputs):
    service: str = Field(
        title="Service",
        pattern=r"^[A-Za-z0-9_-]{1,255}$",
        description="as ECS has it",
    )
    version: str = Field(
        title="Version",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
        description="the image's tag, and what /health reports",
    )


book = Runbook(
    id="RB-DEPLOY-001",
    title="Standard Service Deployment",
    severity="P3",
    category="Deployment",
    inputs=Inputs,
    thresholds=Limits,
)
lost_service = book.next_hop("RB-REC-002", "There is no such service", fills=("service",))


@book.choices("service")
async def existing_services(ecs: Ecs) -> Sequence[str]:
    return await ecs.names()


steps = book.section("Steps")


@steps.confirm("Merge PR to main branch")
def merged(inputs: Inputs) -> Todo:
    return todo(
        f"Is the pull request of {inputs.service} {inputs.version} merged to the main branch?"
    )


@steps.check("CI/CD automatically: runs tests, builds Docker image, pushes to ECR")
async def image(inputs: Inputs, limits: Limits, ecr: Ecr) -> Found[Image]:
    """A pipeline pushes what has passed its tests."""
    built = await ecr.image(inputs.service, inputs.version)
    named = f"{inputs.service}:{inputs.version}"
    if built.digest is None:
        newest = ", ".join(await ecr.newest(inputs.service)) or "none"
        return problem(
            f"ECR has no image {named}, so its pipeline is not done, or has failed. The newest"
            f" tags of {inputs.service} are: {newest}",
            built,
        )
    says = f"{named} was pushed {duration_text(built.age)} ago, {built.digest[:19]}"
    if built.critical_findings:
        return warning(f"{built.critical_findings} critical findings of its scan; {says}", built)
    if built.critical_findings is None:
        return warning(f"It was not scanned; {says}", built)
    if built.age > limits.old_image:
        return warning(f"An old image: {says}", built)
    return ok(f"{says}, no critical finding", built)


@steps.check("CI/CD automatically: updates ECS task definition")
async def registered(inputs: Inputs, image: Image, ecs: Ecs) -> Found[Registered] | Nothing:
    if image.digest is None:
        return nothing("There is no image to register")
    found = await ecs.registered(inputs.service, inputs.version, image.digest)
    if not found.runs:
        return problem(
            f"There is no service {inputs.service}",
            found,
            next_hops=(lost_service(service=inputs.service),),
        )
    if found.task_definition is None:
        return problem(
            f"None of the newest task definitions has {inputs.service}:{inputs.version}: the"
            " pipeline has not registered it",
            found,
        )
    if found.task_definition == found.runs:
        return ok(f"{found.runs}, which the pipeline is rolling out or has rolled out", found)
    before = await ecs.newest_rollout(inputs.service, found.task_definition)
    if before.is_reversed:
        return problem(
            f"ECS has taken {found.task_definition} back already: {before.reason}", found
        )
    return ok(f"{found.task_definition}; {found.runs} is what {inputs.service} runs now", found)


@steps.action("CI/CD automatically: triggers rolling deployment. If it has not: trigger it")
def roll_out(inputs: Inputs, registered: Registered) -> Plan[BeginUpdate] | Nothing:
    move = registered.roll_out()
    if registered.task_definition is None:
        return nothing("There is no task definition to roll out")
    if move is None:
        return nothing(f"The pipeline has begun it: {registered.runs} is to run already")
    return plan(
        move,
        because=f"The pipeline has registered {inputs.service} {inputs.version} and has not begun"
        " to roll it out",
        beware="Every task of the service is replaced, a few at a time",
    )


@steps.check("The rolling deployment has begun")
async def began(registered: Registered, ecs: Ecs) -> Found[RollingDeployment] | Nothing:
    """From here on it is followed by its own id, whatever else is deployed."""
    if registered.task_definition is None:
        return nothing("There is no task definition to roll out")
    found = await ecs.newest_rollout(registered.service, registered.task_definition)
    if found.started_at is None:
        return problem(f"ECS has no deployment of {registered.task_definition}", found)
    return ok(
        f"{found.task_definition} since {found.started_at:%H:%M:%S} UTC: {found.says()}", found
    )


@steps.watch("Monitor deployment", every=seconds(10), lasting=minutes(30), until="ok")
async def deployment(
    began: RollingDeployment, limits: Limits, ecs: Ecs
) -> Watched[RollingDeployment]:
    return _judged(await ecs.rollout(began), limits)


@steps.check("Verify new version")
async def new_version(inputs: Inputs, limits: Limits, complyai: ComplyAi) -> Found[Healths]:
    """Each answer may be another task's, so a mixed fleet shows as a share."""
    answers = await complyai.answers(inputs.service, limits.answers)
    count = len(answers.services)
    right = sum(one.is_healthy and one.version == inputs.version for one in answers.services)
    if answers.down:
        return problem(
            f"{sum(one.is_healthy for one in answers.services)} of {count} answers are healthy:"
            f" {answers.troubles}",
            answers,
            table=answers.table(),
        )
    if not answers.versions:
        return unknown(f"/health of {inputs.service} does not say which version answers")
    if right < count:
        return problem(
            f"{right} of {count} answers say {inputs.version}: {_shares(answers)}",
            answers,
            table=answers.table(),
        )
    return ok(f"All {count} answers say {inputs.version} and are healthy", answers)


monitoring = book.section("Monitor for 15 minutes", together=True, holds=True)


@monitoring.watch(
    "Error rates and response times", every=minutes(1), lasting=minutes(15), until="problem"
)
async def response(
    inputs: Inputs,
    run: Run,
    limits: Limits,
    began: RollingDeployment | None,
    cloudwatch: CloudWatch,
) -> Watched[Response]:
    """Since the deployment began, beside the hour before it."""
    since = _since(began, run)
    try:
        found = await cloudwatch.response(inputs.service, since)
    except NoRequests as error:
        return not_yet(str(error))
    says = f"{found}, since {since:%H:%M} UTC as of {found.as_of:%H:%M} UTC"
    if found.is_worse(limits.worse_by):
        return problem(f"Worse than before: {says}. Roll back", found, plot=found.plot())
    if found.p95_before is None:
        return warning(f"There is nothing to compare it with: {says}", found, plot=found.plot())
    return ok(f"No worse than before: {says}", found, plot=found.plot())


@monitoring.watch("User reports", every=minutes(5), lasting=minutes(15), until="problem")
async def user_reports(run: Run, company: Company, slack: Slack) -> Watched[Posts]:
    posts = await slack.posts(company.support_channel, run.started_at)
    where = f"in #{posts.channel} since {run.started_at:%H:%M} UTC"
    if not posts.is_complete:
        return unknown(f"More was posted {where} than is read: look at it yourself")
    count = posts.by_people + sum(one.messages for one in posts.alerts)
    if count:
        says = f"{count} messages {where}: are they about this deployment?"
        return warning(says, posts, table=posts.table())
    return ok(f"Nobody has reported anything {where}", posts)


rollback = book.section("Rollback", standby=True)


@rollback.check("Get previous task definition")
async def previous(inputs: Inputs, ecs: Ecs) -> Found[Deployments]:
    found = await ecs.deployments([inputs.service], newest=5)
    for now in found.current:
        if now.rolling_back_by_itself:
            says = f"ECS rolls {inputs.service} back by itself, to {now.task_definition}"
            return warning(says, found, table=found.table())
        if now.last_good:
            says = f"{now.last_good} ({now.last_good_image}) was the last to run well before"
            return ok(f"{says} {now.task_definition}", found, table=found.table())
        why = f"{now.task_definition}: {now.no_last_good_because}"
        return problem(f"Nothing to roll back to. {why}", found, table=found.table())
    return problem(f"ECS does not say what {inputs.service} is meant to run", found)


@rollback.action("Roll back to previous", suggested_by=(deployment, new_version, response))
def roll_back(
    previous: Deployments, registered: Registered | None
) -> Plan[UpdateService] | Nothing:
    if not previous.current:
        return nothing("It is not known what the service is meant to run")
    (now,) = previous.current
    deployed = registered.task_definition if registered else None
    if now.rolling_back_by_itself:
        return nothing(f"ECS rolls back to {now.task_definition} by itself: wait for it")
    if deployed not in (None, now.task_definition):
        return nothing(
            f"{now.service} is meant to run {now.task_definition} by now and not {deployed},"
            " so there is nothing of this run to roll back"
        )
    move = now.to_last_good()
    return plan(
        *([move] if move else []),
        because=f"{now.task_definition} ({now.image}) is to be taken back to {now.last_good}"
        f" ({now.last_good_image}), which ran well before",
        beware="Every task of the service is replaced, a few at a time. A pipeline that deploys"
        " meanwhile wins: stop it first",
        if_none=f"Nothing to roll back to: {now.no_last_good_because}",
    )


@rollback.watch(
    "The previous version is back",
    every=seconds(10),
    lasting=minutes(30),
    until="ok",
    proves=roll_back,
)
async def back(
    roll_back: Done[UpdateService], limits: Limits, ecs: Ecs, complyai: ComplyAi
) -> Watched[RollingDeployment]:
    move = roll_back.only
    now = await ecs.newest_rollout(move.service, move.task_definition)
    if not now.is_complete:
        return _judged(now, limits)
    health = await complyai.healths([move.service])
    if health.down:
        return not_yet(f"{now.says()}, but {health.troubles}", now)
    return ok(f"{now.says()}, and {move.service} says that it is healthy", now)


def _judged(now: RollingDeployment, limits: Limits) -> Watched[RollingDeployment]:
    """A deployment by its own fate, and not by whether the service is stable."""
    table = now.table()
    if not now.arn:
        return not_yet(f"ECS has no deployment of {now.task_definition} yet", now)
    if now.replaced_by:
        return problem(
            f"A deployment of {now.replaced_by} has taken its place: {now.says()}."
            f" {now.reason}".rstrip(),
            now,
            table=table,
        )
    if now.is_reversed:
        at_it = "rolls it back" if now.rollout == "rolling back" else "has rolled it back"
        return problem(f"ECS {at_it} by itself. {now.reason} {now.says()}", now, table=table)
    if now.rollout in ("failed", "stopped"):
        return problem(f"It has {now.rollout}. {now.reason} {now.says()}", now, table=table)
    if now.is_complete:
        return ok(f"Completed: {now.says()}", now, table=table)
    if now.failed >= limits.failed_tasks and not now.trips_at:
        says = f"{now.says()}. No circuit breaker is on: ECS would go on trying for ever"
        return problem(says, now, table=table)
    return not_yet(now.says(), now, progress=now.share)


def _since(began: RollingDeployment | None, run: Run) -> datetime:
    return began.started_at if began and began.started_at else run.started_at


def _shares(answers: Healths) -> str:
    counted = Counter(one.version or "no version" for one in answers.services)
    return ", ".join(f"{count} say {version}" for version, count in counted.most_common())
