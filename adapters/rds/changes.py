"""What can be changed about a database: who writes, and that there is a snapshot."""

import shlex
from datetime import datetime

from adapters.plain import plain
from bot.runbook import CHANGE, DESTROY, Change


class FailOver(Change):
    """
    Make a reader of the cluster its writer. Writes fail for the seconds this takes. It names the
    reader, so a call that comes late, after a second one, finds that reader writing already.
    """

    effect = DESTROY
    repeatable = True

    database: str
    to: str  #: Always named: without it, saying it twice moves the writer back.
    replacing: str  #: The writer.

    def target(self) -> str:
        return f"rds/{self.database}"

    def command(self) -> str:
        return (
            f"aws rds failover-db-cluster --db-cluster-identifier {shlex.quote(self.database)}"
            f" --target-db-instance-identifier {shlex.quote(self.to)}"
        )

    def then(self) -> str:
        return f"{self.to} writes"

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
            f"aws rds reboot-db-instance --db-instance-identifier {shlex.quote(self.database)}"
            " --force-failover"
        )

    def then(self) -> str:
        return f"{self.database} is in the zone of its standby"


class ModifyClass(Change):
    """
    Give an instance another class. It restarts, or what stands by takes over; and whatever else
    waits for it is applied with it. Said again, when it has that class, it does nothing.
    """

    effect = DESTROY
    repeatable = True

    database: str  #: The cluster, or the instance itself.
    instance: str
    instance_class: str
    replacing: str  #: Its class.
    also: tuple[str, ...] = ()  #: What waits, and is applied as well.

    def target(self) -> str:
        return f"rds/{self.database}"

    def command(self) -> str:
        also = " ".join(shlex.quote(plain(one)) for one in self.also)
        return (
            f"aws rds modify-db-instance --db-instance-identifier {shlex.quote(self.instance)}"
            f" --db-instance-class {shlex.quote(self.instance_class)} --apply-immediately"
            + (f" # also applies {also}" if also else "")
        )

    def then(self) -> str:
        return f"{self.instance} is a {self.instance_class}"

    def undo(self) -> "ModifyClass":
        return ModifyClass(
            database=self.database,
            instance=self.instance,
            instance_class=self.replacing,
            replacing=self.instance_class,
        )


class TakeSnapshot(Change):
    """RDS takes a snapshot's name once, so a second time is refused."""

    effect = CHANGE
    repeatable = True

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
            f"aws rds create-db-{kind}snapshot --db-{of}-identifier {shlex.quote(self.database)}"
            f" --db-{kind}snapshot-identifier {shlex.quote(self.snapshot)}"
        )

    def then(self) -> str:
        return f"{self.snapshot} holds what {self.database} has now"


class StartSnapshot(TakeSnapshot):
    """
    The same, and done once RDS is at it: it holds what was there when it began, so whoever only
    wants that kept need not wait until it is available.
    """
