"""Bytes into lines, and where one is among them, however they are cut."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kubernetes.lines import (
    LONGEST_LINE,
    Place,
    Splitter,
    moment,
    nanoseconds,
    stamp_ns,
)

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
#: Few letters, so that what is looked for is there often, and so are ends and cuts within it.
TEXTS = st.text("ab ", max_size=12)


def stamp(ns: int) -> bytes:
    second, rest = divmod(ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z".encode()


@st.composite
def cut(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    places = draw(st.lists(st.integers(0, len(whole)), max_size=8))
    edges = [0, *sorted(places), len(whole)]
    return [whole[a:b] for a, b in pairwise(edges)]


@given(st.lists(TEXTS, max_size=6), TEXTS, st.data())
def test_lines_are_the_same_however_they_are_cut(
    texts: list[str], needle: str, data: st.DataObject
) -> None:
    at = stamp(nanoseconds(AT))
    whole = b"".join(at + b" " + text.encode() + b"\n" for text in texts)
    splitter = Splitter(needle.encode())
    found: list[tuple[bytes, bytes | None]] = []
    for chunk in data.draw(cut(whole)):
        found += splitter.feed(chunk)
    found += splitter.end()
    assert found == [(at, text.encode() if needle in text else None) for text in texts]


def test_what_is_looked_for_is_not_found_in_the_time() -> None:
    (line,) = Splitter(b"2026").feed(stamp(nanoseconds(AT)) + b" nothing\n")
    assert line[1] is None


@pytest.mark.parametrize("size", [1000, LONGEST_LINE])
def test_a_line_without_end_is_searched_whole_and_kept_in_part(size: int) -> None:
    splitter = Splitter(b"org_42")
    assert not [*splitter.feed(stamp(nanoseconds(AT)) + b" x")]
    for _ in range(200):
        assert not [*splitter.feed(b"x" * size)]
    assert not [*splitter.feed(b"org_")]
    ((_, text),) = splitter.feed(b"42 and more\n")
    assert text and len(text) <= LONGEST_LINE and text.endswith("x…".encode())


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (b"1970-01-01T00:00:00Z", 0),
        (b"1970-01-01T00:00:01.5Z", 1_500_000_000),
        (b"1970-01-01T00:00:01.000000001Z", 1_000_000_001),
        (b"1970-01-01T01:00:00.25+01:00", 250_000_000),
    ],
)
def test_times_are_read_to_the_nanosecond(text: bytes, ns: int) -> None:
    assert stamp_ns(text) == ns


@pytest.mark.parametrize(
    "text",
    [b"", b"unable", b"2026-11-24T03:00:00", b"1970-01-01T00:00:00.1234567890Z", b"\xff" * 30],
)
def test_what_is_no_time_is_none(text: bytes) -> None:
    with pytest.raises(ValueError):
        stamp_ns(text)


def test_a_moment_is_cut_to_the_microsecond() -> None:
    assert moment(nanoseconds(AT) + 1_999) == AT + timedelta(microseconds=1)


@given(st.lists(st.integers(0, 3), max_size=30), st.data())
def test_a_log_that_is_asked_for_again_loses_and_repeats_nothing(
    steps: list[int], data: st.DataObject
) -> None:
    """Many lines bear the same time; each answer begins at a second, and breaks off anywhere."""
    start, at, log = nanoseconds(AT), nanoseconds(AT), []
    for step in steps:
        at += step * 400_000_000
        log.append(at)
    place, got = Place(AT - timedelta(seconds=1)), []
    for _ in range(4):
        since = nanoseconds(datetime.fromisoformat(place.since))
        answer = [(n, ns) for n, ns in enumerate(log) if ns >= since]
        place.begin_again()
        broken = data.draw(st.integers(0, len(answer)))
        got += [n for n, ns in answer[:broken] if place.take(stamp(ns)) is not None]
    place.begin_again()
    since = nanoseconds(datetime.fromisoformat(place.since))
    got += [n for n, ns in enumerate(log) if ns >= since and place.take(stamp(ns)) is not None]
    assert got == list(range(len(log))) and start == nanoseconds(AT)
