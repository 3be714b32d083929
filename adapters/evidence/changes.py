"""
What is put into the evidence bucket. It alters nothing that is looked at, is never put there twice
under one name, and cannot be taken back: that is what the bucket is for.
"""

import hashlib
import shlex
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import AwareDatetime, Field

from bot.runbook import CHANGE, Change

FOLDER = "incidents"


def folder_of(run: str, since: datetime) -> str:
    """With the time, as after a lost store an id may come again."""
    return f"{FOLDER}/{run}-{since.astimezone(UTC):%Y%m%dT%H%M%SZ}"


class _OfRun(Change):
    effect = CHANGE
    ours = True
    repeatable = True  #: The bucket takes a name once.
    kind: ClassVar[str]

    run: str
    since: AwareDatetime  #: When the run was started.

    @property
    def name(self) -> str:
        """Of the object."""
        raise NotImplementedError

    def target(self) -> str:
        return f"evidence/{self.name}"

    def command(self) -> str:
        return self._line()

    def _line(self) -> str:
        raise NotImplementedError


class ExportLogs(_OfRun):
    """Every line of a log group from `begins` to `ends`: JSON lines, compressed."""

    kind = "logs"

    group: str  #: Such as `/ecs/complyai-core`.
    begins: AwareDatetime
    ends: AwareDatetime

    @property
    def name(self) -> str:
        group = self.group.strip("/").replace("/", "-")
        begins, ends = (f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" for at in (self.begins, self.ends))
        return f"{folder_of(self.run, self.since)}/logs/{group}/{begins}-{ends}.jsonl.gz"

    def _line(self) -> str:
        begins, ends = (int(at.timestamp() * 1000) for at in (self.begins, self.ends))
        return (
            f"aws logs filter-log-events --log-group-name {shlex.quote(self.group)}"
            f" --start-time {begins} --end-time {ends}"
        )

    def then(self) -> str:
        return f"the bucket holds what {self.group} said"


class CopySessionRows(_OfRun):
    """The sessions of these users as they are in the database, revoked and expired ones too."""

    kind = "sessions"

    users: tuple[int, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        ids = ",".join(map(str, self.users))
        which = ids if len(ids) <= 40 else hashlib.sha256(ids.encode()).hexdigest()[:16]
        return f"{folder_of(self.run, self.since)}/sessions/users-{which}.json"

    def _line(self) -> str:
        ids = ", ".join(map(str, self.users))
        return f"SELECT * FROM user_sessions WHERE user_id IN ({ids})"

    def then(self) -> str:
        return "the bucket holds their sessions"
