"""Amazon ECS (interface only at this commit)."""

from collections.abc import Sequence

from adapters.aws_calls import AwsCalls
from adapters.ecs.facts import Deployments, Services
from bot.runbook import Adapter

READS: tuple[str, ...] = ()


class Ecs(Adapter):
    def __init__(self, calls: AwsCalls, cluster: str) -> None:
        self._calls, self._cluster = calls, cluster

    async def names(self) -> list[str]:
        """Every service of the cluster, by name."""
        raise NotImplementedError

    async def services(self, names: Sequence[str]) -> Services:
        raise NotImplementedError

    async def deployments(self, names: Sequence[str], newest: int = 5) -> Deployments:
        raise NotImplementedError
