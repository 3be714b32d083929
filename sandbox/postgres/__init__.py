"""A real PostgreSQL of the sandbox's own: a primary, a replica, and what may fail of them."""

from sandbox.postgres.database import Database

__all__ = ["Database"]
