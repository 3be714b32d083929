"""How much the database has had to do, and which instance was the writer, over time."""

from bisect import bisect_right, insort
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class DatabaseLoad:
    """What the writer has at least, beyond the load of a usual day."""

    cpu_percent: float = 0.0
    connections: float = 0.0
    io_per_s: float = 0.0


USUAL = DatabaseLoad()


class LoadRecord:
    def __init__(self) -> None:
        self._loads: list[tuple[float, DatabaseLoad]] = []
        self._writers: list[tuple[float, str]] = []

    def add(self, at: float, load: DatabaseLoad) -> None:
        insort(self._loads, (at, load))

    def add_writer(self, at: float, writer: str) -> None:
        insort(self._writers, (at, writer))

    def at(self, moment: float) -> DatabaseLoad:
        place = bisect_right(self._loads, moment, key=lambda change: change[0])
        return self._loads[place - 1][1] if place else USUAL

    def writer_at(self, moment: float) -> str | None:
        """None: nobody has told who."""
        place = bisect_right(self._writers, moment, key=lambda change: change[0])
        return self._writers[place - 1][1] if place else None
