"""Credentials for tests: real ones, kept in memory."""

from dataclasses import dataclass

from bot.runbook.errors import StepError
from bot.secrets.reference import Reference
from bot.secrets.vault import AGAIN_S, Credential


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


class Changing:
    """A secret that is changed where it is kept, while somebody uses it."""

    def __init__(self, value: str) -> None:
        self._kept, self._now = Kept(value), 0.0
        self.credential = Credential(
            Reference("env:GIVEN_BY_A_TEST"), self._kept, lambda: self._now
        )

    def change(self, value: str) -> None:
        """Long enough after the last read that it may be read again."""
        self._kept.value = value
        self._now += AGAIN_S
