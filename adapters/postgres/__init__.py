"""The production PostgreSQL: what it is busy with, and careful ways to help it."""

from adapters.postgres.adapter import Postgres
from adapters.postgres.backfills import Backfill, RunBackfill, catalogue
from adapters.postgres.bloat import Bloat, Holder, TableBloat
from adapters.postgres.blocking import Locks, Root
from adapters.postgres.changes import (
    CreateIndex,
    DropIndex,
    DropInvalidIndex,
    EndSession,
    Vacuum,
)
from adapters.postgres.connectivity import CATCH_UP, Connectivity
from adapters.postgres.estimating import Estimate, Left
from adapters.postgres.indexes import Indexes, Remedy, Scanned
from adapters.postgres.integrity import Comparison, Contents, TableContents
from adapters.postgres.sessions import Activity, Session
from adapters.postgres_calls import Cause

__all__ = [
    "CATCH_UP",
    "Activity",
    "Backfill",
    "Bloat",
    "Cause",
    "Comparison",
    "Connectivity",
    "Contents",
    "CreateIndex",
    "DropIndex",
    "DropInvalidIndex",
    "EndSession",
    "Estimate",
    "Holder",
    "Indexes",
    "Left",
    "Locks",
    "Postgres",
    "Remedy",
    "Root",
    "RunBackfill",
    "Scanned",
    "Session",
    "TableBloat",
    "TableContents",
    "Vacuum",
    "catalogue",
]
