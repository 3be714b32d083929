"""
What is still to happen, in order of time.

A rollout or a failover is a chain of steps, each put here for its moment. They are carried out
before anything is asked of the world, so an answer is the same whether somebody looked in between
or not. `lock` is held while anything changes or is read.
"""

import heapq
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sandbox.aws.clock import Clock

Action = Callable[[], None]


class Timeline:
    def __init__(self, clock: Clock, scale: float, seed: int = 1) -> None:
        """`scale`: how many seconds of the clock one second of the world's plans takes."""
        self.clock, self.scale = clock, scale
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self._waiting: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self._now = clock.now()

    @property
    def now(self) -> float:
        """The moment of the step that is carried out, or else when it was last caught up."""
        return self._now

    def after(self, seconds: float, action: Action) -> None:
        """`seconds` are the world's own: they are scaled."""
        due = self._now + seconds * self.scale
        heapq.heappush(self._waiting, (due, next(self._numbers), action))

    def catch_up(self) -> None:
        """Carry out everything that is due by now."""
        with self.lock:
            until = self.clock.now()
            while self._waiting and self._waiting[0][0] <= until:
                self._now, _, action = heapq.heappop(self._waiting)
                action()
            self._now = max(self._now, until)

    @contextmanager
    def up_to_date(self) -> Iterator[None]:
        """The world as it is now, which nobody else changes meanwhile."""
        with self.lock:
            self.catch_up()
            yield

    @contextmanager
    def since(self, seconds_ago: float) -> Iterator[None]:
        """As if it were then: what is begun here has gone on since. Seconds of the clock."""
        with self.up_to_date():
            self._now -= seconds_ago
            try:
                yield
            finally:
                self.catch_up()

    def hex(self, length: int) -> str:
        return f"{self.random.getrandbits(4 * length):0{length}x}"

    def number(self, digits: int) -> str:
        return str(self.random.randrange(10 ** (digits - 1), 10**digits))

    def uuid(self) -> str:
        h = self.hex(32)
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
