"""
What can be changed about an ECS service. Each names its cluster, and what was running there when
it was planned, so that it is never applied to a service that has moved since.
"""

import shlex

from bot.runbook import CHANGE, DESTROY, Change


class _OfService(Change):
    effect = CHANGE

    cluster: str
    service: str
    replacing: str

    def target(self) -> str:
        return f"ecs/{self.cluster}/{self.service}"

    def command(self) -> str:
        place = ("--cluster", self.cluster, "--service", self.service)
        return shlex.join(("aws", "ecs", "update-service", *place))


class UpdateService(_OfService):
    """
    Point a service at another task definition. ECS starts a rolling deployment; asked for what it
    has already, it starts none.
    """

    repeatable = True

    task_definition: str  #: Family and revision, `complyai-core:41`, as is `replacing`.
    #: The deployment it replaces. With it, a deployment that ECS has taken back by itself is not
    #: mistaken for one that never began.
    deployment_id: str | None = None

    def command(self) -> str:
        return f"{super().command()} --task-definition {shlex.quote(self.task_definition)}"

    def then(self) -> str:
        return f"{self.service} runs {self.task_definition}"

    def undo(self) -> "UpdateService":
        return UpdateService(
            cluster=self.cluster,
            service=self.service,
            task_definition=self.replacing,
            replacing=self.task_definition,
        )


class BeginUpdate(UpdateService):
    """
    The same, and done once ECS is at it: how it goes on is for a watch, which says what fails
    while somebody can still do something about it.
    """

    def then(self) -> str:
        return f"{self.service} is being brought to run {self.task_definition}"


class ScaleService(_OfService):
    """Set how many tasks a service wants. To 0, it is down."""

    effect = DESTROY
    repeatable = True

    desired: int

    def command(self) -> str:
        return f"{super().command()} --desired-count {self.desired}"

    def then(self) -> str:
        return f"{self.service} wants {self.desired} tasks"

    def undo(self) -> "ScaleService":
        return ScaleService(
            cluster=self.cluster,
            service=self.service,
            desired=int(self.replacing),
            replacing=str(self.desired),
        )


class RestartService(_OfService):
    """
    Replace every task by a new one of the same task definition, which reads its parameters anew.
    `replacing` is the id of the deployment that runs now: any later one has done the same.
    """

    task_definition: str

    def command(self) -> str:
        return f"{super().command()} --force-new-deployment"

    def then(self) -> str:
        return f"{self.service} runs {self.task_definition}, every task of it a new one"
