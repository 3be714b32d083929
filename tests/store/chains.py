"""Chains to be tampered with."""

from hypothesis import strategies as st

from bot.store.chain import EMPTY, Entry, Head, canonical, follow

TEXTS = st.text(max_size=12)
BODIES = st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans() | st.none(), max_size=3)


@st.composite
def chains(draw: st.DrawFn, at_least: int = 1, at_most: int = 12) -> list[Entry]:
    entries: list[Entry] = []
    for _ in range(draw(st.integers(at_least, at_most))):
        at = draw(st.floats(0, 4e9))
        run, by = draw(st.none() | TEXTS), draw(st.none() | TEXTS)
        what, about, body = draw(TEXTS), draw(TEXTS), canonical(draw(BODIES))
        entries.append(follow(head_of(entries), at, run, what, about, by, body))
    return entries


def head_of(entries: list[Entry]) -> Head:
    return Head(entries[-1].seq, entries[-1].hash) if entries else EMPTY


def chain(length: int) -> list[Entry]:
    """Always the same."""
    entries: list[Entry] = []
    for n in range(1, length + 1):
        body = canonical({"says": f"reading {n}"})
        at = 1_700_000_000.0 + n
        entries.append(follow(head_of(entries), at, "7F3K", "returned", f"s{n}", "U1", body))
    return entries
