"""For every change that makes a service anew: a world in which it is due."""

import json

from adapters.aws_calls import AwsCalls
from adapters.dns import UpsertRecord
from adapters.ecs import CreateService, NewServices, RegisterTaskDefinition
from adapters.forwarding import ModifyRule
from sandbox.box import Box
from tests.crash.cases import NUMBERS, Case, aws, calls, case
from tests.scenarios.company import credentials

FRONTEND = "complyai-frontend"
OLD, NEW = "203.0.113.9", "203.0.113.10"


@case(
    RegisterTaskDefinition,
    untold="ECS takes no token for a task definition, and each call makes another revision",
)
async def register(box: Box) -> Case:
    version = f"9.0.{next(NUMBERS)}"
    image = box.aws._parts.registry.push(FRONTEND, version)
    asking = AwsCalls("us-east-1", box.aws.endpoint_url)
    services = NewServices(asking, box.aws.company.cluster)
    with credentials(box):
        last = await services.last_known(FRONTEND)
        found = await services.definitions(FRONTEND, version, image.digest, last)
    await asking.close()
    change = found.register("")
    assert change
    family = box.aws._parts.ecs.families[FRONTEND]
    return Case(
        change,
        lambda _: sum(one.version == version for one in family),
        aws(box, "ecs", "RegisterTaskDefinition"),
    )


@case(CreateService)
async def create(box: Box) -> Case:
    service = box.aws._parts.service(FRONTEND)
    network = service.network["awsvpcConfiguration"]
    name = f"crash-{next(NUMBERS)}"
    services = box.aws._parts.ecs.services
    return Case(
        CreateService(
            cluster=service.cluster,
            service=name,
            run="",
            task_definition=service.primary.definition.name,
            desired=1,
            subnets=tuple(network["subnets"]),
            security_groups=tuple(network["securityGroups"]),
        ),
        lambda _: sum(one.name == name for one in services.values()),
        aws(box, "ecs", "CreateService"),
    )


@case(ModifyRule)
async def modify_rule(box: Box) -> Case:
    balancers = box.aws._parts.balancers
    own = next(one for one in balancers.groups if one.name == FRONTEND)
    other = balancers.group_named("maintenance", own.port)
    listener, host = next(
        (one, host) for one in balancers.listeners for host in one.hosts if FRONTEND in host
    )
    now, to = (own, other) if listener.hosts[host] is own else (other, own)
    arn = f"{listener.arn.replace(':listener/', ':listener-rule/')}/"
    rule = f"{arn}{list(listener.hosts).index(host) + 1}"
    asked = calls(box, "ModifyRule", RuleArn=rule)
    return Case(
        ModifyRule(rule=rule, host=host, target_group=to.arn, replacing=now.arn),
        lambda _: asked(),
        aws(box, "elbv2", "ModifyRule"),
    )


@case(UpsertRecord)
async def upsert(box: Box) -> Case:
    zone = box.aws._parts.dns.zones[0]
    name = f"crash-{next(NUMBERS)}.complyai.io"
    old, new = (
        {"Name": f"{name}.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": value}]}
        for value in (OLD, NEW)
    )
    zone.put(old)

    def led(_run: str) -> int:
        batches = (
            json.dumps(one.params, default=str)
            for one in box.aws.calls
            if one.operation == "ChangeResourceRecordSets"
        )
        return sum(name in one for one in batches)

    return Case(
        UpsertRecord(
            zone=zone.id,
            name=name,
            value=json.dumps(new, sort_keys=True),
            replacing=json.dumps(old, sort_keys=True),
        ),
        led,
        aws(box, "route53", "ChangeResourceRecordSets"),
    )
