"""
How fast the audit log is verified and written to.

Aim: 100,000 entries are verified in less than 2 s, the store read from the disk included. Beside
it, in the same run, the floor: sha-256 alone, over the same bytes. And what an entry adds to a
transaction that writes anyway.

    python benchmarks/bench_audit.py [ENTRIES]
"""

import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.engine.audit import note
from bot.store.auditing import entries_after, every_entry, verdict_of
from bot.store.beside import beside
from bot.store.chain import EMPTY, Entry, Head, canonical, follow, hashed
from bot.store.exporting import line, verify_lines
from bot.store.store import Store
from bot.store.tables import audit, audit_head

T = TypeVar("T")
ENTRIES = 100_000
AIM_S = 2.0
TIMES = 3  #: Each is measured so often; the median is told.
AT_ONCE = 5_000
TRANSACTIONS = 300


def filled(entries: int) -> Iterator[Entry]:
    """As runs leave them behind: one request in thirty, with what was shown; the rest shorter."""
    shown = {"command": "aws ecs update-service --cluster production --service complyai-core"}
    request = {"digest": "ab" * 32, "plan": "x" * 22, "shown": [shown] * 3, "role": "operator"}
    reading = {"attempt": 1, "outcome": "ok", "says": "4 of 4 tasks run, steady for 3 h 12 min"}
    head = EMPTY
    for n in range(entries):
        body = canonical(request if n % 30 == 0 else reading | {"number": n})
        entry = follow(head, 1.7e9 + n * 1.37, f"R{n // 60}", "returned", "services", "U1", body)
        head = Head(entry.seq, entry.hash)
        yield entry


async def fill(store: Store, entries: int) -> None:
    made = list(filled(entries))

    def write(c: sa.Connection) -> None:
        for at in range(0, entries, AT_ONCE):
            c.execute(sa.insert(audit), [one._asdict() for one in made[at : at + AT_ONCE]])
        c.execute(sa.update(audit_head).values(seq=made[-1].seq, hash=made[-1].hash))

    await store.tx(write)


def median_s(work: Callable[[], object]) -> float:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return sorted(took)[TIMES // 2]


def tell(what: str, seconds: float, count: int) -> None:
    print(f"{what:<44} {seconds:7.3f} s  {count / seconds:>11,.0f} entries/s")


def verified(path: Path, entries: int) -> float:
    url = sa.URL.create("sqlite", database=str(path))

    async def verify() -> None:
        async with beside(url) as look:
            verdict = await look.read(verdict_of, [])
        assert verdict.is_whole and verdict.count == entries

    async def read() -> list[Entry]:
        async with beside(url) as look:
            return await look.read(lambda c: list(every_entry(c)))

    stored = asyncio.run(read())
    written = [hashed(one) for one in stored]
    lines = [line(one) for one in stored]
    size = sum(map(len, written)) / entries
    took_s = median_s(lambda: asyncio.run(verify()))
    print(f"{entries:,} entries, {size:.0f} bytes hashed of each; median of {TIMES}")
    tell("verify the store", took_s, entries)
    tell("verify an export", median_s(lambda: verify_lines(lines)), entries)
    tell("read the store, nothing else", median_s(lambda: asyncio.run(read())), entries)
    floor_s = median_s(lambda: [hashlib.sha256(one).hexdigest() for one in written])
    tell("floor: sha-256 alone over the same bytes", floor_s, entries)
    return took_s


async def adding(store: Store) -> None:
    """A transaction of one row, with and without entries: the difference is what they cost."""
    rows = sa.table("bench", sa.column("n"))
    await store.tx(lambda c: c.execute(sa.text("create table bench (n integer)")))

    def write(c: sa.Connection, entries: int) -> None:
        c.execute(sa.insert(rows).values(n=1))
        for _ in range(entries):
            note(c, time.time(), "7F3K", "returned", "services", "U1", outcome="ok", says="steady")

    for entries in (0, 1, 4):
        began = time.perf_counter()
        for _ in range(TRANSACTIONS):
            await store.tx(write, entries)
        each_ms = (time.perf_counter() - began) / TRANSACTIONS * 1000
        print(f"a transaction with {entries} entries {each_ms:23.2f} ms")


async def written_to(path: Path, entries: int) -> None:
    store = Store(f"sqlite:///{path}")
    await store.open()
    await fill(store, entries)
    await adding(store)
    left = await store.read(entries_after, entries)
    assert len(left) == min(1000, TRANSACTIONS * 5)
    await store.close()


def main() -> int:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bot.db"
        asyncio.run(written_to(path, entries))
        total = entries + TRANSACTIONS * 5
        per_aim = verified(path, total) / total * ENTRIES
    met = "met" if per_aim < AIM_S else "MISSED"
    print(f"aim: {ENTRIES:,} in less than {AIM_S:g} s. {met}: {per_aim:.2f} s")
    return 0 if per_aim < AIM_S else 1


if __name__ == "__main__":
    sys.exit(main())
