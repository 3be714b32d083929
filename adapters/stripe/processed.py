"""
Which events our endpoint has processed, by the table that it keeps in the company's database so as
to process each once. An event that was taken and not processed yet has no `processed_at`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.postgres_calls import PostgresCalls
from bot.runbook.errors import Refused

PROCESSED = """
    SELECT event_id, processed_at FROM processed_stripe_events
    WHERE event_id = ANY($1::text[]) AND processed_at IS NOT NULL
"""


class ProcessedEvents:
    def __init__(self, calls: PostgresCalls | None) -> None:
        self._calls = calls

    async def among(self, ids: Sequence[str]) -> Mapping[str, datetime]:
        """When each of these was processed that was. Raises Unreachable, Refused."""
        if self._calls is None:
            raise Refused("Nobody knows what was processed: no database is set. Set postgres.dsn.")
        rows = await self._calls.rows(PROCESSED, list(ids))
        found = {str(row["event_id"]): row["processed_at"] for row in rows}
        if any(not isinstance(at, datetime) or at.tzinfo is None for at in found.values()):
            raise Refused("processed_stripe_events.processed_at is no time with a time zone.")
        return found
