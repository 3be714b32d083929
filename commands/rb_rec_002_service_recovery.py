"""RB-REC-002: Service Recovery from Scratch."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from adapters.complyai import ComplyAi
from adapters.dns import Dns, Record, Sync, UpsertRecord
from adapters.ecr import Ecr, Image
from adapters.ecs import (
    CreateService,
    Definitions,
    Ecs,
    LastKnown,
    NewServices,
    RegisterTaskDefinition,
    ScaleService,
    UpdateService,
)
from adapters.forwarding import Forwarding, ModifyRule, Route
from adapters.load_balancer import LoadBalancer, Targets
from bot.runbook import (
    Company,
    Done,
    Found,
    Nothing,
    Plan,
    Run,
    Runbook,
    RunbookInputs,
    Watched,
)
from bot.runbook.durations import minutes, seconds
from bot.runbook.showing import duration_text
from bot.runbook.words import not_yet, nothing, ok, plan, problem, unknown, warning

NAME = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$", description="subnet-0a1b2c3d")]
GroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$", description="sg-0a1b2c3d")]


class Inputs(RunbookInputs):
    service: str = Field(
        title="Service",
        pattern=r"^[A-Za-z0-9_-]{1,255}$",
        description="as ECS had it: letters, digits, - and _",
    )
    version: str = Field(
        title="Version",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
        description="the tag of an image in ECR",
    )
    count: int = Field(title="Tasks", default=2, ge=1, le=100)
    subnets: tuple[SubnetId, ...] = Field(
        title="Subnets", default=(), description="none chosen: those the service had"
    )
    security_groups: tuple[GroupId, ...] = Field(
        title="Security groups", default=(), description="none chosen: those the service had"
    )
    dns_name: str = Field(
        title="DNS name",
        default="",
        pattern=rf"^({NAME})?$",
        max_length=253,
        description="such as api.example.com; empty: no name is changed",
    )


book = Runbook(
    id="RB-REC-002",
    title="Service Recovery from Scratch",
    severity="P1",
    category="Recovery",
    when=("Need to rebuild a service completely",),
    inputs=Inputs,
)


@book.choices("service")
def known_services(company: Company) -> Sequence[str]:
    """What is gone is not in ECS; what the company is meant to have is in the settings."""
    return company.service_names


@book.choices("subnets")
async def used_subnets(new_services: NewServices) -> Sequence[str]:
    return (await new_services.networks())[0]


@book.choices("security_groups")
async def used_groups(new_services: NewServices) -> Sequence[str]:
    return (await new_services.networks())[1]


steps = book.section("Steps")


@steps.check("Ensure Docker image is available in ECR")
async def image(inputs: Inputs, ecr: Ecr) -> Found[Image]:
    found = await ecr.image(inputs.service, inputs.version)
    if found.digest is None:
        newest = ", ".join(await ecr.newest(inputs.service)) or "none"
        return problem(
            f"ECR has no image {inputs.service}:{inputs.version}. The newest tags of"
            f" {inputs.service} are: {newest}. Start again with one of them",
            found,
        )
    age = duration_text(found.age)
    return ok(f"{inputs.service}:{inputs.version}, pushed {age} ago, {found.digest[:19]}", found)


@steps.check("Look what ECS still knows of the service")
async def last_known(inputs: Inputs, new_services: NewServices) -> Found[LastKnown]:
    found = await new_services.last_known(inputs.service)
    if found.status == "DRAINING":
        return problem(
            f"{inputs.service} was deleted and {found.running} of its tasks still end: its name"
            " is free once the last has. Do this step again then",
            found,
        )
    if found.status == "ACTIVE":
        says = f"{inputs.service} exists, wants {found.desired} tasks and runs {found.running}"
        return warning(f"{says}: it will be updated, not made anew", found)
    lacks = [
        title
        for title, given, known in (
            ("subnets", inputs.subnets, found.subnets),
            ("security groups", inputs.security_groups, found.security_groups),
        )
        if not given and not known
    ]
    if lacks:
        return problem(
            f"ECS has forgotten {inputs.service}, so its {' and '.join(lacks)} are not known."
            " Start again and choose them",
            found,
        )
    was = f"; it ran {found.task_definition}" if found.task_definition else ""
    return ok(f"{inputs.service} is {found.status.lower()}{was}", found)


@steps.check("Create new task definition (or use existing): which there are")
async def definitions(
    inputs: Inputs, image: Image, last_known: LastKnown, new_services: NewServices
) -> Found[Definitions] | Nothing:
    if image.digest is None:
        return nothing("There is no image to run")
    found = await new_services.definitions(
        inputs.service, inputs.version, image.digest, last_known
    )
    if found.existing:
        return ok(f"{found.existing} has {found.short_image} already", found)
    if found.template is None:
        return problem(
            f"{found.family} has no task definition to make one from: register one by hand, then"
            " do this step again",
            found,
        )
    stays = f". {', '.join(found.stale)} stays as it is there" if found.stale else ""
    return ok(
        f"None has {found.short_image}; one is to be made as {found.template} is{stays}",
        found,
        table=found.table(),
    )


@steps.action("Create new task definition (or use existing)")
def register(run: Run, definitions: Definitions) -> Plan[RegisterTaskDefinition] | Nothing:
    if definitions.existing:
        return nothing(f"{definitions.existing} is used")
    move = definitions.register(run.id)
    return plan(
        *([move] if move else []),
        because=f"No task definition of {definitions.family} has {definitions.short_image};"
        f" {definitions.template} is the one to make it from, and nothing but the image differs",
        if_none="There is no task definition to make one from",
    )


@steps.check("The task definition that is to run")
async def task_definition(
    inputs: Inputs, image: Image, last_known: LastKnown, new_services: NewServices
) -> Found[Definitions]:
    found = await new_services.definitions(
        inputs.service, inputs.version, image.digest or "", last_known
    )
    if found.existing is None:
        return problem(f"No active task definition has {found.short_image}", found)
    port = f", port {found.port}" if found.port else ", which listens on no port"
    return ok(f"{found.existing}: container {found.container}{port}", found)


@steps.check("Update load balancer target group: which it is")
async def route(
    inputs: Inputs, task_definition: Definitions, last_known: LastKnown, forwarding: Forwarding
) -> Found[Route]:
    """ECS takes the target group only as the service is made."""
    found = await forwarding.route(inputs.service, last_known.target_groups, inputs.dns_name)
    if not found.target_group:
        return warning(f"{inputs.service} has no target group: it gets no requests", found)
    if task_definition.port and found.port != task_definition.port:
        return problem(
            f"Its target group is for port {found.port}, and {task_definition.container} listens"
            f" on {task_definition.port}: choose another version, or mend the target group",
            found,
        )
    if found.balancer_vpc and found.vpc != found.balancer_vpc:
        return problem(
            f"Its target group is in {found.vpc}, and the load balancer in {found.balancer_vpc}:"
            " its tasks would never be reached",
            found,
        )
    return ok(f"Port {found.port}; {found.says()}", found)


@steps.action("Update load balancer target group")
def forward(route: Route) -> Plan[ModifyRule] | Nothing:
    """Before the service is made: ECS refuses a target group that hangs on no load balancer."""
    move = route.forward()
    if not route.target_group:
        return nothing("It has no target group")
    return plan(
        *([move] if move else []),
        because=f"{route.says()}, and {route.service}'s own target group gets none",
        beware="Until the first new task is healthy these requests are answered with 503",
        if_none=_not_forwarded(route),
    )


@steps.action("Create/update ECS service")
def create(
    run: Run,
    inputs: Inputs,
    last_known: LastKnown,
    task_definition: Definitions,
    route: Route,
) -> Plan[CreateService | UpdateService | ScaleService] | Nothing:
    if task_definition.existing is None:
        return nothing("There is no task definition to run")
    if last_known.status == "ACTIVE":
        return plan(
            *last_known.moves(task_definition.existing, inputs.count),
            because=f"{inputs.service} exists; so it is made to run what it is meant to",
            beware="Every task of the service is replaced, a few at a time",
            if_none=f"{inputs.service} wants {inputs.count} tasks of {task_definition.existing}"
            " already",
        )
    behind = bool(route.target_group and task_definition.port)
    return plan(
        CreateService(
            cluster=last_known.cluster,
            service=inputs.service,
            run=run.id,
            task_definition=task_definition.existing,
            desired=inputs.count,
            subnets=inputs.subnets or last_known.subnets,
            security_groups=inputs.security_groups or last_known.security_groups,
            public_ip=last_known.public_ip,
            target_group=route.target_group if behind else "",
            container=task_definition.container if behind else "",
            port=task_definition.port if behind else 0,
        ),
        because=f"{inputs.service} does not exist ({last_known.status.lower()})",
        beware="Its tasks begin to take requests and jobs at once. Auto scaling and service"
        " discovery that it had are not made again: look at them afterwards",
    )


@steps.watch("Verify health checks passing", every=seconds(10), lasting=minutes(15), until="ok")
async def healthy(
    inputs: Inputs,
    company: Company,
    route: Route,
    ecs: Ecs,
    load_balancer: LoadBalancer,
    complyai: ComplyAi,
) -> Watched[Targets]:
    services = await ecs.services([inputs.service])
    (service,) = services.services
    groups = {inputs.service: [route.target_group] if route.target_group else []}
    targets = await load_balancer.targets(groups)
    silent = ""
    if inputs.service in company.service_names:
        silent = (await complyai.healths([inputs.service])).troubles
    waiting_for = "; ".join(filter(None, (services.troubles, targets.troubles, silent)))
    why = f" ({'; '.join(service.stopped_because)})" if service.stopped_because else ""
    if waiting_for:
        share = service.running / service.desired if service.desired else None
        return not_yet(f"Not well yet: {waiting_for}{why}", targets, progress=share)
    behind = " and are healthy behind the load balancer" if route.target_group else ""
    return ok(
        f"All {service.running} tasks of {service.task_definition} run{behind}",
        targets,
        table=targets.table(),
    )


names = book.section("DNS")


@names.check("Update DNS if needed: where the name leads")
async def record(inputs: Inputs, route: Route, dns: Dns) -> Found[Record] | Nothing:
    if not inputs.dns_name:
        return nothing("No DNS name was given")
    found = await dns.record(inputs.dns_name)
    if not found.zone:
        return problem(f"{inputs.dns_name} is in none of our zones in Route 53", found)
    if not route.balancer:
        return problem("No load balancer sends requests to the service: nowhere to lead", found)
    return ok(f"{found.says()}; the load balancer is {route.balancer}", found)


@names.action("Update DNS if needed")
def lead(record: Record, route: Route) -> Plan[UpsertRecord] | Nothing:
    if not record.zone or not route.balancer:
        return nothing("There is nothing to lead, or nowhere to")
    move = record.to_balancer(route.balancer, route.balancer_zone)
    return plan(
        *([move] if move else []),
        because=f"{record.says()}, and not to {route.balancer}",
        beware="Whoever has asked before goes where it led for as long as the old answer lives",
        if_none=record.says(),
    )


@names.watch("Every name server knows it", every=seconds(5), lasting=minutes(5), until="ok")
async def in_sync(lead: Done[UpsertRecord], dns: Dns) -> Watched[Sync]:
    found = await dns.sync(lead.only.name)
    if found.state == "INSYNC":
        return ok(f"Every name server of Route 53 knows {found.name}", found)
    if found.state == "PENDING":
        return not_yet(f"Not every name server of Route 53 knows {found.name} yet", found)
    return unknown(
        f"The record of {found.name} is as it was to be; Route 53's answer was lost, so it cannot"
        " be told whether every name server knows it. It takes a minute: look with dig"
    )


def _not_forwarded(route: Route) -> str:
    """Why there is no rule to change."""
    if route.is_forwarded:
        return route.says()
    if route.rule:
        return f"{route.says()}: change it in the console, then do this step again"
    return f"No rule is for {route.service}: make one in the console, then do this step again"
