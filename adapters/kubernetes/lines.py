"""
A log as it comes over the wire: bytes into lines, lines into those that are wanted, and where one
is in it.

Times are as the kubelet writes them: RFC 3339, to the nanosecond. A log is asked for from a second
on and its lines can bear the same time, so a place in it is a time and how many lines of it were
seen. Lines of one container never go back in time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

LONGEST_LINE = 16 * 1024  #: In bytes, its time included; what is beyond is searched and left out.
CUT = "…".encode()
SECOND_NS = 10**9


class Splitter:
    """Gives every line's time, and its text if it is wanted, however the bytes are cut."""

    def __init__(self, containing: bytes) -> None:
        self._needle = containing
        self._begin()

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes | None]]:
        """Pairs of a time and a text; None for a text that has not got what is looked for."""
        first, *rest = chunk.split(b"\n")
        self._go_on(first)
        for part in rest:
            yield self._line()
            self._begin()
            self._go_on(part)

    def end(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What stands behind the last line end, if anything does."""
        if self._head:
            yield self._line()
            self._begin()

    def _begin(self) -> None:
        self._head, self._tail, self._fits, self._is_cut = b"", b"", not self._needle, False

    def _go_on(self, part: bytes) -> None:
        if not self._fits:
            begun = b" " in self._head  # and so its time is not what is searched
            searched = part if begun else (self._head + part).partition(b" ")[2]
            joined = self._tail + searched
            self._fits = self._needle in joined
            self._tail = joined[max(0, len(joined) - len(self._needle) + 1) :]
        room = LONGEST_LINE - len(self._head)
        self._head += part[:room]
        self._is_cut = self._is_cut or len(part) > room

    def _line(self) -> tuple[bytes, bytes | None]:
        stamp, _, text = self._head.partition(b" ")
        if not self._fits:
            return stamp, None
        return stamp, text + CUT if self._is_cut else text


class Place:
    """Where one is in a container's log."""

    def __init__(self, since: datetime) -> None:
        self._ns = nanoseconds(since)
        self._stamp, self._seen = b"", 0
        self._left: int | None = 0  #: Lines of the last time still to be passed; None: passed.

    @property
    def since(self) -> str:
        """From when on the log is to be asked for, so that nothing is missed."""
        second = datetime.fromtimestamp(self._ns // SECOND_NS, UTC)
        return f"{second:%Y-%m-%dT%H:%M:%SZ}"

    def begin_again(self) -> None:
        """The log is asked for once more; what was seen of it will come again."""
        self._left = self._seen

    def take(self, stamp: bytes) -> int | None:
        """
        A line's time, and the place is behind it; None: it was seen before. Raises ValueError for
        what is no time: the line is none of the log's.
        """
        if self._left is None and stamp == self._stamp:
            self._seen += 1
            return self._ns
        at = stamp_ns(stamp)
        if self._left is not None:
            if at < self._ns:
                return None
            if at == self._ns and self._left > 0:
                self._left -= 1
                return None
            self._left = None
        self._seen = self._seen + 1 if at == self._ns else 1
        self._ns, self._stamp = at, stamp
        return at


def nanoseconds(at: datetime) -> int:
    since = at - datetime.fromtimestamp(0, UTC)
    return (since // timedelta(microseconds=1)) * 1000


def stamp_ns(stamp: bytes) -> int:
    """Raises ValueError."""
    text = stamp.decode("ascii", "strict")
    whole, rest = text[:19], text[19:]
    fraction, zone = "", rest
    if rest.startswith("."):
        digits = len(rest) - len(rest[1:].lstrip("0123456789")) - 1
        fraction, zone = rest[1 : digits + 1], rest[digits + 1 :]
    if not zone or len(fraction) > 9:
        raise ValueError("no time")
    return _second_ns(f"{whole}{zone}") + int(fraction.ljust(9, "0"))


@lru_cache(maxsize=64)
def _second_ns(text: str) -> int:
    return nanoseconds(datetime.fromisoformat(text))


def moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // SECOND_NS, UTC) + timedelta(
        microseconds=ns % SECOND_NS // 1000
    )
