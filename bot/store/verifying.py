"""
Walks the audit log and names what was done to it: an entry that was changed, removed, inserted or
moved. Pure: entries in, findings out.

Whoever can write to the database can also write the whole chain anew, and then nothing in it is
wrong: only an anchor, a hash that was kept elsewhere, shows that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

from bot.store.chain import EMPTY, Entry, Head, fingerprint, moment

#: Up to so many entries whose hash is wrong are tried in each other's place.
TRIED_WITH_EACH_OTHER = 200
LONGEST_WORD = 60


class Anchor(NamedTuple):
    """What the hash of an entry was, by somebody who is not this log."""

    seq: int
    hash: str
    source: str = "as given"


class Fault(NamedTuple):
    """`seq`: the entry it is about, or the first of them."""

    seq: int
    says: str


@dataclass(frozen=True)
class Verdict:
    count: int
    first: Entry | None
    last: Entry | None
    faults: Sequence[Fault]
    unmet: Sequence[Anchor] = ()  #: Whose entries are not among those that were read.

    @property
    def is_whole(self) -> bool:
        return not self.faults


class Walk:
    """
    Entries are seen in the order of their numbers; `end` gives the verdict. `is_part`: they are a
    selection, such as one run's: what is missing between them says nothing.
    """

    def __init__(self, anchors: Iterable[Anchor] = (), is_part: bool = False) -> None:
        self._is_part = is_part
        self._anchors: dict[int, list[Anchor]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.seq, []).append(anchor)
        self._met: set[int] = set()
        self._group: list[Entry] = []
        self._count = 0
        self._first: Entry | None = None
        self._last: Entry | None = None
        self._last_is_sound = True
        self._unsound: list[Entry] = []
        self._breaks: list[tuple[Entry | None, Entry | None]] = []
        self._faults: list[Fault] = []

    def see(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if self._group and entry.seq == self._group[0].seq:
                self._group.append(entry)
            else:
                self._settle(entry)
                self._group = [entry]

    def end(self, head: Head | None = None) -> Verdict:
        """`head`: what the log itself says its newest entry is; None: nobody knows."""
        self._settle(None)
        self._group = []
        moved = _written_as(self._unsound)
        self._faults += _shifted(moved)
        self._faults += [_changed(one) for one in self._unsound if one.seq not in moved]
        if head and not (self._last and self._last.seq in moved):
            self._compare(head)
        self._faults += _rewritten(self._breaks)
        last = self._last.seq if self._last else 0
        for seq, anchors in self._anchors.items():
            self._faults += [_beyond(one, last) for one in anchors if seq > last]
        found = sorted(set(self._faults))
        unmet = [one for seq in self._anchors.keys() - self._met for one in self._anchors[seq]]
        return Verdict(self._count, self._first, self._last, found, sorted(unmet))

    def _settle(self, after: Entry | None) -> None:
        """What has this number is known now; `after` is the entry after it."""
        if not self._group:
            return
        entry = self._group[0] if len(self._group) == 1 else self._genuine(after)
        self._count += 1
        if entry.seq < 1:
            self._faults.append(Fault(entry.seq, f"{named(entry)} was inserted before the first."))
            return
        is_sound = fingerprint(entry) == entry.hash
        if not is_sound:
            self._unsound.append(entry)
        self._join(entry, is_sound)
        if anchors := self._anchors.get(entry.seq):
            self._met.add(entry.seq)
            self._faults += [_not_anchored(entry, a) for a in anchors if a.hash != entry.hash]
        self._first = self._first or entry
        self._last, self._last_is_sound = entry, is_sound

    def _join(self, entry: Entry, is_sound: bool) -> None:
        last = self._last or EMPTY
        if entry.seq > last.seq + 1:
            if not self._is_part:
                self._faults.append(_removed(last.seq + 1, entry.seq - 1))
        elif is_sound and self._last_is_sound and entry.before != last.hash:
            self._breaks.append((self._last, entry))

    def _genuine(self, after: Entry | None) -> Entry:
        """Several have one number: what the next one was written upon is the right one."""
        last = self._last or EMPTY

        def fits(entry: Entry) -> tuple[bool, bool, bool]:
            followed = after is not None and after.before == entry.hash
            return followed, fingerprint(entry) == entry.hash, entry.before == last.hash

        right = max(self._group, key=fits)
        others = list(self._group)
        others.remove(right)
        for one in others:
            same = " once more" if one == right else " beside another of this number"
            self._faults.append(Fault(one.seq, f"{named(one)} was inserted{same}."))
            self._count += 1
        return right

    def _compare(self, head: Head) -> None:
        last = self._last or EMPTY
        if head.seq > last.seq:
            self._faults.append(_removed(last.seq + 1, head.seq, " at the end"))
        elif head.seq < last.seq:
            says = f"was added by somebody else: the log's own head is entry {head.seq}."
            assert self._last
            self._faults.append(Fault(last.seq, f"{named(self._last)} {says}"))
        elif head.hash != last.hash and self._last_is_sound:
            self._breaks.append((self._last, None))


def verify(
    entries: Iterable[Entry],
    head: Head | None = None,
    anchors: Iterable[Anchor] = (),
    is_part: bool = False,
) -> Verdict:
    """Of entries in the order of their numbers."""
    walk = Walk(anchors, is_part)
    walk.see(entries)
    return walk.end(head)


def misplaced(entries: Sequence[Entry]) -> Iterator[Fault]:
    """Entries that do not stand in the order of their numbers, as a file can have them."""
    for there, right in zip(entries, sorted(entries, key=_number), strict=True):
        if there.seq != right.seq:
            says = f"{named(there)} stands in the place of entry {right.seq}."
            yield Fault(there.seq, f"The order was changed: {says}")


def named(entry: Entry) -> str:
    by = f" by {_plain(entry.by)}" if entry.by else ""
    run = f", run {_plain(entry.run)}" if entry.run else ""
    about = f" {_plain(entry.about)}" if entry.about else ""
    return f"Entry {entry.seq} ({moment(entry.at)}, {_plain(entry.what)}{about}{by}{run})"


def _number(entry: Entry) -> int:
    return entry.seq


def _plain(words: object) -> str:
    """On a terminal: what is not printable is written out."""
    text = words if isinstance(words, str) else repr(words)
    return (text if text.isprintable() else ascii(text))[:LONGEST_WORD]


def _removed(first: int, last: int, where: str = "") -> Fault:
    if first == last:
        return Fault(first, f"Entry {first} is missing{where}: it was removed.")
    return Fault(first, f"Entries {first} to {last} are missing{where}: they were removed.")


def _changed(entry: Entry) -> Fault:
    return Fault(entry.seq, f"{named(entry)} was changed: its hash is not of what it says.")


def _not_anchored(entry: Entry, anchor: Anchor) -> Fault:
    says = f"is not the one that was anchored ({anchor.source}): the log was written anew up to"
    return Fault(entry.seq, f"{named(entry)} {says} this entry, or it was changed.")


def _beyond(anchor: Anchor, last: int) -> Fault:
    says = f"Entry {anchor.seq} was anchored ({anchor.source}) and is missing: the log ends with"
    return Fault(anchor.seq, f"{says} entry {last}, so its end was removed.")


def _written_as(unsound: Sequence[Entry]) -> dict[int, int]:
    """Entries that are as they were written, but for their number: what it was, by what it is."""
    few = len(unsound) <= TRIED_WITH_EACH_OTHER
    others = [entry.seq for entry in unsound] if few else []
    moved: dict[int, int] = {}
    for entry in unsound:
        for seq in (entry.seq - 1, entry.seq + 1, *others):
            if fingerprint(entry._replace(seq=seq)) == entry.hash:
                moved[entry.seq] = seq
                break
    return moved


def _shifted(moved: dict[int, int]) -> Iterator[Fault]:
    """One sentence for all that an insertion or a removal has moved along."""
    numbered = enumerate(sorted(moved.items()))
    for (by, _), run in groupby(numbered, lambda one: (one[1][0] - one[1][1], one[1][0] - one[0])):
        seqs = [seq for _, (seq, _) in run]
        first, last = seqs[0], seqs[-1]
        were = f"Entry {first} was written as entry {first - by}"
        if last > first:
            were = f"Entries {first} to {last} were written as {first - by} to {last - by}"
        if by not in (1, -1) or moved.get(first - by) == first:
            yield Fault(first, f"{were}: the order was changed.")
            continue
        at, done = (first - 1, "inserted") if by == 1 else (first, "removed")
        yield Fault(at, f"{were}: entry {at} was {done}, and the numbers were changed.")


def _rewritten(breaks: Sequence[tuple[Entry | None, Entry | None]]) -> Iterator[Fault]:
    """
    Each has a hash that fits, but two neighbours do not fit each other. The one that fits neither
    of its neighbours is the wrong one; of two, the first.
    """
    done: set[int] = set()
    for (left, right), after in pairwise([*breaks, (None, None)]):
        if left and left.seq in done:
            continue
        fits_neither = right is not None and after[0] == right
        wrong = right if fits_neither or left is None else left
        if wrong is None:
            yield Fault(
                0, "There is no entry, and the log's own head is not that of an empty log."
            )
            continue
        done.add(wrong.seq)
        says = "was rewritten after others were written upon it."
        if right is None:
            says = "and the log's own head do not fit: one of the two was changed."
        yield Fault(wrong.seq, f"{named(wrong)} {says}")
