"""What an image has of migrations, and what they leave in the database."""

import re
from datetime import datetime
from typing import Any

from adapters.migrations.argv import Kind, Way, argv
from adapters.migrations.changes import DowngradeSchema, MigrateSchema
from adapters.plain import plain
from bot.runbook import Facts, File, Table
from bot.runbook.errors import Refused

LONGEST_TITLE = 120
#: Of what alembic itself puts around each script: no downgrade consists of it alone.
AROUND = re.compile(r"^(BEGIN;|COMMIT;|--.*|UPDATE alembic_version .*|)$", re.MULTILINE)
NAME = r"(?P<table>[\w.\"]+)"
CREATES_TABLE = re.compile(rf"^CREATE TABLE (?:IF NOT EXISTS )?{NAME}", re.MULTILINE)
ADDS_COLUMN = re.compile(
    rf"^ALTER TABLE {NAME} ADD COLUMN (?:IF NOT EXISTS )?(?P<column>[\w\"]+)", re.MULTILINE
)
CREATES_INDEX = re.compile(
    r"^CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(?P<table>[\w.\"]+)",
    re.MULTILINE,
)
DROPS_TABLE = re.compile(rf"^DROP TABLE (?:IF EXISTS )?{NAME}", re.MULTILINE)
DROPS_COLUMN = re.compile(rf"^ALTER TABLE {NAME} DROP COLUMN (?P<column>[\w\"]+)", re.MULTILINE)
DROPS_INDEX = re.compile(
    r"^DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?(?P<table>[\w.\"]+)", re.MULTILINE
)


class Script(Facts):
    """One revision. Its SQL is written offline, within the image."""

    revision: str
    down: str  #: What it follows; several of them, by commas, when it joins branches.
    title: str = ""
    up_sql: str = ""
    down_sql: str = ""
    no_up_sql: str = ""  #: Why it has none.
    no_down_sql: str = ""
    needs: tuple[str, ...] = ()  #: Of other apps, and not applied yet.

    @property
    def no_downgrade(self) -> str:
        """Why it cannot be taken back; empty: it can."""
        if self.no_down_sql:
            return self.no_down_sql
        is_empty = not AROUND.sub("", self.down_sql).strip()
        does = AROUND.sub("", self.up_sql).strip()
        return "its downgrade does nothing" if is_empty and does else ""

    @property
    def label(self) -> str:
        return f"{self.revision}: {self.title}" if self.title else self.revision


class Target(Facts):
    """A revision that can be migrated to, and how many are run for it."""

    revision: str
    title: str = ""
    number: int = 1


class Thing(Facts):
    """A table, a column or an index that a migration makes, by names as SQL has them."""

    kind: str
    table: str  #: Of an index its own name.
    column: str = ""

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}" if self.column else self.table


class Standing(Facts):
    """The revision in the version table."""

    stands: str
    as_of: datetime  #: By AWS's clock, which is the tasks' too.


class Image(Facts):
    """The image that a service runs now, and where the database stands."""

    cluster: str
    database: str
    kind: Kind
    tool: tuple[str, ...]  #: How the tool is called in it.
    service: str
    task_definition: str
    container: str
    image: str
    stands: str
    scripts: tuple[Script, ...] = ()  #: What follows where it stands, in no order.
    left_out: int = 0  #: Further ones, which are not told.
    error: str = ""  #: Why the image cannot say it.
    as_of: datetime

    def path(self, revision: str) -> tuple[Script, ...]:
        """What is run to come there, in its order. Raises Refused when there is no such way."""
        by_revision = {one.revision: one for one in self.scripts}
        found: list[Script] = []
        at = revision
        while at != self.stands:
            script = by_revision.pop(at, None)
            if script is None:
                raise Refused(
                    f"{plain(revision, 200)} does not follow {self.stands}, where the database"
                    f" stands, by single steps in {self.image}. Nothing was changed."
                )
            if script.needs:
                raise Refused(
                    f"{script.revision} needs {', '.join(script.needs)}, which the database does"
                    " not have. Migrate that first. Nothing was changed."
                )
            found.append(script)
            at = script.down
        return tuple(reversed(found))

    def targets(self) -> tuple[Target, ...]:
        """Whatever can be migrated to, the furthest first."""
        found = []
        for one in self.scripts:
            try:
                number = len(self.path(one.revision))
            except Refused:
                continue
            found.append(Target(revision=one.revision, title=one.title, number=number))
        return tuple(sorted(found, key=lambda one: (-one.number, one.revision)))

    def migrate(self, run: str, pending: "Pending", now: Standing) -> MigrateSchema:
        """`now` is from where; and when, so that a task of an earlier try is not this one's."""
        return MigrateSchema(
            **self._task(run, now, "upgrade", pending.revision), steps=pending.revisions
        )

    def downgrade(self, run: str, to: str, now: Standing) -> DowngradeSchema:
        """Raises Refused when the image knows no such way."""
        there = self.model_copy(update={"stands": to})
        steps = tuple(one.revision for one in reversed(there.path(now.stands)))
        return DowngradeSchema(**self._task(run, now, "downgrade", to), steps=steps)

    def _task(self, run: str, now: Standing, way: Way, revision: str) -> dict[str, Any]:
        return {
            "run": run,
            "since": now.as_of,
            "cluster": self.cluster,
            "service": self.service,
            "task_definition": self.task_definition,
            "container": self.container,
            "database": self.database,
            "argv": argv(self.kind, self.tool, way, revision),
            "revision": revision,
            "replacing": now.stands,
        }


class Pending(Facts):
    """What is run, in its order."""

    stands: str
    revision: str
    scripts: tuple[Script, ...]

    @property
    def revisions(self) -> tuple[str, ...]:
        return tuple(one.revision for one in self.scripts)

    @property
    def without_downgrade(self) -> tuple[Script, ...]:
        return tuple(one for one in self.scripts if one.no_downgrade)

    @property
    def without_sql(self) -> tuple[Script, ...]:
        return tuple(one for one in self.scripts if one.no_up_sql)

    def expected(self) -> tuple[Thing, ...]:
        """What is there afterwards, as far as the SQL says it in the words of the tool."""
        there: dict[tuple[str, str, str], Thing] = {}
        for script in self.scripts:
            for pattern, kind in (
                (DROPS_TABLE, "table"),
                (DROPS_COLUMN, "column"),
                (DROPS_INDEX, "index"),
            ):
                for found in pattern.finditer(script.up_sql):
                    there.pop(_key(kind, found), None)
            for pattern, kind in (
                (CREATES_TABLE, "table"),
                (ADDS_COLUMN, "column"),
                (CREATES_INDEX, "index"),
            ):
                for found in pattern.finditer(script.up_sql):
                    key = _key(kind, found)
                    there[key] = Thing(kind=key[0], table=key[1], column=key[2])
        return tuple(there.values())

    def table(self) -> Table:
        rows = tuple(
            (one.revision, one.title[:LONGEST_TITLE], one.no_downgrade or "yes")
            for one in self.scripts
        )
        return Table(("Revision", "What it is", "Can be taken back"), rows)

    def file(self) -> File:
        parts = []
        for one in self.scripts:
            why = f"-- no SQL: {one.no_up_sql}" if one.no_up_sql else ""
            parts.append("\n".join(filter(None, (f"-- {one.label}", why, one.up_sql))))
        return File(f"migration-{self.stands}-{self.revision}.sql", "\n".join(parts))


class Schema(Facts):
    """Where the database stands, and what of the expected is there."""

    stands: str
    missing: tuple[str, ...] = ()
    found: tuple[tuple[str, str, str], ...] = ()  #: Kind, name, and the column's type.
    invalid_indexes: tuple[str, ...] = ()

    def table(self) -> Table:
        rows = (*self.found, *((*one.split(" ", 1), "missing") for one in self.missing))
        return Table(("Kind", "Name", "Is"), rows)


class Outcome(Facts):
    """How a migration's task ended, and where the database stands."""

    stands: str
    exit_code: int | None = None  #: None: ECS does not know the task any more, or it never ran.
    why: str = ""  #: In ECS's words, with the last line of its log.
    lines: tuple[str, ...] = ()

    def file(self) -> File:
        return File("migration.log", "\n".join(self.lines))


def _key(kind: str, found: re.Match[str]) -> tuple[str, str, str]:
    column = found.groupdict().get("column") or ""
    return kind, found["table"].replace('"', ""), column.replace('"', "")
