"""
Changes that make a service anew, and what is known before: the service as it was, and which task
definition has an image or which one it could be made from.
"""

import shlex
from typing import Any, Literal

from adapters.ecs.changes import ScaleService, UpdateService
from bot.runbook import CHANGE, DESTROY, Change, Facts, Key, Table

Status = Literal["ACTIVE", "DRAINING", "INACTIVE", "MISSING"]
RUN_TAG, FROM_TAG = "runbook-run", "runbook-from"
#: For jq: the image of one container, and without what ECS says of a definition by itself.
WITH_IMAGE = (
    "(.containerDefinitions[] | select(.name == $container).image) = $image"
    " | del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities,"
    " .registeredAt, .registeredBy)"
)
GRACE_S = 60  #: For so long failed health checks of a new task do not count.
DEPLOYMENT = {
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
}


class RegisterTaskDefinition(Change):
    """
    Register a task definition like another, with another image. Nothing runs it by that, so it is
    not taken back. `replacing`: the family's newest active revision.
    """

    effect = CHANGE

    run: str
    template: str  #: Family and revision; of any state.
    content: str  #: What the template was when this was planned, as a hash.
    container: str
    image: str

    def target(self) -> str:
        return f"ecs/task-definition/{self.family}"

    @property
    def family(self) -> str:
        return self.template.rpartition(":")[0]

    def command(self) -> str:
        template, container, image = map(shlex.quote, (self.template, self.container, self.image))
        return (
            f"aws ecs describe-task-definition --task-definition {template} --query taskDefinition"
            f" | jq --arg container {container} --arg image {image} {shlex.quote(WITH_IMAGE)}"
            " | aws ecs register-task-definition --cli-input-json file:///dev/stdin"
        )

    def then(self) -> str:
        return f"{self.family} has a revision of this run with {self.image}"


class CreateService(Change):
    """Create a service, or again one that was deleted. ECS takes one token for one service."""

    effect = DESTROY
    repeatable = True

    cluster: str
    service: str
    run: str
    task_definition: str  #: Family and revision.
    desired: int
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    public_ip: bool = False
    target_group: str = ""  #: An ARN; empty: it is behind no load balancer.
    container: str = ""
    port: int = 0  #: Of the container, where the target group sends requests.

    def target(self) -> str:
        return f"ecs/{self.cluster}/{self.service}"

    def command(self) -> str:
        groups = ",".join(self.security_groups)
        ip = "ENABLED" if self.public_ip else "DISABLED"
        network = (
            f"awsvpcConfiguration={{subnets=[{','.join(self.subnets)}],"
            f"securityGroups=[{groups}],assignPublicIp={ip}}}"
        )
        return shlex.join(
            (
                *("aws", "ecs", "create-service", "--cluster", self.cluster),
                *("--service-name", self.service, "--task-definition", self.task_definition),
                *("--desired-count", str(self.desired), "--launch-type", "FARGATE"),
                *("--network-configuration", network),
                *(("--load-balancers", self._balancing()) if self.target_group else ()),
                *(("--health-check-grace-period-seconds", str(GRACE_S)) if self._waits else ()),
            )
        )

    def then(self) -> str:
        return f"{self.service} is there and wants {self.desired} tasks of {self.task_definition}"

    @property
    def _waits(self) -> bool:
        """ECS takes a grace period only for what is behind a load balancer."""
        return bool(self.target_group)

    def _balancing(self) -> str:
        return (
            f"targetGroupArn={self.target_group},containerName={self.container},"
            f"containerPort={self.port}"
        )

    def params(self, key: Key) -> dict[str, Any]:
        network = {
            "subnets": list(self.subnets),
            "securityGroups": list(self.security_groups),
            "assignPublicIp": "ENABLED" if self.public_ip else "DISABLED",
        }
        balancing = {
            "targetGroupArn": self.target_group,
            "containerName": self.container,
            "containerPort": self.port,
        }
        behind = {"loadBalancers": [balancing], "healthCheckGracePeriodSeconds": GRACE_S}
        return {
            "cluster": self.cluster,
            "serviceName": self.service,
            "taskDefinition": self.task_definition,
            "desiredCount": self.desired,
            "launchType": "FARGATE",
            "clientToken": key,
            "networkConfiguration": {"awsvpcConfiguration": network},
            "deploymentConfiguration": DEPLOYMENT,
            "tags": [{"key": RUN_TAG, "value": self.run}],
            **(behind if self.target_group else {}),
        }


class LastKnown(Facts):
    """What ECS still says of a service. It forgets deleted ones after a while."""

    cluster: str
    service: str
    status: Status
    task_definition: str = ""  #: Family and revision.
    deployment_id: str = ""
    desired: int = 0
    running: int = 0
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    public_ip: bool = False
    target_groups: tuple[str, ...] = ()  #: ARNs.

    def moves(
        self, task_definition: str, desired: int
    ) -> tuple[UpdateService | ScaleService, ...]:
        """What an active one lacks."""
        of = {"cluster": self.cluster, "service": self.service}
        moves: list[UpdateService | ScaleService] = []
        if self.task_definition != task_definition:
            moves.append(
                UpdateService(
                    **of,
                    task_definition=task_definition,
                    replacing=self.task_definition,
                    deployment_id=self.deployment_id,
                )
            )
        if self.desired != desired:
            moves.append(ScaleService(**of, desired=desired, replacing=str(self.desired)))
        return tuple(moves)


class Definitions(Facts):
    """Which task definition has an image, or which one it could be made from."""

    family: str
    image: str  #: As a task definition names it.
    existing: str | None = None  #: The newest active one with that image.
    template: str | None = None  #: What one would be made from: the newest active, or the last.
    newest: str | None = None  #: The family's newest active one.
    content: str = ""  #: The template's, as a hash.
    container: str = ""  #: The one with the service's image.
    port: int = 0  #: On which it listens; 0: on none.
    differs: tuple[tuple[str, str, str], ...] = ()  #: What, in the template, and in the new one.
    stale: tuple[str, ...] = ()  #: Variables that say the template's version, and go on to.

    @property
    def short_image(self) -> str:
        """Without its registry."""
        return self.image.rsplit("/", 1)[-1]

    def register(self, run: str) -> RegisterTaskDefinition | None:
        """None: one exists, or there is nothing to make it from."""
        if self.existing or self.template is None:
            return None
        return RegisterTaskDefinition(
            run=run,
            template=self.template,
            content=self.content,
            container=self.container,
            image=self.image,
            replacing=self.newest,
        )

    def table(self) -> Table:
        return Table(("What", str(self.template), "The new one"), self.differs)
