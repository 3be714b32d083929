"""What RDS said of where one can go back to, and of how what is restored is to be set up."""

from datetime import UTC, datetime
from typing import Any, Literal

from adapters.rds.facts import Database
from adapters.rds.restores import (
    CreateMember,
    RenameDatabase,
    RestoreSnapshot,
    RestoreToPointInTime,
    Setting,
    Tag,
)
from bot.runbook import Facts, Table
from bot.runbook.showing import duration_text

#: Of a snapshot's or a moment's, in which it can be restored.
AVAILABLE = "available"


class SavedState(Facts):
    """A snapshot."""

    name: str
    kind: str  #: As RDS says: automated, manual, awsbackup.
    status: str
    at: datetime | None  #: None: it has just been begun.

    @property
    def unusable_because(self) -> str:
        if self.status == AVAILABLE:
            return "" if self.at else f"RDS does not say when snapshot {self.name} was taken"
        wait = ": wait until it is available" if self.status == "creating" else ""
        return f"snapshot {self.name} is {self.status}{wait}"


class RecoveryPoint(Facts):
    """What is gone back to. What was written after `at` is not in it."""

    kind: Literal["snapshot", "moment"]
    snapshot: str = ""
    at: datetime

    @property
    def label(self) -> str:
        when = f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"snapshot {self.snapshot} of {when}" if self.snapshot else when


class RecoveryPoints(Facts):
    """`earliest` and `latest`: any moment between them; None: no backups are kept for that."""

    database: str
    snapshots: tuple[SavedState, ...]  #: The newest first.
    is_complete: bool = True  #: False: there are more snapshots than were read.
    earliest: datetime | None
    latest: datetime | None
    as_of: datetime

    @property
    def window(self) -> str:
        if self.earliest is None or self.latest is None:
            return f"{self.database} keeps no backups for a point in time"
        return f"any moment from {_minute(self.earliest)} to {_minute(self.latest)} UTC"

    @property
    def says(self) -> str:
        more = "" if self.is_complete else "; there are more than were read"
        snapshots = f"{len(self.usable)} of {len(self.snapshots)} snapshots"
        return f"{snapshots} can be restored{more}; as a point in time {self.window}"

    @property
    def usable(self) -> tuple[SavedState, ...]:
        return tuple(one for one in self.snapshots if not one.unusable_because)

    def choose(self, snapshot: str, at: datetime | None) -> RecoveryPoint | str:
        """The one that is wanted, or in plain words why it cannot be had."""
        return self._moment(at) if at else self._snapshot(snapshot)

    def table(self) -> Table:
        rows = ((one.name, one.kind, one.status, one.at, self._age(one)) for one in self.snapshots)
        return Table(("Snapshot", "Kind", "Status", "Taken", "Age"), tuple(rows))

    def _age(self, snapshot: SavedState) -> str:
        return duration_text(self.as_of - snapshot.at) if snapshot.at else ""

    def _snapshot(self, name: str) -> RecoveryPoint | str:
        found = next((one for one in self.snapshots if one.name == name), None)
        if found is None:
            return f"{self.database} has no snapshot {name}"
        if found.unusable_because or found.at is None:
            return found.unusable_because
        return RecoveryPoint(kind="snapshot", snapshot=name, at=found.at)

    def _moment(self, at: datetime) -> RecoveryPoint | str:
        if self.earliest is None or self.latest is None:
            return self.window
        said = f"{_minute(at)} UTC"
        if at > self.as_of:
            return f"{said} is in the future: {self.window} can be restored"
        if at > self.latest:
            return f"{said} cannot be restored yet: {self.window} can be; look again in minutes"
        if at < self.earliest:
            return f"{said} is before the first backup that is kept: {self.window} can be restored"
        return RecoveryPoint(kind="moment", at=at)


class Place(Facts):
    """A database by its name now: where it answers and how it is."""

    name: str
    resource_id: str
    is_cluster: bool
    status: str
    address: str
    port: int
    members: tuple[str, ...] = ()  #: Of a cluster.
    not_ready: tuple[str, ...] = ()  #: Members that are not available, and how they are.

    @property
    def is_available(self) -> bool:
        return self.status == AVAILABLE and not self.not_ready

    @property
    def says(self) -> str:
        waits = f"; {', '.join(self.not_ready)}" if self.not_ready else ""
        return f"{self.name} is {self.status}{waits}"

    def rename(self, to: str) -> RenameDatabase:
        return RenameDatabase(
            resource_id=self.resource_id, is_cluster=self.is_cluster, to=to, replacing=self.name
        )


class Member(Facts):
    """An instance of a cluster, as the restored one is to have it too."""

    settings: tuple[Setting, ...]
    tags: tuple[Tag, ...] = ()


class Original(Facts):
    """
    The live database, and how it is set up. RDS gives what it restores its own defaults, another
    network and no protection among them: so all of it is said.
    """

    database: Database
    place: Place
    settings: tuple[Setting, ...]
    tags: tuple[Tag, ...] = ()
    members: tuple[Member, ...] = ()  #: Of an Aurora cluster, the writer first.

    @property
    def engine(self) -> str:
        return self.database.engine.partition(" ")[0]

    def restore(
        self, point: RecoveryPoint, to: str, run: str
    ) -> RestoreSnapshot | RestoreToPointInTime:
        common: dict[str, Any] = {
            "database": self.database.name,
            "is_cluster": self.database.is_cluster,
            "to": to,
            "settings": self.settings,
            "tags": self.tags,
            "run": run,
        }
        if point.snapshot:
            return RestoreSnapshot(**common, snapshot=point.snapshot, engine=self.engine)
        return RestoreToPointInTime(**common, at=point.at)

    def create_members(self, cluster: str, run: str) -> tuple[CreateMember, ...]:
        """As many as the live one has; their names have the run in them, for they stay."""
        return tuple(
            CreateMember(
                to=f"{cluster[:40]}-{run.lower()}-{number}",
                cluster=cluster,
                engine=self.engine,
                settings=one.settings,
                tags=one.tags,
                run=run,
            )
            for number, one in enumerate(self.members, start=1)
        )


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
