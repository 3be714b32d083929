"""
What a service is made of anew: what was known of it, a task definition with another image, and the
service itself with its target group, which cannot be given to it later.
"""

import asyncio
import hashlib
import json
from typing import cast

from adapters.aws_calls import Answer, AwsCalls
from adapters.aws_errors import NotThere
from adapters.ecs.history import PRIVATE_ECR, primary_of, short_name
from adapters.ecs.making import (
    FROM_TAG,
    RUN_TAG,
    CreateService,
    Definitions,
    LastKnown,
    RegisterTaskDefinition,
    Status,
)
from adapters.ecs.rolling import newest_active, with_image
from adapters.plain import plain
from bot.runbook import Adapter, Key, Seen, pair
from bot.runbook.errors import Refused

READS: tuple[str, ...] = (
    "ecs:ListServices",
    "ecs:DescribeServices",
    "ecs:ListTaskDefinitions",
    "ecs:DescribeTaskDefinition",
)
#: What ECS itself adds to what was registered.
OF_ECS = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)
MOST_SERVICES, AT_ONCE, MOST_SEEN = 100, 10, 5


class NewServices(Adapter):
    def __init__(self, calls: AwsCalls, cluster: str) -> None:
        self._calls, self._cluster = calls, cluster

    async def networks(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Subnets and security groups that the cluster's services use."""
        pages = await self._calls.read_pages(
            "ecs", "list_services", "serviceArns", MOST_SERVICES, cluster=self._cluster
        )
        names = [short_name(arn) for arn in pages.items]
        answers = await asyncio.gather(
            *(
                self._describe(names[start : start + AT_ONCE])
                for start in range(0, len(names), AT_ONCE)
            )
        )
        used = [_network(one) for answer in answers for one in answer["services"]]
        subnets = {one for network in used for one in network.get("subnets", [])}
        groups = {one for network in used for one in network.get("securityGroups", [])}
        return tuple(sorted(subnets)), tuple(sorted(groups))

    async def last_known(self, service: str) -> LastKnown:
        """Also of a service that was deleted, for as long as ECS knows it."""
        answer = await self._describe([service])
        for one in answer["services"]:
            return _last_known(self._cluster, service, one)
        return LastKnown(cluster=self._cluster, service=service, status="MISSING")

    async def definitions(
        self, service: str, version: str, digest: str, last: LastKnown
    ) -> Definitions:
        """Of the service's family, which is called as it is where nothing is known of it."""
        family = last.task_definition.rpartition(":")[0] or service
        names = await newest_active(self._calls, family)
        existing = await with_image(self._calls, family, service, version, digest)
        template = existing or next(iter(names), None) or last.task_definition or None
        bare = Definitions(family=family, image=f"{service}:{version}", existing=existing)
        if template is None:
            return bare
        content = await self._content(template)
        container = _container_of(content, service)
        if container is None:
            return bare
        image = _with_tag(container["image"], version)
        return bare.model_copy(
            update={
                "template": template,
                "newest": next(iter(names), None),
                "image": image,
                "content": _hash(content),
                "container": container["name"],
                "port": next((p["containerPort"] for p in container.get("portMappings", [])), 0),
                "differs": () if existing else (("image", container["image"], image),),
                "stale": () if existing else _stale(container),
            }
        )

    async def _see_registered(self, change: RegisterTaskDefinition) -> Seen:
        names = await newest_active(self._calls, change.family)
        for name in names[:MOST_SEEN]:
            answer = await self._calls.read(
                "ecs", "describe_task_definition", taskDefinition=name, include=["TAGS"]
            )
            tags = {one["key"]: one["value"] for one in answer.get("tags", [])}
            images = [one["image"] for one in answer["taskDefinition"]["containerDefinitions"]]
            if tags.get(RUN_TAG) == change.run and change.image in images:
                return Seen("applied", f"{name} has {change.image}")
        if _hash(await self._content(change.template)) != change.content:
            return Seen("drifted", f"{change.template} is not what it was")
        return Seen("before", f"{change.family} has no revision of this run")

    async def _register(self, change: RegisterTaskDefinition, key: Key) -> None:
        content = await self._content(change.template)
        if _hash(content) != change.content:
            raise Refused(f"{change.template} is not what it was. Nothing was registered.")
        for one in content["containerDefinitions"]:
            if one["name"] == change.container:
                one["image"] = change.image
        tags = {RUN_TAG: change.run, FROM_TAG: change.template}
        await self._calls.write(
            "ecs",
            "register_task_definition",
            **content,
            tags=[{"key": name, "value": value} for name, value in tags.items()],
        )

    async def _see_created(self, change: CreateService) -> Seen:
        answer = await self._describe([change.service])
        for one in answer["services"]:
            tags = {tag["key"]: tag["value"] for tag in one.get("tags", [])}
            runs = short_name(one["taskDefinition"])
            says = f"{change.service} is {one['status']} with {runs}"
            if one["status"] == "DRAINING":
                return Seen("drifted", f"{says}: its name is free once its last task has ended")
            if one["status"] == "ACTIVE":
                is_ours = tags.get(RUN_TAG) == change.run and runs == change.task_definition
                return Seen("applied" if is_ours else "drifted", says)
        return Seen("before", f"There is no service {change.service}")

    async def _create(self, change: CreateService, key: Key) -> None:
        await self._calls.write("ecs", "create_service", **change.params(key))

    alters = (
        pair(
            RegisterTaskDefinition,
            observe=_see_registered,
            apply=_register,
            permissions=("ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"),
        ),
        pair(
            CreateService,
            observe=_see_created,
            apply=_create,
            permissions=("ecs:CreateService", "ecs:TagResource", "iam:PassRole"),
        ),
    )

    async def _describe(self, names: list[str]) -> Answer:
        return await self._calls.read(
            "ecs", "describe_services", cluster=self._cluster, services=names, include=["TAGS"]
        )

    async def _content(self, name: str) -> Answer:
        """What was registered, without what ECS adds. Raises Refused when it is gone."""
        try:
            answer = await self._calls.read("ecs", "describe_task_definition", taskDefinition=name)
        except NotThere:
            raise Refused(f"{name} is gone: nothing can be made from it") from None
        found = answer["taskDefinition"]
        return {key: value for key, value in found.items() if key not in OF_ECS}


def _last_known(cluster: str, service: str, one: Answer) -> LastKnown:
    network, primary = _network(one), primary_of(one) or {}
    runs = primary.get("taskDefinition") or one.get("taskDefinition", "")
    return LastKnown(
        cluster=cluster,
        service=service,
        status=cast(Status, one["status"]),
        task_definition=short_name(runs),
        deployment_id=primary.get("id", ""),
        desired=one["desiredCount"],
        running=one["runningCount"],
        subnets=tuple(network.get("subnets", [])),
        security_groups=tuple(network.get("securityGroups", [])),
        public_ip=network.get("assignPublicIp") == "ENABLED",
        target_groups=tuple(
            balancer["targetGroupArn"]
            for balancer in one.get("loadBalancers", [])
            if "targetGroupArn" in balancer
        ),
    )


def _network(service: Answer) -> Answer:
    found: Answer = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    return found


def _container_of(content: Answer, repository: str) -> Answer | None:
    """The one with the service's image; else the only one."""
    containers: list[Answer] = content["containerDefinitions"]
    for one in containers:
        image = PRIVATE_ECR.fullmatch(one["image"])
        if image and image["repository"] == repository:
            return one
    return containers[0] if len(containers) == 1 else None


def _with_tag(image: str, version: str) -> str:
    """Plain, for it is shown and typed into a command."""
    bare = image.split("@")[0]
    place, colon, tag = bare.rpartition(":")
    return plain(f"{place if colon and '/' not in tag else bare}:{version}", 400)


def _stale(container: Answer) -> tuple[str, ...]:
    tag = container["image"].rpartition(":")[2]
    variables = container.get("environment", [])
    return tuple(plain(one["name"], 80) for one in variables if one.get("value") == tag)


def _hash(content: Answer) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
