"""
The audit log as a chain: each entry's hash is over everything it says and the hash of the entry
before it, so that nothing in the middle can be changed without changing all that follows.

What is hashed is a JSON array in ASCII, without spaces: the hash before, seq, at, run, what,
about, by, body. `at` is in seconds since the epoch, body a string that is itself JSON. This never
changes: an export of today is verified by every later version.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

#: What stands before the first entry.
NOTHING_BEFORE = "0" * 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(NamedTuple):
    """A tuple, because a hundred thousand of them are read in a second."""

    seq: int
    at: float  #: Seconds since the epoch.
    run: str | None
    what: str
    about: str
    by: str | None  #: The immutable user id; empty: the bot itself.
    body: str  #: Canonical JSON.
    before: str  #: The hash of the entry before.
    hash: str


class Head(NamedTuple):
    """The newest entry."""

    seq: int
    hash: str


EMPTY = Head(0, NOTHING_BEFORE)


def follow(
    head: Head, at: float, run: str | None, what: str, about: str, by: str | None, body: str
) -> Entry:
    """The next entry after this head."""
    entry = Entry(head.seq + 1, float(at), run, what, about, by, body, head.hash, "")
    return entry._replace(hash=fingerprint(entry))


def fingerprint(entry: Entry) -> str:
    """What its hash must be."""
    return hashlib.sha256(hashed(entry)).hexdigest()


def hashed(entry: Entry) -> bytes:
    seq, at, run, what, about, by, body, before, _ = entry
    return _encode([before, seq, at, run, what, about, by, body]).encode()


def canonical(body: Mapping[str, Any]) -> str:
    """One text for one meaning: what is read back from it gives the same text again."""
    return read_back(json.loads(json.dumps(body, default=str), parse_constant=str))


def read_back(body: Mapping[str, Any]) -> str:
    """The canonical text of what was read from one."""
    return _encode_sorted(body)


def moment(at: float) -> str:
    """`2026-01-31 14:02:11.250000 UTC`: every time that a clock of a machine can tell."""
    try:
        return f"{_EPOCH + timedelta(seconds=at):%Y-%m-%d %H:%M:%S.%f} UTC"
    except (OverflowError, TypeError, ValueError):
        return f"at {at!r}"


def _odd(value: object) -> dict[str, str]:
    """A value of a kind that no entry has; it must not pass for the text that it looks like."""
    return {"odd": repr(value)}


_encode = json.JSONEncoder(separators=(",", ":"), default=_odd).encode
_encode_sorted = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
