"""
Amazon RDS: what kind of database it is, who writes, and how to make another one write.

An Aurora cluster fails over to a named reader; a Multi-AZ instance is rebooted with failover; a
single instance has nowhere to go. The three are told apart by what RDS says, never by the name.
"""

from datetime import datetime
from typing import Literal

from adapters.aws_calls import AwsCalls
from bot.runbook import CHANGE, DESTROY, Adapter, Change, Facts, Table

READS: tuple[str, ...] = ()


class Instance(Facts):
    name: str
    role: Literal["writer", "reader", "standby"]
    status: str
    instance_class: str
    zone: str = ""
    promotion_tier: int | None = None


class FailOver(Change):
    """Make a reader of the cluster its writer. Writes fail for the seconds this takes."""

    effect = DESTROY

    database: str
    to: str  #: Always named: without it, saying it twice moves the writer back.
    replacing: str  #: The writer.

    def target(self) -> str:
        return f"rds/{self.database}"

    def command(self) -> str:
        return (
            f"aws rds failover-db-cluster --db-cluster-identifier {self.database}"
            f" --target-db-instance-identifier {self.to}"
        )

    def undo(self) -> "FailOver":
        return FailOver(database=self.database, to=self.replacing, replacing=self.to)


class RebootWithFailover(Change):
    """
    Make the standby of a Multi-AZ instance its primary. Nothing answers for a minute or two. It
    has no undo of its own: once more, planned anew, moves it back.
    """

    effect = DESTROY

    database: str
    replacing: str  #: The availability zone it is in.
    since: datetime  #: When that was read: failovers after it are this one.

    def target(self) -> str:
        return f"rds/{self.database}"

    def command(self) -> str:
        return (
            f"aws rds reboot-db-instance --db-instance-identifier {self.database} --force-failover"
        )


class TakeSnapshot(Change):
    effect = CHANGE

    database: str
    is_cluster: bool
    snapshot: str  #: Its name, with the run in it: two runs in a minute must not collide.
    run: str  #: Tagged with it, so that it is known as ours.

    def target(self) -> str:
        return f"rds/{self.database}"

    def command(self) -> str:
        kind = "cluster-" if self.is_cluster else ""
        of = "cluster" if self.is_cluster else "instance"
        return (
            f"aws rds create-db-{kind}snapshot --db-{of}-identifier {self.database}"
            f" --db-{kind}snapshot-identifier {self.snapshot}"
        )


class Database(Facts):
    """`resource_id` stays the same through a rename; the name does not."""

    name: str
    resource_id: str
    kind: Literal["aurora", "multi-az", "single"]
    engine: str  #: With its version.
    status: str
    instance_class: str
    writer: str  #: The instance that writes.
    zone: str  #: Where the writer is.
    readers: tuple[str, ...] = ()  #: Those that could take over, the likeliest first.
    instances: tuple[Instance, ...] = ()
    pending_changes: tuple[str, ...] = ()  #: Wait for the maintenance window or a reboot.
    as_of: datetime

    def fail_over(self) -> FailOver | RebootWithFailover | None:
        """None when there is nothing to fail over to: `no_failover_because` says why."""
        if self.no_failover_because:
            return None
        if self.kind == "aurora":
            return FailOver(database=self.name, to=self.readers[0], replacing=self.writer)
        return RebootWithFailover(database=self.name, replacing=self.zone, since=self.as_of)

    @property
    def no_failover_because(self) -> str:
        if self.kind == "single":
            return f"{self.name} is a single instance without a standby"
        if self.status != "available":
            return f"{self.name} is {self.status}"
        if self.kind == "aurora" and not self.readers:
            return f"{self.name} has no reader that is available"
        return ""

    def take_snapshot(self, snapshot: str, run: str) -> TakeSnapshot:
        is_cluster = self.kind == "aurora"
        return TakeSnapshot(database=self.name, is_cluster=is_cluster, snapshot=snapshot, run=run)

    def table(self) -> Table:
        columns = ("Instance", "Role", "Status", "Class", "Zone")
        rows = tuple((i.name, i.role, i.status, i.instance_class, i.zone) for i in self.instances)
        return Table(columns, rows)


class Rds(Adapter):
    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls

    async def database(self, name: str) -> Database:
        """By the name of the cluster, or of an instance (a member's name finds its cluster)."""
        raise NotImplementedError
