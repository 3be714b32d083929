"""What can be done to a schema: to a revision that is named, and back to one that was recorded."""

import json
import shlex
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from adapters.migrations.argv import Way
from bot.runbook import DESTROY, Change

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,200}$")]


class _Migration(Change):
    """
    A command of the service's own image, run as a task of its own. ECS starts one task for one
    token, so a second call does no more.
    """

    effect = DESTROY
    repeatable = True
    way: ClassVar[Way]

    run: str = Field(pattern=r"^[A-Za-z0-9-]{0,16}$")
    since: datetime  #: When it was planned: tasks of earlier plans of the run are not this one's.
    cluster: str
    service: str  #: Whose network and role the task has.
    task_definition: str  #: The one whose SQL was shown, whatever is deployed meanwhile.
    container: str = Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")
    database: str
    argv: tuple[Word, ...]  #: What the task runs.
    revision: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$")
    steps: tuple[str, ...]  #: The revisions that are run or taken back.
    replacing: str  #: Where the database stands.

    @property
    def started_by(self) -> str:
        """By which the task is known as this change's."""
        return f"rb/{self.run}/{self.way[0]}{self.since:%d%H%M%S}"

    def target(self) -> str:
        return f"schema/{self.database}"

    def command(self) -> str:
        override = {"name": self.container, "command": self.argv}
        overrides = json.dumps({"containerOverrides": [override]}, separators=(",", ":"))
        return (
            f"aws ecs run-task --cluster {shlex.quote(self.cluster)}"
            f" --task-definition {shlex.quote(self.task_definition)}"
            f" --started-by {shlex.quote(self.started_by)} --overrides {shlex.quote(overrides)}"
        )

    def then(self) -> str:
        return f"the schema is at {self.revision}"


class MigrateSchema(_Migration):
    """Upgrade to a revision. It may change or drop what holds data, so it counts as such."""

    way = "upgrade"


class DowngradeSchema(_Migration):
    """Back to the revision that was recorded before. What only the newer schema holds is lost."""

    way = "downgrade"
