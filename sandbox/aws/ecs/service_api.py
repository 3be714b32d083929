"""ECS's operations on services and their deployments."""

from collections.abc import Callable, Mapping

from sandbox.aws.ecs import shapes
from sandbox.aws.ecs.cloud import EcsCloud, last
from sandbox.aws.ecs.state import ARN, Service
from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.wire import ACCOUNT, Answer, AwsError, Params

MOST_SERVICES, MOST_RECORDS = 10, 20
ROLLING: Mapping[str, object] = {"maximumPercent": 200, "minimumHealthyPercent": 100}
CREATED_BY = f"arn:aws:iam::{ACCOUNT}:role/deployer"
NO_BREAKER = {"enable": False, "rollback": False}


class ServiceApi:
    def __init__(
        self, cloud: EcsCloud, is_attached: Callable[[str], bool] = lambda group: True
    ) -> None:
        """`is_attached`: whether a target group, by its ARN, hangs on a load balancer."""
        self._cloud, self._is_attached = cloud, is_attached
        self.operations: dict[str, Handler] = {
            "CreateService": self.create_service,
            "UpdateService": self._update_service,
            "DeleteService": self.delete_service,
            "DescribeServices": self._describe_services,
            "ListServices": self._list_services,
            "ListServiceDeployments": self._list_service_deployments,
            "DescribeServiceDeployments": self._describe_service_deployments,
            "DescribeServiceRevisions": self._describe_service_revisions,
        }

    def create_service(self, params: Params) -> Answer:
        cluster, name = last(params.get("cluster", "default")), params["serviceName"]
        self._cloud.check_cluster(cluster)
        definition = self._cloud.definition(params["taskDefinition"])
        existing = self._cloud.services.get((cluster, name))
        token = params.get("clientToken", "")
        if existing and existing.status == "ACTIVE":
            if token and token == existing.token:
                return {"service": shapes.service(existing, with_tags=True)}
            raise _invalid("Creation of service was not idempotent.")
        if existing and existing.status == "DRAINING":
            raise _invalid("Unable to Start a service that is still Draining.")
        if definition.status != "ACTIVE":
            raise AwsError("ClientException", "TaskDefinition is inactive")
        for one in params.get("loadBalancers", []):
            if not self._is_attached(one["targetGroupArn"]):
                raise _invalid(
                    f"The target group with targetGroupArn {one['targetGroupArn']} does not have"
                    " an associated load balancer."
                )
        created = Service(
            cluster=cluster,
            name=name,
            desired=int(params.get("desiredCount", 1)),
            created_at=self._cloud.timeline.now,
            created_by=CREATED_BY,
            load_balancers=params.get("loadBalancers", []),
            grace_s=int(params.get("healthCheckGracePeriodSeconds", 0)),
            network=params.get("networkConfiguration", {}),
            configuration=_configuration(params),
            tags=params.get("tags", []),
            token=token,
        )
        self._cloud.services[cluster, name] = created
        self._cloud.rollouts.deploy(created, definition)
        return {"service": shapes.service(created, with_tags=True)}

    def _update_service(self, params: Params) -> Answer:
        service = self._cloud.service(params.get("cluster", "default"), params["service"])
        if service.status != "ACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        definition = service.primary.definition
        if "taskDefinition" in params:
            definition = self._cloud.definition(params["taskDefinition"])
            if definition.status != "ACTIVE":
                raise AwsError("ClientException", "TaskDefinition is inactive")
        if "deploymentConfiguration" in params:
            service.configuration = _configuration(params, service.configuration)
        if "desiredCount" in params:
            self._cloud.rollouts.scale(service, int(params["desiredCount"]))
        if definition is not service.primary.definition or params.get("forceNewDeployment"):
            self._cloud.rollouts.deploy(service, definition)
        return {"service": shapes.service(service, with_tags=True)}

    def delete_service(self, params: Params) -> Answer:
        service = self._cloud.service(params.get("cluster", "default"), params["service"])
        if service.desired and not params.get("force"):
            raise _invalid("The service cannot be stopped while it is scaled above 0.")
        self._cloud.rollouts.scale(service, 0)
        service.status = "DRAINING"
        self._drain(service)
        return {"service": shapes.service(service, with_tags=True)}

    def _drain(self, service: Service) -> None:
        """It is gone once the last of its tasks has ended."""
        if all(task.status == "STOPPED" for task in service.tasks):
            service.status = "INACTIVE"
        else:
            self._cloud.timeline.after(1.0, lambda: self._drain(service))

    def _describe_services(self, params: Params) -> Answer:
        cluster = last(params.get("cluster", "default"))
        self._cloud.check_cluster(cluster)
        names = [last(name) for name in params["services"]]
        if not names or len(names) > MOST_SERVICES:
            raise _invalid("Services cannot be empty or more than 10.")
        with_tags = "TAGS" in params.get("include", [])
        found = {name: self._cloud.services.get((cluster, name)) for name in names}
        return {
            "services": [shapes.service(one, with_tags) for one in found.values() if one],
            "failures": [
                {"arn": f"{ARN}:service/{cluster}/{name}", "reason": "MISSING"}
                for name, one in found.items()
                if not one
            ],
        }

    def _list_services(self, params: Params) -> Answer:
        cluster = last(params.get("cluster", "default"))
        self._cloud.check_cluster(cluster)
        arns = [
            one.arn
            for one in self._cloud.services.values()
            if one.cluster == cluster and one.status == "ACTIVE"
        ]
        return page("serviceArns", arns, params, "nextToken", params.get("maxResults", 10))

    def _list_service_deployments(self, params: Params) -> Answer:
        service = self._cloud.service(params.get("cluster", "default"), params["service"])
        wanted = params.get("status", [])
        briefs = [
            shapes.service_deployment_brief(service, one)
            for one in service.record
            if not wanted or one.status in wanted
        ]
        return page(
            "serviceDeployments", briefs, params, "nextToken", params.get("maxResults", 20)
        )

    def _describe_service_deployments(self, params: Params) -> Answer:
        found = {
            shapes.deployment_arn(service, one): shapes.service_deployment(service, one)
            for service in self._cloud.services.values()
            for one in service.record
        }
        return _described(found, params["serviceDeploymentArns"], "serviceDeployments")

    def _describe_service_revisions(self, params: Params) -> Answer:
        found = {
            one.arn: shapes.service_revision(service, one)
            for service in self._cloud.services.values()
            for one in service.revisions.values()
        }
        return _described(found, params["serviceRevisionArns"], "serviceRevisions")


def _described(found: Mapping[str, Answer], arns: list[str], name: str) -> Answer:
    if not arns or len(arns) > MOST_RECORDS:
        raise _invalid(f"{name} cannot be empty or more than {MOST_RECORDS}.")
    return {
        name: [found[arn] for arn in arns if arn in found],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in found],
    }


def _configuration(params: Params, now: Mapping[str, object] = ROLLING) -> dict[str, object]:
    given = params.get("deploymentConfiguration", {})
    return {"deploymentCircuitBreaker": NO_BREAKER, **now, "strategy": "ROLLING", **given}


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
