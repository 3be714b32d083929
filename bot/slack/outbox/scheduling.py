"""
Which deliveries start now. Pure but for the gates' tokens. Times are by a clock that nobody sets.

A lane goes in its order, one at a time, and as urgently as the most urgent thing in it. Among
lanes of one urgency the run that was served longest ago by that method goes first.
"""

import math
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from bot.slack.outbox.gates import Gates
from bot.slack.outbox.routing import Lane, Route

#: Seconds between two edits of one message.
EDIT_GAP_S = 3.0
AT_ONCE = 8  #: Deliveries in flight.


@dataclass
class Scheduler:
    gates: Gates = field(default_factory=Gates)
    held: dict[int, float] = field(default_factory=dict)  #: Rows that rest until then, by seq.
    busy: set[Lane] = field(default_factory=set)
    edited: dict[str, float] = field(default_factory=dict)  #: When a message was last edited.
    _served: dict[tuple[str, str], int] = field(default_factory=dict)
    _count: int = 0

    def choose(self, routes: Iterable[Route], now: float) -> tuple[list[Route], float]:
        """
        What starts now (its lane is busy from here on), and in how many seconds something else
        can; infinity: not before somebody wakes us.
        """
        chosen: list[Route] = []
        waits: list[float] = []
        for route in self._by_urgency(routes):
            wait = self.wait_s(route, now)
            if wait > 0:
                waits.append(wait)
            elif len(self.busy) < AT_ONCE:
                self._start(route, now)
                chosen.append(route)
        return chosen, min(waits, default=math.inf)

    def _by_urgency(self, routes: Iterable[Route]) -> list[Route]:
        heads: dict[Lane, Route] = {}
        urgency: dict[Lane, int] = {}
        for route in routes:
            if route.lane not in self.busy:
                heads.setdefault(route.lane, route)
                urgency[route.lane] = min(
                    urgency.get(route.lane, route.row.priority), route.row.priority
                )
        return sorted(
            heads.values(),
            key=lambda route: (urgency[route.lane], self._last_served(route), route.row.seq),
        )

    def _last_served(self, route: Route) -> int:
        return self._served.get((route.methods[0], route.row.run), 0)

    def wait_s(self, route: Route, now: float) -> float:
        """What is behind it in its lane waits as long."""
        channel = route.channel if self._posts(route) else None
        wait = max(
            self.held.get(route.row.seq, now) - now,
            self.gates.wait_s(route.methods, channel, now),
        )
        if self._edits(route):
            wait = max(wait, self.edited.get(route.row.name, -EDIT_GAP_S) + EDIT_GAP_S - now)
        return wait

    def _start(self, route: Route, now: float) -> None:
        self.gates.take(route.methods, route.channel if self._posts(route) else None, now)
        self.busy.add(route.lane)
        self._count += 1
        self._served[route.methods[0], route.row.run] = self._count
        if self._edits(route):
            self.edited[route.row.name] = now

    def _edits(self, route: Route) -> bool:
        return route.is_edit and route.row.state != "unknown"

    def _posts(self, route: Route) -> bool:
        return route.is_post and route.row.state != "unknown"

    def release(self, seqs: Iterable[int]) -> None:
        """These rest no longer."""
        for seq in seqs:
            self.held.pop(seq, None)

    def forget(self, runs: Set[str], now: float) -> None:
        """Nothing is kept of runs that have nothing to deliver."""
        self._served = {key: at for key, at in self._served.items() if key[1] in runs}
        self.edited = {name: at for name, at in self.edited.items() if now - at < EDIT_GAP_S}
        self.held = {seq: until for seq, until in self.held.items() if until > now}
