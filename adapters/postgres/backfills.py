"""
Backfills as the catalogue has them, and the change that carries one out.

A backfill is written by a developer, reviewed like any code, and chosen by its name: nobody types
SQL in Slack. What is approved is the statement of one batch, letter by letter.
"""

import re
from collections.abc import Mapping

from pydantic import Field, field_validator

from adapters.postgres.identifiers import qualified, quoted
from bot.runbook import DESTROY, Change
from bot.runbook.errors import BookError
from bot.runbook.values import Value

#: What would end the statement, hide a part of it, or stand for a value of another one.
NOT_AN_EXPRESSION = re.compile(r";|--|/\*|\$|\\")


class Backfill(Value):
    """The rows of `table` for which `todo` is true get `expression` as their `column`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
    title: str
    schema_name: str = "public"
    table: str
    key: str = "id"  #: A whole number that is unique and never NULL.
    column: str
    expression: str  #: SQL, of one row: the same row gives the same value whenever it is asked.
    todo: str = ""  #: SQL; '': the column is NULL. No longer true of a row that is filled.
    right: str  #: SQL: what is true of a row whose value is right.
    take_back: str  #: For whoever approves: how it is taken back, by hand.

    @field_validator("expression", "todo", "right")
    @classmethod
    def _is_an_expression(cls, sql: str) -> str:
        if NOT_AN_EXPRESSION.search(sql) or sql.count("(") != sql.count(")"):
            raise ValueError(f"{sql!r} is not one expression")
        return sql

    @property
    def rows(self) -> str:
        """Which rows are to be filled, as SQL."""
        return self.todo or f"{quoted(self.column)} IS NULL"

    @property
    def table_in_sql(self) -> str:
        return qualified(self.schema_name, self.table)


def catalogue(*backfills: Backfill) -> Mapping[str, Backfill]:
    """By name. Raises BookError when two are called the same."""
    by_name: dict[str, Backfill] = {}
    for one in backfills:
        if one.name in by_name:
            raise BookError(f"two backfills are called {one.name}")
        by_name[one.name] = one
    return by_name


class RunBackfill(Change):
    """
    Batch after batch, each in a transaction of its own together with the note of how far it is.
    Whatever was done stays done, and whoever goes on goes on after it.
    """

    effect = DESTROY
    repeatable = True
    in_parts = True

    run: str
    database: str
    backfill: str  #: Its name in the catalogue.
    schema_name: str
    table: str
    oid: int  #: Of the table: one made anew by that name is another.
    key: str
    column: str
    expression: str
    todo: str
    batch: int  #: Rows.
    pause_s: float  #: Between two batches, when the database is not busy.
    upper: int  #: The highest key when this was planned; what comes later is done at the end.
    rows: int  #: To be filled when this was planned.

    def target(self) -> str:
        return f"postgres/{self.database}/{self.schema_name}.{self.table}"

    def statement(self) -> str:
        """Of one batch: $1 is the key after which it begins, $2 the last one of it."""
        key = quoted(self.key)
        return (
            f"UPDATE {self.table_in_sql} SET {quoted(self.column)} = {self.expression}"
            f" WHERE {key} > $1 AND {key} <= $2 AND ({self.todo})"
            f" AND ({self.expression}) IS NOT NULL"
        )

    def command(self) -> str:
        return (
            f"{self.statement()}; -- in batches of {self.batch:,} rows, {self.pause_s:g} s apart;"
            f" then ANALYZE {self.table_in_sql};"
        )

    def then(self) -> str:
        column = f"{quoted(self.column)} of {self.table_in_sql}"
        return f"{column} is filled in {self.rows:,} rows, and in those that come meanwhile"

    @property
    def table_in_sql(self) -> str:
        return qualified(self.schema_name, self.table)
