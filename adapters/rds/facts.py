"""
What RDS said of a database.

An Aurora cluster fails over to a named reader; a Multi-AZ instance is rebooted with failover; a
single instance has nowhere to go. They are told apart by what RDS says, never by the name.
"""

from datetime import datetime
from typing import Literal

from adapters.rds.changes import (
    FailOver,
    ModifyClass,
    RebootWithFailover,
    StartSnapshot,
    TakeSnapshot,
)
from bot.runbook import Facts, Table

#: `cluster` is a Multi-AZ DB cluster, which fails over as Aurora does.
Kind = Literal["aurora", "cluster", "multi-az", "single"]


class Instance(Facts):
    name: str
    role: Literal["writer", "reader", "standby"]
    status: str
    instance_class: str
    zone: str = ""
    promotion_tier: int | None = None
    pending_changes: tuple[str, ...] = ()


class LargerClasses(Facts):
    """That RDS offers for the database's engine in its family, the next larger one first."""

    database: str
    now: str
    larger: tuple[str, ...] = ()


class Snapshot(Facts):
    name: str
    status: str  #: As RDS says: creating, available, failed.
    percent: int  #: Of what is to be copied.


class Database(Facts):
    """`resource_id` stays the same through a rename; the name does not."""

    name: str
    resource_id: str
    kind: Kind
    engine: str  #: With its version.
    status: str
    instance_class: str
    writer: str  #: The instance that writes.
    zone: str  #: Where the writer is.
    readers: tuple[str, ...] = ()  #: Those that could take over, the likeliest first.
    instances: tuple[Instance, ...] = ()
    pending_changes: tuple[str, ...] = ()  #: Wait for the maintenance window or a reboot.
    as_of: datetime

    def modify_class(self, to: str) -> tuple[ModifyClass, ...]:
        """
        One for each instance that has another class, readers first: then one that is larger
        already takes over while the writer changes. A standby changes with its writer.
        """
        wanted = (one for one in self.instances if one.role != "standby")
        ordered = sorted(wanted, key=lambda one: one.role == "writer")
        return tuple(
            ModifyClass(
                database=self.name,
                instance=one.name,
                instance_class=to,
                replacing=one.instance_class,
                also=one.pending_changes,
            )
            for one in ordered
            if one.instance_class != to
        )

    @property
    def is_cluster(self) -> bool:
        return self.kind in ("aurora", "cluster")

    def fail_over(self) -> FailOver | RebootWithFailover | None:
        """None when there is nothing to fail over to: `no_failover_because` says why."""
        if self.no_failover_because:
            return None
        if self.is_cluster:
            return FailOver(database=self.name, to=self.readers[0], replacing=self.writer)
        return RebootWithFailover(database=self.name, replacing=self.zone, since=self.as_of)

    @property
    def no_failover_because(self) -> str:
        if self.kind == "single":
            return f"{self.name} is a single instance without a standby"
        if self.status != "available":
            return f"{self.name} is {self.status}"
        if self.is_cluster and not self.readers:
            return f"{self.name} has no reader that is available"
        return ""

    def take_snapshot(self, snapshot: str, run: str) -> TakeSnapshot:
        return TakeSnapshot(
            database=self.name, is_cluster=self.is_cluster, snapshot=snapshot, run=run
        )

    def start_snapshot(self, snapshot: str, run: str) -> StartSnapshot:
        return StartSnapshot(
            database=self.name, is_cluster=self.is_cluster, snapshot=snapshot, run=run
        )

    def table(self) -> Table:
        columns = ("Instance", "Role", "Status", "Class", "Zone")
        rows = tuple((i.name, i.role, i.status, i.instance_class, i.zone) for i in self.instances)
        return Table(columns, rows)
