"""ECS's operations on clusters, task definitions and tags."""

from sandbox.aws.ecs import shapes
from sandbox.aws.ecs.cloud import EcsCloud, last
from sandbox.aws.ecs.state import TaskDefinition
from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.wire import ACCOUNT, Answer, AwsError, Params

NOT_CONTENT = ("family", "tags")
Tags = list[dict[str, str]]


class DefinitionApi:
    def __init__(self, cloud: EcsCloud) -> None:
        self._cloud = cloud
        self.operations: dict[str, Handler] = {
            "DescribeClusters": self._describe_clusters,
            "ListClusters": self._list_clusters,
            "RegisterTaskDefinition": self._register,
            "DeregisterTaskDefinition": self._deregister,
            "DescribeTaskDefinition": self._describe,
            "ListTaskDefinitions": self._list,
            "ListTaskDefinitionFamilies": self._list_families,
            "ListTagsForResource": self._list_tags,
        }

    def register(self, params: Params, registered_by: str) -> TaskDefinition:
        if not params.get("containerDefinitions"):
            raise AwsError("ClientException", "Container list cannot be empty.")
        family = self._cloud.families.setdefault(params["family"], [])
        registered = TaskDefinition(
            family=params["family"],
            revision=len(family) + 1,
            content={name: value for name, value in params.items() if name not in NOT_CONTENT},
            registered_at=self._cloud.timeline.now,
            registered_by=registered_by,
            tags=params.get("tags", []),
        )
        family.append(registered)
        return registered

    def _register(self, params: Params) -> Answer:
        by = f"arn:aws:sts::{ACCOUNT}:assumed-role/runbook-bot-write/i"
        registered = self.register(params, by)
        return {
            "taskDefinition": shapes.task_definition(registered),
            "tags": registered.tags,
        }

    def _deregister(self, params: Params) -> Answer:
        found = self._cloud.definition(params["taskDefinition"])
        found.status, found.deregistered_at = "INACTIVE", self._cloud.timeline.now
        return {"taskDefinition": shapes.task_definition(found)}

    def _describe(self, params: Params) -> Answer:
        found = self._cloud.definition(params["taskDefinition"])
        tags = {"tags": found.tags} if "TAGS" in params.get("include", []) else {}
        return {"taskDefinition": shapes.task_definition(found), **tags}

    def _list(self, params: Params) -> Answer:
        family, status = params.get("familyPrefix"), params.get("status", "ACTIVE")
        arns = [
            one.arn
            for name, revisions in sorted(self._cloud.families.items())
            for one in revisions
            if family in (None, name) and one.status == status
        ]
        if params.get("sort") == "DESC":
            arns.reverse()
        return page("taskDefinitionArns", arns, params, "nextToken", params.get("maxResults", 100))

    def _list_families(self, params: Params) -> Answer:
        prefix = params.get("familyPrefix", "")
        names = sorted(name for name in self._cloud.families if name.startswith(prefix))
        return page("families", names, params, "nextToken", params.get("maxResults", 100))

    def _describe_clusters(self, params: Params) -> Answer:
        names = [last(name) for name in params.get("clusters", ["default"])]
        return {
            "clusters": [self._cluster(name) for name in names if name in self._cloud.clusters],
            "failures": [
                {"arn": shapes.cluster_arn(name), "reason": "MISSING"}
                for name in names
                if name not in self._cloud.clusters
            ],
        }

    def _cluster(self, name: str) -> Answer:
        services = [one for one in self._cloud.services.values() if one.cluster == name]
        return {
            "clusterArn": shapes.cluster_arn(name),
            "clusterName": name,
            "status": "ACTIVE",
            "activeServicesCount": sum(one.status == "ACTIVE" for one in services),
            "runningTasksCount": sum(len(one.running()) for one in services),
            "pendingTasksCount": sum(len(one.live()) - len(one.running()) for one in services),
        }

    def _list_clusters(self, params: Params) -> Answer:
        arns = [shapes.cluster_arn(name) for name in sorted(self._cloud.clusters)]
        return page("clusterArns", arns, params, "nextToken", params.get("maxResults", 100))

    def _list_tags(self, params: Params) -> Answer:
        return {"tags": self._tags(params["resourceArn"])}

    def _tags(self, arn: str) -> Tags:
        if ":task-definition/" in arn:
            return self._cloud.definition(arn).tags
        *_, cluster, name = arn.split("/")
        return self._cloud.service(cluster, name).tags
