"""Schema migrations: what an image has of them, where the database stands, and how to move it."""

from adapters.migrations.adapter import READS, Migrations
from adapters.migrations.alembic import Alembic
from adapters.migrations.changes import DowngradeSchema, MigrateSchema
from adapters.migrations.django import Django
from adapters.migrations.facts import Image, Outcome, Pending, Schema, Script, Standing, Target

__all__ = [
    "READS",
    "Alembic",
    "Django",
    "DowngradeSchema",
    "Image",
    "MigrateSchema",
    "Migrations",
    "Outcome",
    "Pending",
    "Schema",
    "Script",
    "Standing",
    "Target",
]
