"""
What ECS knows: task definitions, services, their deployments and tasks.

Only data, and questions about it. Times are seconds since the epoch.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.aws.wire import ACCOUNT, REGION

ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
MOST_EVENTS = 100

#: How the containers of an image do.
Behaviour = Literal[
    "well",
    "crashes",  # the process ends while it starts
    "cannot_pull",  # the image cannot be had
    "unhealthy",  # it runs and fails the load balancer's health checks
    "errors",  # it runs, passes its health checks, and answers 5xx
]
TaskStatus = Literal["PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING", "STOPPED"]
TargetState = Literal["", "initial", "healthy", "unhealthy", "draining"]
ServiceDeploymentStatus = Literal[
    "IN_PROGRESS",
    "SUCCESSFUL",
    "STOPPED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
]
Rollout = Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
STARTING = ("PROVISIONING", "PENDING")


@dataclass
class TaskDefinition:
    """`content` is what was registered, as it is given back."""

    family: str
    revision: int
    content: dict[str, Any]
    registered_at: float
    registered_by: str
    tags: list[dict[str, str]] = field(default_factory=list)
    status: str = "ACTIVE"
    deregistered_at: float | None = None

    @property
    def name(self) -> str:
        return f"{self.family}:{self.revision}"

    @property
    def arn(self) -> str:
        return f"{ARN}:task-definition/{self.name}"

    @property
    def container(self) -> dict[str, Any]:
        first: dict[str, Any] = self.content["containerDefinitions"][0]
        return first

    @property
    def image(self) -> str:
        return str(self.container["image"])

    @property
    def version(self) -> str:
        """The image's tag."""
        repository, colon, tag = self.image.rpartition(":")
        return tag if colon and "/" not in tag and repository else "latest"


@dataclass
class Task:
    id: str
    cluster: str
    deployment: str  #: Id of the deployment that started it; of another, what it is startedBy.
    definition: TaskDefinition
    address: str
    zone: str
    created_at: float
    status: TaskStatus = "PROVISIONING"
    target: TargetState = ""  #: What the load balancer says of it.
    behaviour: Behaviour = "well"  #: Of its image, when it was started.
    started_at: float | None = None
    healthy_since: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    group: str = ""
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"{ARN}:task/{self.cluster}/{self.id}"

    @property
    def is_live(self) -> bool:
        """ECS counts it, or is about to."""
        return self.status not in ("DEACTIVATING", "STOPPED")

    @property
    def is_running(self) -> bool:
        return self.status == "RUNNING"

    @property
    def is_healthy(self) -> bool:
        return self.is_running and self.healthy_since is not None


@dataclass
class Deployment:
    """One of the deployments that describe_services lists: PRIMARY is what is wanted now."""

    id: str
    definition: TaskDefinition
    revision: str  #: ARN of the service revision.
    created_at: float
    updated_at: float
    status: Literal["PRIMARY", "ACTIVE"] = "PRIMARY"
    rollout: Rollout = "IN_PROGRESS"
    reason: str = ""
    failed: int = 0
    next_start: float = 0.0  #: No task is started before: ECS waits longer after each failure.


@dataclass
class ServiceDeployment:
    """
    An entry of the record that list_service_deployments gives. A roll-back by the circuit breaker
    belongs to the entry of what failed.
    """

    id: str
    deployment: str  #: Id of the deployment that carries it out.
    target: str  #: ARN of the service revision.
    sources: list[str]
    created_at: float
    started_at: float
    updated_at: float
    desired: int
    status: ServiceDeploymentStatus = "IN_PROGRESS"
    reason: str = ""
    finished_at: float | None = None
    stopped_at: float | None = None
    failures: int = 0
    is_tripped: bool = False  #: By the circuit breaker.
    rolled_back_to: str = ""  #: ARN of a service revision.
    rolled_back_at: float | None = None


@dataclass
class Revision:
    arn: str
    definition: TaskDefinition
    digest: str
    created_at: float


@dataclass
class Service:
    cluster: str
    name: str
    desired: int
    created_at: float
    created_by: str
    load_balancers: list[dict[str, Any]]
    network: dict[str, Any]
    configuration: dict[str, Any]  #: deploymentConfiguration.
    tags: list[dict[str, str]] = field(default_factory=list)
    status: str = "ACTIVE"
    deployments: list[Deployment] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    record: list[ServiceDeployment] = field(default_factory=list)  #: Newest first.
    revisions: dict[str, Revision] = field(default_factory=dict)
    grace_s: int = 0  #: For so long failed health checks of a new task do not count.
    token: str = ""  #: The client token it was created with.
    was_steady: bool = False

    @property
    def arn(self) -> str:
        return f"{ARN}:service/{self.cluster}/{self.name}"

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    @property
    def target_groups(self) -> list[str]:
        return [one["targetGroupArn"] for one in self.load_balancers if "targetGroupArn" in one]

    @property
    def breaks(self) -> bool:
        """It has a deployment circuit breaker."""
        return bool(self.configuration.get("deploymentCircuitBreaker", {}).get("enable"))

    @property
    def rolls_back(self) -> bool:
        return bool(self.configuration.get("deploymentCircuitBreaker", {}).get("rollback"))

    @property
    def most(self) -> int:
        """Tasks there may be during a deployment; rounded down, as ECS does."""
        return self.desired * int(self.configuration["maximumPercent"]) // 100

    @property
    def least(self) -> int:
        """Healthy tasks there must be during a deployment; rounded up, as ECS does."""
        return -(-self.desired * int(self.configuration["minimumHealthyPercent"]) // 100)

    def live(self, deployment: Deployment | None = None) -> list[Task]:
        return [
            task
            for task in self.tasks
            if task.is_live and (deployment is None or task.deployment == deployment.id)
        ]

    def healthy(self, deployment: Deployment | None = None) -> list[Task]:
        return [task for task in self.live(deployment) if task.is_healthy]

    def running(self, deployment: Deployment | None = None) -> list[Task]:
        return [task for task in self.live(deployment) if task.is_running]

    def current(self, deployment_id: str) -> Deployment | None:
        return next((one for one in self.deployments if one.id == deployment_id), None)
