"""What the broker says of a queue, and Flower of the workers."""

from datetime import timedelta
from typing import Literal

from bot.runbook import Facts, Table

Cause = Literal[
    "", "refused", "timed out", "authentication", "denied", "loading", "wrong type", "no data",
    "other",
]  # fmt: skip


class Queue(Facts):
    """
    `waiting` counts what no worker has taken yet, of all priorities. `taken` is of all queues of
    the broker, for Celery keeps that in one place.
    """

    name: str
    source: Literal["Redis", "Flower"]
    waiting: int | None = None  #: None: not known; then `error` says why. Never 0 instead.
    by_priority: tuple[int, ...] = ()  #: Of Celery's four steps, the most urgent first.
    taken: int | None = None  #: By workers, and not acknowledged yet.
    answered_in: timedelta | None = None
    error: str = ""
    cause: Cause = ""  #: Of the error.

    def says(self) -> str:
        if self.waiting is None:
            return f"how many jobs wait in {self.name} is not known: {self.error}"
        taken = "" if self.taken is None else f", {self.taken:,} are taken by workers"
        return f"{self.waiting:,} jobs wait in {self.name}{taken}"


class Worker(Facts):
    name: str
    is_alive: bool  #: Heard of by Flower in the last seconds; after a sudden death, some longer.
    queues: tuple[str, ...] | None = None  #: None: it never told Flower.


class Workers(Facts):
    """
    Whom Flower has seen since it was started. Nobody seen is no proof that nobody is there:
    Flower may have been started just now, or not reach the broker.
    """

    workers: tuple[Worker, ...]

    @property
    def is_known(self) -> bool:
        return bool(self.workers)

    @property
    def dead(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.workers if not one.is_alive)

    def alive_for(self, queue: str) -> tuple[str, ...]:
        """Those that may take jobs of this queue."""
        return tuple(
            one.name
            for one in self.workers
            if one.is_alive and (one.queues is None or queue in one.queues)
        )

    def says(self, queue: str) -> str:
        if not self.is_known:
            return (
                "Flower has seen no worker since it was started; it may have been started just"
                " now, or not reach the broker"
            )
        alive = self.alive_for(queue)
        dead = f", dead: {', '.join(self.dead)}" if self.dead else ""
        return f"{len(alive)} of {len(self.workers)} workers are alive for {queue}{dead}"

    def table(self) -> Table:
        rows = (
            (one.name, one.is_alive, "-" if one.queues is None else ", ".join(one.queues))
            for one in self.workers
        )
        return Table(("Worker", "Alive", "Queues"), tuple(rows))
