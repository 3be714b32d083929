"""
Parameters the services read, such as circuit breakers.

Only plain ones: what is kept encrypted is a secret, and is neither read nor shown. A parameter
that does not exist is never created, for nothing would read it, and a circuit breaker would be
said to be open that is not.
"""

import json
import shlex
from typing import Any

from adapters.aws_calls import AwsCalls
from adapters.aws_errors import NotThere
from adapters.plain import plain
from bot.runbook import CHANGE, Adapter, Change, Facts, Key, Seen, pair
from bot.runbook.errors import Refused

READS: tuple[str, ...] = ("ssm:GetParameter",)
#: The AWS CLI takes what begins like this for the place where the value is to be read.
PLACES = ("file://", "fileb://", "http://", "https://")


class SetParameter(Change):
    effect = CHANGE
    repeatable = True

    name: str
    value: str
    replacing: str

    def target(self) -> str:
        return f"parameter/{self.name}"

    def then(self) -> str:
        return f"{self.name} is {self.value}"

    def command(self) -> str:
        if self.value.startswith(PLACES):
            whole = json.dumps({"Name": self.name, "Value": self.value, "Overwrite": True})
            return f"aws ssm put-parameter --cli-input-json {shlex.quote(whole)}"
        return (
            f"aws ssm put-parameter --overwrite --name {shlex.quote(self.name)}"
            f" --value {shlex.quote(self.value)}"
        )

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
        try:
            answer = await self._calls.read("ssm", "get_parameter", Name=name)
        except NotThere:
            return Parameter(name=name, value=None)
        return Parameter(name=name, value=_plain(answer["Parameter"]))

    async def _see(self, change: SetParameter) -> Seen:
        now = (await self.get(change.name)).value
        if now is None:
            return Seen("drifted", f"{change.name} does not exist")
        says = f"{change.name} is {now}"
        if now == change.value:
            return Seen("applied", says)
        return Seen("before" if now == change.replacing else "drifted", says)

    async def _put(self, change: SetParameter, key: Key) -> None:
        # Without a type AWS keeps the one there is, and refuses to create the parameter.
        await self._calls.write(
            "ssm", "put_parameter", Name=change.name, Value=change.value, Overwrite=True
        )

    alters = (pair(SetParameter, observe=_see, apply=_put, permissions=("ssm:PutParameter",)),)


def _plain(parameter: dict[str, Any]) -> str:
    if parameter["Type"] != "String":
        raise Refused(
            f"{plain(parameter['Name'])} is a {plain(parameter['Type'], 40)}, not a plain String."
            " It is neither shown nor changed from here: name a plain parameter in the settings."
        )
    return str(parameter["Value"])
