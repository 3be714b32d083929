"""
Which deliveries start now. Pure but for the gates' tokens.

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
    held: dict[Lane, float] = field(default_factory=dict)  #: Lanes that rest until then.
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
            wait = self._wait_s(route, now)
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

    def _wait_s(self, route: Route, now: float) -> float:
        channel = route.channel if self._posts(route) else None
        wait = max(
            self.held.get(route.lane, now) - now, self.gates.wait_s(route.methods, channel, now)
        )
        return max(wait, self._edit_wait_s(route, now)) if route.is_edit else wait

    def _edit_wait_s(self, route: Route, now: float) -> float:
        is_progress = route.row.priority == Priority.EDIT
        gap = EDIT_GAP_S if is_progress else LASTING_GAP_S
        again = self.edited.get(route.row.name, -math.inf) + gap
        settled = route.row.created_at + SETTLES_S if is_progress else -math.inf
        return max(again, settled) - now

    def _start(self, route: Route, now: float) -> None:
        self.gates.take(route.methods, route.channel if self._posts(route) else None, now)
        self.busy.add(route.lane)
        self._count += 1
        self._served[route.methods[0], route.row.run] = self._count
        if route.is_edit:
            self.edited[route.row.name] = now

    def _posts(self, route: Route) -> bool:
        return route.is_post and route.row.state != "unknown"

    def forget(self, runs: Set[str], now: float) -> None:
        """Nothing is kept of runs that have nothing to deliver."""
        self._served = {key: at for key, at in self._served.items() if key[1] in runs}
        self.edited = {name: at for name, at in self.edited.items() if now - at < EDIT_GAP_S}
        self.held = {lane: until for lane, until in self.held.items() if until > now}
