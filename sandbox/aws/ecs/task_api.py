"""ECS's operations on tasks, whether a service has started them or somebody asked for one."""

from collections.abc import Iterator

from sandbox.aws.ecs import shapes
from sandbox.aws.ecs.cloud import EcsCloud, last
from sandbox.aws.ecs.one_off import OneOffs, check_container
from sandbox.aws.ecs.state import Service, Task
from sandbox.aws.overlay import Handler
from sandbox.aws.paging import page
from sandbox.aws.wire import Answer, AwsError, Params

MOST_TASKS = 100
#: ECS forgets stopped tasks.
STOPPED_KEPT_S = 3600.0


class TaskApi:
    def __init__(self, cloud: EcsCloud, alone: OneOffs) -> None:
        self._cloud, self._alone = cloud, alone
        self.operations: dict[str, Handler] = {
            "RunTask": self._run_task,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "StopTask": self._stop_task,
        }

    def _run_task(self, params: Params) -> Answer:
        """One at a time, which is all that anybody asks for here."""
        cluster = last(params.get("cluster", "default"))
        self._cloud.check_cluster(cluster)
        definition = self._cloud.definition(params["taskDefinition"])
        if definition.status != "ACTIVE":
            raise AwsError("ClientException", "TaskDefinition is inactive")
        check_container(definition, params)
        task = self._alone.run(cluster, definition, params)
        return {"tasks": [self._shape(task, with_tags=False)], "failures": []}

    def _list_tasks(self, params: Params) -> Answer:
        cluster = self._cluster(params)
        found = self._tasks(cluster)
        if "serviceName" in params:
            service = self._cloud.service(cluster, params["serviceName"])
            found = self._remembered(service.tasks)
        wants_live = params.get("desiredStatus", "RUNNING") != "STOPPED"
        arns = [
            task.arn
            for task in found
            if task.is_live == wants_live
            and params.get("family", task.definition.family) == task.definition.family
            and params.get("startedBy", task.deployment) == task.deployment
        ]
        return page("taskArns", arns, params, "nextToken", params.get("maxResults", 100))

    def _describe_tasks(self, params: Params) -> Answer:
        cluster, names = self._cluster(params), params["tasks"]
        if not names or len(names) > MOST_TASKS:
            raise _invalid("Tasks cannot be empty or more than 100.")
        found = {task.id: task for task in self._tasks(cluster)}
        with_tags = "TAGS" in params.get("include", [])
        known = [name for name in names if last(name) in found]
        return {
            "tasks": [self._shape(found[last(name)], with_tags) for name in known],
            "failures": [
                {"arn": name, "reason": "MISSING"} for name in names if name not in known
            ],
        }

    def _stop_task(self, params: Params) -> Answer:
        cluster, wanted = self._cluster(params), last(params["task"])
        reason = params.get("reason") or "Task stopped by user"
        for owner, task in self._owned(cluster):
            if task.id == wanted:
                if task.is_live and owner:
                    self._cloud.rollouts.stop_task(owner, task, reason)
                elif task.is_live:
                    self._alone.stop_task(task, reason)
                return {"task": self._shape(task, with_tags=False)}
        raise _invalid("The referenced task was not found.")

    def _cluster(self, params: Params) -> str:
        cluster = last(params.get("cluster", "default"))
        self._cloud.check_cluster(cluster)
        return cluster

    def _tasks(self, cluster: str) -> list[Task]:
        return self._remembered([task for _, task in self._owned(cluster)])

    def _owned(self, cluster: str) -> Iterator[tuple[Service | None, Task]]:
        for service in self._cloud.services.values():
            if service.cluster == cluster:
                yield from ((service, task) for task in service.tasks)
        for one in self._alone.tasks:
            if one.task.cluster == cluster:
                yield None, one.task

    def _shape(self, task: Task, with_tags: bool) -> Answer:
        return shapes.task(task, self._cloud.digest(task.definition.image), with_tags)

    def _remembered(self, tasks: list[Task]) -> list[Task]:
        since = self._cloud.timeline.now - STOPPED_KEPT_S
        return [t for t in tasks if t.stopped_at is None or t.stopped_at > since]


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
