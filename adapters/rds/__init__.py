"""Amazon RDS: what kind of database it is, who writes, and how to make another one write."""

from adapters.rds import adapter, recovery
from adapters.rds.adapter import Rds
from adapters.rds.changes import (
    FailOver,
    ModifyClass,
    RebootWithFailover,
    StartSnapshot,
    TakeSnapshot,
)
from adapters.rds.facts import Database, Instance, LargerClasses, Snapshot
from adapters.rds.points import Original, Place, RecoveryPoint, RecoveryPoints, SavedState
from adapters.rds.recovery import Recovery, has_failed
from adapters.rds.restores import (
    LONGEST_NAME,
    NAME,
    CreateMember,
    RenameDatabase,
    RestoreSnapshot,
    RestoreToPointInTime,
)

READS: tuple[str, ...] = tuple(dict.fromkeys((*adapter.READS, *recovery.READS)))

__all__ = [
    "LONGEST_NAME",
    "NAME",
    "READS",
    "CreateMember",
    "Database",
    "FailOver",
    "Instance",
    "LargerClasses",
    "ModifyClass",
    "Original",
    "Place",
    "Rds",
    "RebootWithFailover",
    "Recovery",
    "RecoveryPoint",
    "RecoveryPoints",
    "RenameDatabase",
    "RestoreSnapshot",
    "RestoreToPointInTime",
    "SavedState",
    "Snapshot",
    "StartSnapshot",
    "TakeSnapshot",
    "has_failed",
]
