"""The parts of the world, put together: what one of them needs of another it is given here."""

from collections.abc import Callable

from bot.runbook.company import Company
from sandbox.aws.cloudtrail import CloudTrail
from sandbox.aws.cloudwatch.alarms import Alarms
from sandbox.aws.ecr import REGISTRY, Registry
from sandbox.aws.ecs.cloud import EcsCloud
from sandbox.aws.ecs.definition_api import DefinitionApi
from sandbox.aws.ecs.one_off import OneOffs
from sandbox.aws.ecs.service_api import ServiceApi
from sandbox.aws.ecs.state import Behaviour, Service, Task, TaskDefinition
from sandbox.aws.ecs.task_api import TaskApi
from sandbox.aws.elbv2 import Balancers
from sandbox.aws.health import Health, condition
from sandbox.aws.load import LoadRecord
from sandbox.aws.logs.api import LogApi
from sandbox.aws.rds.cloud import RdsCloud
from sandbox.aws.rds.restoring import Restoring
from sandbox.aws.route53 import Zones
from sandbox.aws.ssm import Parameters
from sandbox.aws.timeline import Timeline
from sandbox.aws.wire import ACCOUNT, REGION, Params

PORT = 8000


class Parts:
    def __init__(
        self, timeline: Timeline, company: Company, writer_moved: Callable[[str, str], None]
    ) -> None:
        self.timeline, self.company = timeline, company
        self.health: dict[str, Health] = {name: Health() for name in company.service_names}
        self.registry = Registry(timeline)
        self.ecs = EcsCloud(timeline, self.registry.digest, self._note_health)
        self.service_api = ServiceApi(self.ecs, self._is_attached)
        self.definition_api = DefinitionApi(self.ecs)
        self._writer_moved = writer_moved
        self.rds = RdsCloud(timeline, self._note_writer)
        self.restoring = Restoring(self.rds)
        self.balancers = Balancers(self._targets)
        self.parameters = Parameters(timeline)
        self.load = LoadRecord()
        self.alarms = Alarms(timeline)
        self.logs = LogApi(timeline)
        self.one_offs = OneOffs(timeline, self.ecs.can_pull, self.logs.write)
        self.task_api = TaskApi(self.ecs, self.one_offs)
        self.trail = CloudTrail(timeline)
        self.dns = Zones(timeline)
        self.ecs.rollouts.crashed = self.logs.note_crash

    def service(self, name: str) -> Service:
        return self.ecs.service(self.company.cluster, name)

    def deploy(self, service: str, version: str, by: str) -> None:
        if version not in self.registry.tags(service):
            self.registry.push(service, version, {"LOW": 3, "MEDIUM": 1})
        definition = self.register(service, version, by)
        self.ecs.rollouts.deploy(self.service(service), definition)

    def build(self, service: str, how: Behaviour = "well") -> str:
        """A next version is pushed and registered, and rolled out by nobody. Which one it is."""
        version = self._next_version(service)
        self.ecs.behaviours[image(service, version)] = how
        self.registry.push(service, version, {"LOW": 3, "MEDIUM": 1})
        self.register(service, version, by="ci")
        return version

    def deploy_bad(self, service: str, how: Behaviour, version: str | None) -> str:
        if self.service(service).primary.created_at > self.timeline.now:
            raise ValueError(f"{service} was deployed after that moment")
        version = version or self._next_version(service)
        self.ecs.behaviours[image(service, version)] = how
        if how != "cannot_pull":
            self.registry.push(service, version, {"LOW": 3, "MEDIUM": 1})
        definition = self.register(service, version, by="ci")
        self.ecs.rollouts.deploy(self.service(service), definition)
        return version

    def lose_service(self, service: str) -> None:
        where = {"cluster": self.company.cluster, "service": service}
        self.service_api.delete_service({**where, "force": True})
        page = self.balancers.group_named("maintenance", PORT)
        for listener in self.balancers.listeners:
            for host, group in listener.hosts.items():
                if group.name == service:
                    listener.hosts[host] = page
        for zone in self.dns.zones:
            for record in list(zone.records.values()):
                if record["Name"].split(".")[0] == service:
                    outside = [{"Value": "203.0.113.9"}]
                    name = record["Name"]
                    zone.put({"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": outside})

    def create_service(self, service: str) -> None:
        lost = self.service(service)
        for listener in self.balancers.listeners:
            for host in listener.hosts:
                if host.split(".")[0] == service:
                    listener.hosts[host] = self.balancers.group(lost.target_groups[0])
        self.service_api.create_service(
            {
                "cluster": lost.cluster,
                "serviceName": service,
                "taskDefinition": lost.primary.definition.arn,
                "desiredCount": 2,
                "loadBalancers": lost.load_balancers,
                "networkConfiguration": lost.network,
                "deploymentConfiguration": lost.configuration,
            }
        )

    def register(self, service: str, version: str, by: str) -> TaskDefinition:
        params = definition(service, version, by)
        return self.definition_api.register(
            params, f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/{by}"
        )

    def _next_version(self, service: str) -> str:
        numbers = [
            tuple(int(part) for part in tag.split("."))
            for tag in self.registry.tags(service)
            if tag.replace(".", "").isdigit()
        ]
        *first, final = max(numbers)
        return ".".join(str(part) for part in (*first, final + 1))

    def _targets(self, group: str) -> list[Task]:
        return [
            task
            for service in self.ecs.services.values()
            if group in service.target_groups
            for task in service.tasks
        ]

    def _is_attached(self, group: str) -> bool:
        return self.balancers.balancer_of(self.balancers.group(group)) is not None

    def _note_health(self, service: Service) -> None:
        if service.cluster == self.company.cluster and service.deployments:
            health = self.health.setdefault(service.name, Health())
            health.add(self.timeline.now, condition(self.ecs, service))
            self.alarms.look()

    def _note_writer(self, old: str, new: str) -> None:
        self.load.add_writer(self.timeline.now, new)
        self._writer_moved(old, new)


def image(service: str, version: str) -> str:
    return f"{REGISTRY}/{service}:{version}"


def definition(service: str, version: str, by: str) -> Params:
    """What the company's pipeline registers."""
    logs = {
        "awslogs-group": f"/ecs/{service}",
        "awslogs-region": REGION,
        "awslogs-stream-prefix": "app",
    }
    container = {
        "name": "app",
        "image": image(service, version),
        "cpu": 512,
        "memory": 1024,
        "essential": True,
        "portMappings": [{"containerPort": PORT, "protocol": "tcp"}],
        "environment": [{"name": "VERSION", "value": version}],
        "logConfiguration": {"logDriver": "awslogs", "options": logs},
    }
    return {
        "family": service,
        "containerDefinitions": [container],
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "512",
        "memory": "1024",
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ecs-execution",
        "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{service}",
        "tags": [{"key": "deployed-by", "value": by}, {"key": "version", "value": version}],
    }
