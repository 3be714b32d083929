"""Credentials for tests: real ones, kept in memory."""

from dataclasses import dataclass

from bot.runbook.errors import StepError
from bot.secrets.reference import Reference
from bot.secrets.vault import Credential


@dataclass
class Kept:
    """A place that secrets are kept in: what is there now, and how often it was read."""

    value: str | StepError
    reads: int = 0

    async def read(self, reference: Reference) -> str:
        self.reads += 1
        if isinstance(self.value, StepError):
            raise self.value
        return self.value


def given(value: str) -> Credential:
    """For what only needs one."""
    return Credential(Reference("env:GIVEN_BY_A_TEST"), Kept(value))
