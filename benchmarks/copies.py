"""
Many runs where there was one: all rows of a run that the bot itself wrote, copied with other ids,
so that a store of 100,000 runs is made in a minute and each of them is as the engine writes it.

In every text the ids of the run, of its plans and questions and of what it is about are replaced,
digests and the chain of the audit log are made anew, and all times are moved into the past. No bot
is on the store meanwhile.
"""

import asyncio
import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import asyncpg
import sqlalchemy as sa

from bot.engine.beginning import ID_ALPHABET
from bot.engine.reading import QUESTIONS
from bot.store.auditing import head_of
from bot.store.chain import Entry, Head, follow
from bot.store.outbox_tables import messages, outbox, rooms
from bot.store.store import Store
from bot.store.tables import (
    audit,
    changes,
    decisions,
    events,
    locks,
    plans,
    runs,
    steps,
    waits,
    work,
)

Row = dict[str, Any]
Values = tuple[Any, ...]
Batch = Mapping[str, list[Values]]

TABLES = (
    runs, steps, events, work, plans, decisions, changes, waits, locks, rooms, outbox, messages,
    audit,
)  # fmt: skip
OF_PLANS = (decisions, changes)
#: What is written at once, in runs.
AT_ONCE = 500
#: Digests, and what each of them is of.
DIGESTS = ((plans, "digest", "text"), (outbox, "hash", "payload"))


@dataclass(frozen=True)
class Template:
    """A run's rows. `name`: what it is about, and part of the keys of its events."""

    run_id: str
    name: str
    rows: Mapping[str, Sequence[Row]]

    def opaque(self) -> Iterator[str]:
        """The ids that say nothing: of its plans and questions."""
        yield from (row["id"] for row in self.rows["plans"])
        yield from (row["id"] for row in self.rows["waits"] if row["kind"] in QUESTIONS)

    def digests(self) -> Iterator[tuple[str, str]]:
        """Each with the text that it is of."""
        for table, name, of in DIGESTS:
            for row in self.rows[table.name]:
                if hashlib.sha256(row[of].encode()).hexdigest() == row[name]:
                    yield row[name], row[of]


async def template(store: Store, run_id: str, name: str) -> Template:
    """`name` is in nothing else that is said of the run."""

    def read(c: sa.Connection) -> dict[str, list[Row]]:
        return {table.name: _rows(c, table, run_id, name) for table in TABLES}

    return Template(run_id, name, await store.read(read))


def _rows(c: sa.Connection, table: sa.Table, run_id: str, name: str) -> list[Row]:
    if table is runs:
        mine = table.c.id == run_id
    elif table is locks:
        mine = table.c.target.contains(name)
    elif table in OF_PLANS:
        mine = table.c.plan.in_(sa.select(plans.c.id).where(plans.c.run == run_id))
    else:
        mine = table.c.run == run_id
    columns = [column for column in table.c if column.autoincrement is not True]
    query = sa.select(*columns).where(mine).order_by(*table.primary_key)
    return [dict(row) for row in c.execute(query).mappings()]


class _Copier:
    """Makes the rows of one copy after another, the oldest first."""

    def __init__(self, of: Template, head: Head) -> None:
        self._of, self.head = of, head
        self._opaque, self._digests = tuple(of.opaque()), dict(of.digests())
        marks = (of.run_id, of.name, *self._opaque, *self._digests)
        self._marks = re.compile(f"({'|'.join(map(re.escape, marks))})")
        self._texts = {digest: self._cut(text) for digest, text in self._digests.items()}
        self._cells = {
            table.name: [
                [self._cell(table.c[name], value) for name, value in row.items()]
                for row in of.rows[table.name]
            ]
            for table in TABLES
        }

    def copy(self, number: int, ago_s: float) -> tuple[str, Mapping[str, list[Values]]]:
        """The id of the run, and its rows. `ago_s`: how much older it is."""
        run_id = short_id(number)
        known = {self._of.run_id: run_id, self._of.name: f"{self._of.name}-{number}"}
        known |= {one: _alike(one, number) for one in self._opaque}
        for digest, parts in self._texts.items():
            known[digest] = hashlib.sha256(_filled(parts, known).encode()).hexdigest()
        rows = {
            name: [
                tuple([cell(known, ago_s) if callable(cell) else cell for cell in cells])
                for cells in table
            ]
            for name, table in self._cells.items()
        }
        rows["audit"] = [self._chained(*row) for row in rows["audit"]]
        return run_id, rows

    def _cut(self, text: str) -> Sequence[str]:
        """Every second part is one of the marks."""
        return self._marks.split(text)

    def _cell(self, column: sa.Column[Any], value: Any) -> Any:
        """The value of every copy, or what makes it from what is known of one."""
        if isinstance(value, str) and column.name in ("ts", "thread_ts"):
            return lambda _known, ago_s: f"{float(value) - ago_s:.6f}"
        if isinstance(value, str):
            parts = self._cut(value)
            return value if len(parts) == 1 else lambda known, _ago_s: _filled(parts, known)
        is_time = isinstance(column.type, sa.Double) and column.name != "progress"
        return (lambda _known, ago_s: value - ago_s) if is_time and value is not None else value

    def _chained(self, *row: Any) -> Entry:
        _seq, *says, _before, _hash = row
        entry = follow(self.head, *says)
        self.head = Head(entry.seq, entry.hash)
        return entry


def _filled(parts: Sequence[str], known: Mapping[str, str]) -> str:
    filled = list(parts)
    filled[1::2] = [known[mark] for mark in parts[1::2]]
    return "".join(filled)


def short_id(number: int) -> str:
    """As a run's id looks; of five characters, which the bot gives when those of four are used."""
    digits = []
    for _ in range(5):
        number, digit = divmod(number, len(ID_ALPHABET))
        digits.append(ID_ALPHABET[digit])
    return "".join(reversed(digits))


def _alike(opaque: str, number: int) -> str:
    """Another opaque id of the same length."""
    return f"{number:07}{opaque[7:]}"


async def multiply(url: str, of: Template, count: int, apart_s: float) -> Sequence[str]:
    """The ids of the copies, the oldest first; each began so many seconds after the one before."""
    store = Store(url)
    await store.open()
    copier, ids = _Copier(of, await store.read(head_of)), []
    await store.close()

    def batches() -> Iterator[Batch]:
        for first in range(0, count, AT_ONCE):
            batch: dict[str, list[Values]] = {table.name: [] for table in TABLES}
            for number in range(first, min(first + AT_ONCE, count)):
                run_id, rows = copier.copy(number, (count - number) * apart_s)
                ids.append(run_id)
                for name, more in rows.items():
                    batch[name] += more
            yield {name: rows for name, rows in batch.items() if rows}

    columns = {name: list(rows[0]) for name, rows in of.rows.items() if rows}
    if sa.make_url(url).get_backend_name() == "sqlite":
        await asyncio.to_thread(_into_file, url, columns, batches(), copier)
    else:
        await _into_server(url, columns, batches(), copier)
    return ids


def _into_file(
    url: str, columns: Mapping[str, list[str]], batches: Iterator[Batch], copier: _Copier
) -> None:
    path = str(sa.make_url(url).database)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous=off")
        connection.execute("begin")
        for batch in batches:
            for name, rows in batch.items():
                places = ", ".join("?" * len(columns[name]))
                names = ", ".join(f'"{column}"' for column in columns[name])
                connection.executemany(f"insert into {name} ({names}) values ({places})", rows)
        connection.execute("update audit_head set seq = ?, hash = ?", copier.head)
        connection.execute("commit")
        connection.execute("pragma wal_checkpoint(truncate)")


async def _into_server(
    url: str, columns: Mapping[str, list[str]], batches: Iterator[Batch], copier: _Copier
) -> None:
    connection = await asyncpg.connect(url)
    try:
        # Without the triggers of the audit log, which look for the newest entry for each row.
        await connection.execute("set session_replication_role = replica")
        async with connection.transaction():
            for batch in batches:
                for name, rows in batch.items():
                    await connection.copy_records_to_table(
                        name, columns=columns[name], records=rows
                    )
            await connection.execute("update audit_head set seq = $1, hash = $2", *copier.head)
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
