"""
What a restore changes: a database made of a snapshot or of a moment, its members, and names.

Nothing of the live database is touched until names are. What is approved is what is called: the
command and the call are made of the same parameters.
"""

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from botocore import xform_name
from pydantic import AwareDatetime, Field

from bot.runbook import CHANGE, DESTROY, Change
from bot.runbook.values import Value

#: On what a run has made; and what it was made of, as a snapshot's name or a moment.
RUN_TAG, ORIGIN_TAG = "runbook-run", "runbook-restored-from"
#: What RDS accepts as a name.
NAME, LONGEST_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", 63


class Setting(Value):
    """A parameter of RDS's API, such as `DBSubnetGroupName`."""

    name: str
    value: bool | int | str | tuple[str, ...]


class Tag(Value):
    key: str
    value: str


class _Made(Change):
    """RDS takes a name once, so a second time is refused."""

    effect = CHANGE
    repeatable = True

    to: str = Field(pattern=NAME, max_length=LONGEST_NAME)  #: What it is called.
    settings: tuple[Setting, ...]
    tags: tuple[Tag, ...] = ()  #: Those of what it replaces.
    run: str  #: Tagged with it, so that it is known as ours.

    @property
    def operation(self) -> str:
        """As boto3 has it."""
        raise NotImplementedError

    @property
    def names(self) -> Mapping[str, Any]:
        """The parameters that say what is made, and of what."""
        raise NotImplementedError

    @property
    def own_tags(self) -> Mapping[str, str]:
        return {RUN_TAG: self.run}

    def params(self) -> dict[str, Any]:
        settings = {one.name: _value(one.value) for one in self.settings}
        tags = {**{one.key: one.value for one in self.tags}, **self.own_tags}
        shaped = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {**self.names, **settings, "Tags": shaped}

    def target(self) -> str:
        return f"rds/{self.to}"

    def command(self) -> str:
        return command(self.operation, self.params())


class _Restore(_Made):
    effect = DESTROY

    database: str  #: Whose data it is.
    is_cluster: bool

    @property
    def origin(self) -> str:
        """What it is made of, as its tag says."""
        raise NotImplementedError

    @property
    def own_tags(self) -> Mapping[str, str]:
        return {**super().own_tags, ORIGIN_TAG: self.origin}

    def then(self) -> str:
        return f"{self.to} is being made of {self.origin}"


class RestoreSnapshot(_Restore):
    """Make a database of what a snapshot holds, beside the live one."""

    snapshot: str
    engine: str  #: Without its version. Of a cluster RDS wants to be told.

    @property
    def origin(self) -> str:
        return self.snapshot

    @property
    def operation(self) -> str:
        return f"restore_db_{'cluster_from' if self.is_cluster else 'instance_from_db'}_snapshot"

    @property
    def names(self) -> Mapping[str, Any]:
        if self.is_cluster:
            return {
                "DBClusterIdentifier": self.to,
                "SnapshotIdentifier": self.snapshot,
                "Engine": self.engine,
            }
        return {"DBInstanceIdentifier": self.to, "DBSnapshotIdentifier": self.snapshot}


class RestoreToPointInTime(_Restore):
    """Make a database of what the live one held at a moment, beside it."""

    at: AwareDatetime

    @property
    def origin(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def operation(self) -> str:
        return f"restore_db_{'cluster' if self.is_cluster else 'instance'}_to_point_in_time"

    @property
    def names(self) -> Mapping[str, Any]:
        if self.is_cluster:
            return {
                "SourceDBClusterIdentifier": self.database,
                "DBClusterIdentifier": self.to,
                "RestoreToTime": self.origin,
            }
        return {
            "SourceDBInstanceIdentifier": self.database,
            "TargetDBInstanceIdentifier": self.to,
            "RestoreTime": self.origin,
        }


class CreateMember(_Made):
    """Give a restored cluster an instance: without one nobody can connect to it."""

    cluster: str
    engine: str

    @property
    def operation(self) -> str:
        return "create_db_instance"

    @property
    def names(self) -> Mapping[str, Any]:
        return {
            "DBInstanceIdentifier": self.to,
            "DBClusterIdentifier": self.cluster,
            "Engine": self.engine,
        }

    def then(self) -> str:
        return f"{self.to} is an instance of {self.cluster}"


class RenameDatabase(Change):
    """
    Call a database otherwise. It is known by `resource_id`, which stays, and never by its name:
    after a swap that name is another one's. Said again it is refused: the name is taken, or gone.
    """

    effect = DESTROY
    repeatable = True

    resource_id: str
    is_cluster: bool
    to: str = Field(pattern=NAME, max_length=LONGEST_NAME)
    replacing: str  #: Its name.

    def params(self) -> dict[str, Any]:
        of = "Cluster" if self.is_cluster else "Instance"
        return {
            f"DB{of}Identifier": self.replacing,
            f"NewDB{of}Identifier": self.to,
            "ApplyImmediately": True,
        }

    @property
    def operation(self) -> str:
        return f"modify_db_{'cluster' if self.is_cluster else 'instance'}"

    def target(self) -> str:
        return f"rds/{self.replacing}"

    def command(self) -> str:
        return f"{command(self.operation, self.params())} # {shlex.quote(self.resource_id)}"

    def then(self) -> str:
        return f"what was {self.replacing} is called {self.to}"

    def undo(self) -> "RenameDatabase":
        return self.model_copy(update={"to": self.replacing, "replacing": self.to})


def command(operation: str, params: Mapping[str, Any]) -> str:
    """As an operator would type it."""
    options = (word for name, value in params.items() for word in _option(name, value))
    return f"aws rds {operation.replace('_', '-')} {' '.join(options)}"


def _option(name: str, value: Any) -> Iterator[str]:
    option = xform_name(name, "-")
    if isinstance(value, bool):
        yield f"--{'' if value else 'no-'}{option}"
        return
    yield f"--{option}"
    if not isinstance(value, list):
        yield shlex.quote(str(value))
        return
    for one in value:
        said = one if isinstance(one, str) else ",".join(f"{k}={v}" for k, v in one.items())
        yield shlex.quote(said)


def _value(value: bool | int | str | tuple[str, ...]) -> Any:
    return list(value) if isinstance(value, tuple) else value
