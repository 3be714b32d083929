"""
Parameters the services read, such as circuit breakers.

Only plain ones: what is kept encrypted is a secret, and is neither read nor shown. A parameter
that does not exist is never created, for nothing would read it, and a circuit breaker would be
said to be open that is not.
"""

from adapters.aws_calls import AwsCalls
from bot.runbook import CHANGE, Adapter, Change, Facts

READS: tuple[str, ...] = ()


class SetParameter(Change):
    effect = CHANGE

    name: str
    value: str
    replacing: str

    def target(self) -> str:
        return f"parameter/{self.name}"

    def command(self) -> str:
        return f"aws ssm put-parameter --overwrite --name {self.name} --value {self.value}"

    def undo(self) -> "SetParameter":
        return SetParameter(name=self.name, value=self.replacing, replacing=self.value)


class Parameter(Facts):
    name: str
    value: str | None  #: None: there is no such parameter.

    def set_to(self, value: str) -> SetParameter | None:
        """None when it is so already, or when there is no such parameter."""
        if self.value is None or self.value == value:
            return None
        return SetParameter(name=self.name, value=value, replacing=self.value)


class Parameters(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def get(self, name: str) -> Parameter:
        """Raises Refused for one that is encrypted or a list."""
        raise NotImplementedError
