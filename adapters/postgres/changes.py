"""
What can be changed about a database: a session ends, a table is vacuumed, an index is made or
dropped. Names are chosen from what exists; no SQL is typed by anybody.

The statement that is run is one that the server has written itself, with `format('%I')`, from its
own catalogue; and it must be the one that was approved, letter by letter.
"""

from datetime import datetime
from typing import Literal

from adapters.postgres.identifiers import qualified, quoted
from bot.runbook import CHANGE, DESTROY, Change

How = Literal["cancel", "terminate"]


class EndSession(Change):
    """
    Cancel the query of an active session, terminate one that idles in a transaction. It is for
    this transaction of this session: another one is never ended for it.
    """

    effect = DESTROY
    repeatable = True

    run: str
    database: str
    pid: int
    backend_start: datetime
    transaction_start: datetime | None
    query_start: datetime | None  #: Of the query to cancel.
    how: How

    def target(self) -> str:
        return f"postgres/{self.database}/pid/{self.pid}"

    def command(self) -> str:
        return (
            f"SELECT pg_{self.how}_backend({self.pid});"
            f" -- of {self.backend_start:%Y-%m-%d %H:%M:%S} UTC"
        )

    def then(self) -> str:
        what = "its query is cancelled" if self.how == "cancel" else "it is disconnected"
        return f"the transaction of pid {self.pid} is undone and its locks are free: {what}"


class _OfTable(Change):
    effect = CHANGE

    run: str
    database: str
    schema_name: str
    table: str
    oid: int  #: Of the table: one made anew by that name is another.

    def target(self) -> str:
        return f"postgres/{self.database}/{self.schema_name}.{self.table}"

    def statement(self) -> str:
        raise NotImplementedError

    def command(self) -> str:
        return f"{self.statement()};"

    @property
    def table_in_sql(self) -> str:
        return qualified(self.schema_name, self.table)


class Vacuum(_OfTable):
    """Frees dead rows for new ones, and renews what the planner knows. Nobody is locked out."""

    repeatable = True

    since: datetime  #: By the database's clock, when this was planned.

    def statement(self) -> str:
        return f"VACUUM (ANALYZE) {self.table_in_sql}"

    def then(self) -> str:
        return f"{self.table_in_sql} is vacuumed, but for rows that an old transaction may need"


class CreateIndex(_OfTable):
    """
    Made beside the table's work, which goes on. One by that name and definition that was begun
    and never finished is dropped first: it will never be used.
    """

    repeatable = True

    index: str
    columns: tuple[str, ...]

    def statement(self) -> str:
        return f"CREATE INDEX CONCURRENTLY {self._what()}"

    def definition(self) -> str:
        """As pg_get_indexdef says it."""
        return f"CREATE INDEX {self._what()}"

    def command(self) -> str:
        drop = f"{self.undo().command()} " if self.replacing is not None else ""
        return f"{drop}{self.statement()};"

    def then(self) -> str:
        return f"{quoted(self.index)} on {self.table_in_sql} is valid"

    def undo(self) -> "DropIndex":
        return DropIndex(
            run=self.run,
            database=self.database,
            schema_name=self.schema_name,
            table=self.table,
            oid=self.oid,
            index=self.index,
            definition=self.definition(),
            replacing="valid",
        )

    def _what(self) -> str:
        columns = ", ".join(map(quoted, self.columns))
        return f"{quoted(self.index)} ON {self.table_in_sql} USING btree ({columns})"


class DropIndex(_OfTable):
    """Whatever reads by it is slow afterwards."""

    effect = DESTROY
    repeatable = True

    index: str
    definition: str  #: What it is now: another one by that name is left alone.

    def statement(self) -> str:
        return f"DROP INDEX CONCURRENTLY {qualified(self.schema_name, self.index)}"

    def then(self) -> str:
        return f"there is no index {qualified(self.schema_name, self.index)}"


class DropInvalidIndex(DropIndex):
    """One that was begun and never finished: nothing reads by it, and every write keeps it."""

    effect = CHANGE
