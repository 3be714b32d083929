"""
Django: a row for each migration of each app, and one word for both ways.

A revision is `app.0003_name`, of the one app that the settings name; before its first one the
database stands at `app.zero`.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.migrations.argv import Kind
from adapters.migrations.told import Content
from adapters.migrations.tools import Applied
from adapters.plain import plain
from adapters.postgres_calls import PostgresCalls

#: In the order in which they were applied, which is that of the graph.
APPLIED = "SELECT app, name FROM django_migrations ORDER BY id"


@dataclass(frozen=True)
class Django:
    app: str
    kind: Kind = "django"
    command: tuple[str, ...] = ("python", "manage.py")
    program: str = Path(__file__).with_name("in_django_image.py").read_text()
    needs: str = "Is Django in it, and does it start where manage.py is?"
    mark: re.Pattern[str] = re.compile(r"\s*(?:Applying|Unapplying) .*\.\.\. (?:OK|FAKED)")

    def done(self, marks: int) -> int:
        """The line of a migration is whole once that is over."""
        return marks

    async def applied(self, calls: PostgresCalls, session: str) -> Applied:
        rows = await calls.rows(APPLIED, application=session)
        every = [f"{plain(row['app'], 100)}.{plain(row['name'], 200)}" for row in rows]
        mine = [one for one in every if self._is_mine(one)]
        return Applied(mine[-1] if mine else f"{self.app}.zero", frozenset(every))

    def compared(self, content: Content, applied: Applied) -> Content:
        """`migrate` applies whatever is missing on the way, in other apps too: not unapproved."""
        mine = {one for one in applied.every if self._is_mine(one)}
        if not content.error and mine != content.behind:
            odd = ", ".join(sorted(mine ^ content.behind)[:5])
            error = f"what is applied is not just what leads to {applied.stands}: {odd}"
            return replace(content, error=error)
        scripts = tuple(
            one.model_copy(
                update={"needs": tuple(need for need in one.needs if need not in applied.every)}
            )
            for one in content.scripts
        )
        return replace(content, scripts=scripts)

    def _is_mine(self, revision: str) -> bool:
        return revision.startswith(f"{self.app}.")
