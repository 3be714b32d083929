"""The audit log in the database: only ever added to, and chained whatever was there before."""

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bot.engine.audit import note
from bot.store.auditing import entries_after, verdict_of
from bot.store.store import Store
from tests.store.databases import DATABASES, place

pytestmark = pytest.mark.parametrize("database", DATABASES)


async def noted(store: Store, count: int, run: str = "7F3K") -> None:
    def write(c: sa.Connection) -> None:
        for n in range(count):
            note(c, 1_700_000_000.0 + n, run, "returned", f"s{n}", "U1", says=f"reading {n}")

    await store.tx(write)


async def refuses(store: Store, statement: str) -> None:
    with pytest.raises(DBAPIError, match="only ever added to"):
        await store.tx(lambda c: c.execute(sa.text(statement)))


async def test_no_entry_is_changed_removed_replaced_or_put_in_between(
    database: str, tmp_path: Path
) -> None:
    async with place(database, tmp_path) as there:
        store = await there.open()
        await noted(store, 3)
        added = "into audit (seq, at, what, about, body, before, hash) values ({}, 1, {})"
        rest = "'x', 'x', '{}', '', ''"
        only = {
            "sqlite": [
                f"insert or replace {added.format(2, rest)}",
                f"replace {added.format(3, rest)}",
                "update or replace audit set seq = 3 where seq = 2",
            ],
            "postgresql": [
                "truncate audit",
                f"insert {added.format(2, rest)} on conflict (seq) do update set about = 'x'",
            ],
        }
        for statement in (
            "update audit set about = 'forged' where seq = 2",
            "update audit set seq = 9 where seq = 3",
            "delete from audit where seq = 3",
            "delete from audit",
            f"insert {added.format(2, rest)}",
            f"insert {added.format(5, rest)}",
            *only[database],
        ):
            await refuses(store, statement)
        assert (await store.read(verdict_of, [])).is_whole
        assert len(await store.read(entries_after, 0)) == 3


async def test_what_was_noted_before_is_chained_in_its_order(
    database: str, tmp_path: Path
) -> None:
    async with place(database, tmp_path) as there:
        await there.made_at("0002", _write_old)
        store = await there.open()
        whole = await store.read(verdict_of, [])
        assert whole.is_whole and whole.count == 2003
        last = await store.read(entries_after, 2000)
        assert [(one.seq, one.about) for one in last] == [
            (2001, "s2000"), (2002, "s2001"), (2003, "s2002"),
        ]  # fmt: skip
        assert json.loads(last[0].body) == {"says": "", "why": "grün"}
        await noted(store, 2)
        verdict = await store.read(verdict_of, [])
        assert verdict.is_whole and verdict.count == 2005


async def test_replicas_that_note_at_once_never_fork_the_chain(
    database: str, tmp_path: Path
) -> None:
    """On SQLite there is one writer; on PostgreSQL two bots with eight connections each."""
    async with place(database, tmp_path) as there:
        first = await there.open()
        second = first if database == "sqlite" else await there.open()

        def write(c: sa.Connection, bot: int, turn: int) -> None:
            for n in range(turn % 3 + 1):
                note(c, 1.0 + n, f"R{bot}", "returned", f"s{turn}", "U1", says=str(n))
            if turn % 7 == 0:
                raise ZeroDivisionError

        turns = [
            store.tx(write, bot, turn)
            for turn in range(150)
            for bot, store in enumerate((first, second))
        ]
        ended = await asyncio.gather(*turns, return_exceptions=True)
        assert {type(one) for one in ended} == {type(None), ZeroDivisionError}
        verdict = await first.read(verdict_of, [])
        assert verdict.is_whole, verdict.faults
        assert verdict.count == 2 * sum(n % 3 + 1 for n in range(150) if n % 7)


def _write_old(c: sa.Connection) -> None:
    """As the first version did it; a transaction that broke off had left a gap."""
    names = ("seq", "at", "run", "what", "about", "by", "body")
    old = sa.table("audit", *(sa.column(name) for name in names))
    body = json.dumps({"why": "grün", "says": ""}, default=str)
    rows = [
        {
            "seq": n + 1 + (n > 7), "at": 1.5e9 + n / 7, "run": None if n % 5 else "7F3K",
            "what": "returned", "about": f"s{n}", "by": "", "body": body,
        }
        for n in range(2003)
    ]  # fmt: skip
    c.execute(sa.insert(old), rows)
