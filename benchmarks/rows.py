"""The rows of a bot that runs in a process of its own: its file, read by somebody else."""

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: When a step was begun and when it was over, in seconds since the epoch.
Times = tuple[float, float]


@dataclass(frozen=True)
class Rows:
    """`checks`: the keys of the steps that are looked at."""

    path: Path
    checks: Sequence[str]

    def newest_run(self) -> str:
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            query = "select id from runs order by started_at desc limit 1"
            return str(connection.execute(query).fetchone()[0])

    def times(self, run: str, attempt: int = 1) -> Mapping[str, Times]:
        """Of those whose attempt is over."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            query = (
                "select key, started_at, ended_at from steps"
                " where run = ? and attempt = ? and ended_at is not null"
            )
            found = connection.execute(query, (run, attempt)).fetchall()
        return {key: (began, ended) for key, began, ended in found if key in self.checks}


def together_s(times: Mapping[str, Times]) -> float:
    """From the first start to the last end."""
    return max(ended for _, ended in times.values()) - min(began for began, _ in times.values())


def slowest_s(times: Mapping[str, Times]) -> float:
    return max(ended - began for began, ended in times.values())
