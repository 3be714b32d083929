"""What one replica tells all the others, the moment it is committed."""

import sqlalchemy as sa

CHANNEL = "runbook_bot"
#: There is something to deliver. Whatever else is told is the id of work that is to stop.
DELIVER = "deliver"


def tell_others(c: sa.Connection, text: str) -> None:
    """On SQLite there are none."""
    if c.dialect.name == "postgresql":
        c.execute(sa.select(sa.func.pg_notify(CHANNEL, text)))
