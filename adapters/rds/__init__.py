"""Amazon RDS: what kind of database it is, who writes, and how to make another one write."""

from adapters.rds.adapter import READS, Rds
from adapters.rds.changes import FailOver, RebootWithFailover, TakeSnapshot
from adapters.rds.facts import Database, Instance

__all__ = [
    "READS",
    "Database",
    "FailOver",
    "Instance",
    "Rds",
    "RebootWithFailover",
    "TakeSnapshot",
]
