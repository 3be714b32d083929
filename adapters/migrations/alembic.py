"""Alembic: one row for where the database stands, and a word for each way."""

import re
from pathlib import Path

from adapters.migrations.argv import Kind
from adapters.migrations.told import Content
from adapters.migrations.tools import Applied
from adapters.plain import plain
from adapters.postgres_calls import PostgresCalls
from bot.runbook.errors import Refused

STANDS = "SELECT version_num FROM alembic_version"


class Alembic:
    kind: Kind = "alembic"
    command = ("alembic",)
    program = Path(__file__).with_name("in_image.py").read_text()
    needs = "Is alembic in it, and does it start where alembic.ini is?"
    mark = re.compile(r"Running (?:upgrade|downgrade) ")

    def done(self, marks: int) -> int:
        """It says a revision when it begins it."""
        return max(0, marks - 1)

    async def applied(self, calls: PostgresCalls, session: str) -> Applied:
        """Raises Refused when there is not just one revision, Unreachable."""
        rows = await calls.rows(STANDS, application=session)
        if len(rows) != 1:
            raise Refused(
                f"alembic_version has {len(rows)} rows, and the bot migrates from just one"
                " revision. Do this migration by hand. Nothing was changed."
            )
        return Applied(plain(rows[0]["version_num"], 40))

    def compared(self, content: Content, applied: Applied) -> Content:
        """The image itself has looked for where the database stands."""
        return content
