"""
The rows of sessions as they stand, for the evidence. They may hold secrets: nobody is shown them.
"""

import json
from collections.abc import Sequence
from typing import Any

from adapters.accounts.queries import SESSIONS
from adapters.postgres_transactions import Database


class SessionRows:
    """Implements adapters.evidence.adapter.Sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, users: Sequence[int]) -> Sequence[Any]:
        """Each with all its columns, revoked and expired ones too. Raises Unreachable, Refused."""
        rows = await self._database.rows(SESSIONS, list(users))
        return [json.loads(row["session"]) for row in rows]
