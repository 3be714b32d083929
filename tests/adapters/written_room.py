"""A run's channel that only writes down what is put there, each under its op once."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

State = Literal["absent", "queued", "delivered", "dead"]


@dataclass(frozen=True)
class Said:
    op: str
    run: str
    text: str
    not_before: datetime | None


@dataclass(frozen=True)
class Attached:
    op: str
    run: str
    filename: str
    content: bytes
    title: str


@dataclass
class WrittenRoom:
    """`arrives`: what becomes of whatever is put."""

    arrives: State = "delivered"
    said: list[Said] = field(default_factory=list)
    attached: list[Attached] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)

    async def say(
        self, op: str, run: str, text: str, *, not_before: datetime | None = None
    ) -> None:
        if op not in self.states:
            self.said.append(Said(op, run, text, not_before))
            self.states[op] = "queued" if not_before else self.arrives

    async def attach(self, op: str, run: str, filename: str, content: bytes, title: str) -> None:
        if op not in self.states:
            self.attached.append(Attached(op, run, filename, content, title))
            self.states[op] = self.arrives

    async def state(self, op: str) -> State:
        return self.states.get(op, "absent")
