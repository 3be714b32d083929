"""
ECS as the rest of the world sees it: what runs, which version, and whether it is well.

Everything here is read and changed under the timeline's lock, which callers hold.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.aws.ecs.rollout import Rollouts
from sandbox.aws.ecs.state import Behaviour, Service, TaskDefinition
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import AwsError


@dataclass(frozen=True)
class TaskState:
    desired: int
    running: int
    pending: int
    healthy: int


class EcsCloud:
    def __init__(
        self,
        timeline: Timeline,
        digest: Callable[[str], str | None],
        changed: Callable[[Service], None],
    ) -> None:
        """`digest` of an image, None when there is no such image."""
        self.timeline = timeline
        self.clusters: set[str] = set()
        self.services: dict[tuple[str, str], Service] = {}
        self.families: dict[str, list[TaskDefinition]] = {}
        self.behaviours: dict[str, Behaviour] = {}  #: By image; every other does well.
        self._digest = digest
        self.rollouts = Rollouts(timeline, self._behaviour, self.digest, changed)

    def service(self, cluster: str, name: str) -> Service:
        """By names or ARNs."""
        self.check_cluster(cluster)
        found = self.services.get((last(cluster), last(name)))
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return found

    def check_cluster(self, cluster: str) -> None:
        if last(cluster) not in self.clusters:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")

    def definition(self, name: str) -> TaskDefinition:
        """By ARN, `family:revision`, or family, which is its newest active one."""
        family, _, revision = last(name).partition(":")
        found = [
            one
            for one in self.families.get(family, [])
            if (str(one.revision) == revision if revision else one.status == "ACTIVE")
        ]
        if not found:
            raise AwsError("ClientException", "Unable to describe task definition.")
        return found[-1]

    def digest(self, image: str) -> str:
        return self._digest(image) or ""

    def state(self, service: Service) -> TaskState:
        return TaskState(
            desired=service.desired,
            running=len(service.running()),
            pending=len(service.live()) - len(service.running()),
            healthy=len(service.healthy()),
        )

    def versions(self, service: Service) -> tuple[str, ...]:
        """Of the running tasks, the oldest first: several while a deployment rolls."""
        return tuple(dict.fromkeys(task.definition.version for task in service.running()))

    def can_pull(self, image: str) -> bool:
        return self._behaviour(image) != "cannot_pull"

    def does_well(self, definition: TaskDefinition) -> bool:
        return self._behaviour(definition.image) == "well"

    def failing_share(self, service: Service) -> float:
        """Of the healthy tasks, how many answer errors: 0 to 1."""
        healthy = service.healthy()
        wrong = sum(task.behaviour == "errors" for task in healthy)
        return wrong / len(healthy) if healthy else 0.0

    def _behaviour(self, image: str) -> Behaviour:
        if self._digest(image) is None:
            return "cannot_pull"
        return self.behaviours.get(image, "well")


def last(name: str) -> str:
    """The last part of an ARN, or the name itself."""
    return name.rsplit("/", 1)[-1]
