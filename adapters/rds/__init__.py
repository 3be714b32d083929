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
from adapters.rds.points import Original, Place, RecoveryPoint, RecoveryPoints, SavedState
from adapters.rds.recovery import RECOVERY_READS, Recovery, has_failed
from adapters.rds.restores import (
    LONGEST_NAME,
    NAME,
    CreateMember,
    RenameDatabase,
    RestoreSnapshot,
    RestoreToPointInTime,
)

__all__ = [
    "LONGEST_NAME",
    "NAME",
    "READS",
    "RECOVERY_READS",
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
