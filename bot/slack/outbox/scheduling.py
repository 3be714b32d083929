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
from bot.store.deliveries import Priority

#: Seconds between two edits of one message: of progress, and of what will stay.
EDIT_GAP_S, LASTING_GAP_S = 3.0, 1.0
#: Seconds that progress waits for what follows at once. Without it, what is shown is outdated as
#: soon as it is there, and stays so for as long as the gap.
SETTLES_S = 0.5
AT_ONCE = 8  #: Deliveries in flight.


@dataclass
class Scheduler:
    gates: Gates = field(default_factory=Gates)
    held: dict[int, float] = field(default_factory=dict)  #: Rows that rest until then, by seq.
    busy: set[Lane] = field(default_factory=set)
    edited: dict[str, float] = field(default_factory=dict)  #: When a message was last edited.
    came: dict[int, float] = field(default_factory=dict)  #: When an edit was first seen, by seq.
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
        return max(wait, self._edit_wait_s(route, now)) if self._edits(route) else wait

    def _edit_wait_s(self, route: Route, now: float) -> float:
        is_progress = route.row.priority == Priority.EDIT
        gap = EDIT_GAP_S if is_progress else LASTING_GAP_S
        again = self.edited.get(route.row.name, -math.inf) + gap
        came = self.came.setdefault(route.row.seq, now)
        return max(again, came + SETTLES_S if is_progress else -math.inf) - now

    def _start(self, route: Route, now: float) -> None:
        self.gates.take(route.methods, route.channel if self._posts(route) else None, now)
        self.busy.add(route.lane)
        self._count += 1
        self._served[route.methods[0], route.row.run] = self._count
        if self._edits(route):
            self.edited[route.row.name] = now
            self.came.pop(route.row.seq, None)

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
        self.came = {seq: at for seq, at in self.came.items() if now - at < EDIT_GAP_S * 10}
        self.edited = {name: at for name, at in self.edited.items() if now - at < EDIT_GAP_S}
        self.held = {seq: until for seq, until in self.held.items() if until > now}
