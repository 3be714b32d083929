"""What differs between the tools that a company may migrate with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.migrations.argv import Kind
from adapters.migrations.told import Content
from adapters.postgres_calls import PostgresCalls


@dataclass(frozen=True)
class Applied:
    """`every`: what the version table has, where it has more than the newest."""

    stands: str
    every: frozenset[str] = frozenset()


class Tool(Protocol):
    @property
    def kind(self) -> Kind: ...

    @property
    def command(self) -> Sequence[str]:
        """How an image calls it, when the settings do not say."""
        ...

    @property
    def program(self) -> str:
        """Python that is run in the image, and tells its migrations."""
        ...

    @property
    def needs(self) -> str:
        """What to look at when the program fails, as a question."""
        ...

    @property
    def mark(self) -> re.Pattern[str]:
        """A line of its log for each revision."""
        ...

    def done(self, marks: int) -> int:
        """How many revisions are done, by as many marks of a task that still runs."""
        ...

    async def applied(self, calls: PostgresCalls, session: str) -> Applied:
        """By the version table. Raises Refused, Unreachable."""
        ...

    def compared(self, content: Content, applied: Applied) -> Content:
        """What the image tells, as far as the database lets it be done."""
        ...
