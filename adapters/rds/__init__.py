"""Amazon RDS: what kind of database it is, who writes, and how to make another one write."""

from adapters.rds.adapter import READS, Rds
from adapters.rds.changes import (
    FailOver,
    ModifyClass,
    RebootWithFailover,
    StartSnapshot,
    TakeSnapshot,
)
from adapters.rds.facts import Database, Instance, LargerClasses, Snapshot

__all__ = [
    "READS",
    "Database",
    "FailOver",
    "Instance",
    "LargerClasses",
    "ModifyClass",
    "Rds",
    "RebootWithFailover",
    "Snapshot",
    "StartSnapshot",
    "TakeSnapshot",
]
