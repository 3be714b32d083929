"""
Who holds up whom, by pg_blocking_pids: it knows what pg_locks alone does not tell, such as who
stands before whom in a queue.

Those at the root wait for nobody and are waited for. To end one of them frees all behind it; to
end anybody else frees few, and may be an innocent.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from operator import or_

from adapters.postgres.connecting import Source, session_name
from adapters.postgres.sessions import MOST, Session, by_pid
from bot.runbook import Facts, Table
from bot.runbook.showing import duration_text

#: For thousands of waiting sessions: each is looked at under locks that everybody needs.
LIMIT_S = 20.0
#: Each is asked for once, and only if it waits: asking holds up the whole server for a moment.
BLOCKED = """
    WITH waiting AS MATERIALIZED (
        SELECT pid FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()
    ), held AS MATERIALIZED (
        SELECT pid, pg_blocking_pids(pid) AS by FROM waiting
    )
    SELECT pid, by FROM held WHERE cardinality(by) > 0
"""
LONGEST_WAIT = """
    SELECT max(clock_timestamp() - waitstart) AS longest FROM pg_locks WHERE NOT granted
"""
#: As whom pg_blocking_pids names a prepared transaction, which has no session.
PREPARED = 0


class Root(Facts):
    """`session` is None for a prepared transaction."""

    session: Session | None
    directly: int  #: How many it holds up itself.
    in_all: int  #: With all who wait for those in turn.

    def label(self) -> str:
        what = self.session.label() if self.session else "a prepared transaction"
        return f"{what}, holds up {self.in_all}"


class Locks(Facts):
    """`roots` has those first that hold up most, and at most some of them."""

    roots: tuple[Root, ...] = ()
    roots_in_all: int = 0
    waiting: int = 0
    longest_wait: timedelta = timedelta()
    in_circles: int = 0  #: Wait for each other: PostgreSQL ends one of them within a second.

    @property
    def endable(self) -> tuple[Session, ...]:
        return tuple(r.session for r in self.roots if r.session and not r.session.protected)

    def says(self) -> str:
        if not self.waiting:
            return "Nobody waits for a lock"
        waits = (
            f"{self.waiting} wait for a lock, the longest for {duration_text(self.longest_wait)}"
        )
        if not self.roots:
            return waits
        return f"{waits}; at the root: {self.roots[0].label()}"

    def table(self) -> Table:
        columns = ("PID", "State", "For", "Holds up", "In all", "Who", "Never ended", "Query")
        return Table(columns, tuple(_row(root) for root in self.roots))


async def locks(source: Source, run: str) -> Locks:
    """Raises Unreachable, Refused."""
    name = session_name(run, "locks")
    rows = await source.rows(name, BLOCKED, limit_s=LIMIT_S)
    blocked = {row["pid"]: row["by"] for row in rows}
    if not blocked:
        return Locks()
    # With thousands this is work for a while; the loop has other things to do.
    tree = await asyncio.to_thread(_Tree, blocked)
    longest = await source.rows(name, LONGEST_WAIT)
    sessions = await by_pid(source, name, [pid for pid, *_ in tree.roots[:MOST]])
    return Locks(
        roots=tuple(_roots(tree.roots[:MOST], sessions)),
        roots_in_all=len(tree.roots),
        waiting=len(blocked),
        longest_wait=longest[0]["longest"] or timedelta(),
        in_circles=tree.in_circles,
    )


class _Tree:
    """
    `blocked`: by whom each waiting session is held up. Sets are the bits of a number: the i-th
    waiting session is bit i. In a queue of n everybody waits for all before, which is n * n / 2.
    """

    def __init__(self, blocked: Mapping[int, Sequence[int]]) -> None:
        self._place = {pid: place for place, pid in enumerate(blocked)}
        self._pids = list(blocked)
        self._holds: dict[int, int] = {}  #: By pid: whom it holds up itself.
        for place, holders in enumerate(blocked.values()):
            for pid in set(holders):
                self._holds[pid] = self._holds.get(pid, 0) | 1 << place
        reached = {pid: self._reach(pid) for pid in self._holds if pid not in self._place}
        #: Pid, how many directly, how many in all; the most first.
        self.roots = sorted(
            (
                (pid, self._holds[pid].bit_count(), all_.bit_count())
                for pid, all_ in reached.items()
            ),
            key=lambda root: (-root[2], root[0]),
        )
        free = reduce(or_, reached.values(), 0)
        self.in_circles = len(blocked) - free.bit_count()

    def _reach(self, root: int) -> int:
        seen = todo = self._holds[root]
        while todo:
            lowest = todo & -todo
            todo ^= lowest
            new = self._holds.get(self._pids[lowest.bit_length() - 1], 0) & ~seen
            seen |= new
            todo |= new
        return seen


def _roots(
    found: Sequence[tuple[int, int, int]], sessions: Mapping[int, Session]
) -> Iterator[Root]:
    """Without those that have ended meanwhile."""
    for pid, directly, in_all in found:
        if pid in sessions or pid == PREPARED:
            yield Root(session=sessions.get(pid), directly=directly, in_all=in_all)


def _row(root: Root) -> tuple[object, ...]:
    s = root.session
    if s is None:
        says = "finish it with COMMIT PREPARED or ROLLBACK PREPARED"
        return "-", "prepared transaction", None, root.directly, root.in_all, "", "has none", says
    return s.pid, s.state, s.since, root.directly, root.in_all, s.who, s.protected, s.query
