"""
What can be changed about a deployment. Each names its namespace, and what was there when it was
planned, so that it is never applied to a deployment that has moved since.
"""

import shlex
from datetime import UTC

from pydantic import AwareDatetime, Field

from bot.runbook import CHANGE, Change


class _OfDeployment(Change):
    effect = CHANGE
    repeatable = True

    namespace: str
    deployment: str
    uid: str  #: Another one of the same name is not the one that was looked at.

    def target(self) -> str:
        return f"kubernetes/{self.namespace}/{self.deployment}"

    def command(self) -> str:
        return shlex.join(("kubectl", "--namespace", self.namespace))

    @property
    def _named(self) -> str:
        return shlex.quote(f"deployment/{self.deployment}")


class RestartDeployment(_OfDeployment):
    """
    Replace every pod by a new one, a few at a time. `at` is written into the template of the pods,
    and is fixed by the plan: written twice it is one restart. `replacing` is what stands there,
    of an earlier restart.
    """

    at: AwareDatetime
    template: str  #: What else the pods are made of, as a digest: a restart deploys nothing new.

    @property
    def mark(self) -> str:
        """As kubectl writes it."""
        return f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def command(self) -> str:
        return f"{super().command()} rollout restart {self._named}"

    def then(self) -> str:
        return f"every pod of {self.deployment} is a new one"


class ScaleDeployment(_OfDeployment):
    """Set how many pods there are. With none at all nothing is worked off."""

    replicas: int = Field(ge=0, le=1000)
    replacing: str

    def command(self) -> str:
        return f"{super().command()} scale {self._named} --replicas={self.replicas}"

    def then(self) -> str:
        return f"{self.deployment} wants {self.replicas} pods"

    def undo(self) -> "ScaleDeployment":
        fields = {"replicas": int(self.replacing), "replacing": str(self.replicas)}
        return self.model_copy(update=fields)
