"""
The audit log as text: JSON lines, which can be verified without the store, and CSV, for people.

What a line says is verified, and that it says it once. What is hostile in an entry can neither
steer a terminal nor disguise itself: JSON lines are ASCII, and a cell is what can be seen.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from bot.runbook.terminal import written_out
from bot.store.chain import Entry, canonical, moment, read_back
from bot.store.verifying import Anchor, Fault, Verdict, Walk, misplaced

#: What makes a spreadsheet take a cell for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: Where a spreadsheet separates by `;`, as those of half the world do, a cell may begin here too.
WITHIN = re.compile(r'([;\n])(?="*[=+\-@\uff1d\uff0b\uff0d\uff20])')
COLUMNS = ("seq", "time", "run", "what", "about", "by", "body", "before", "hash")
FIELDS = ["seq", "time", *Entry._fields[1:]]


def line(entry: Entry) -> str:
    """`time` is `at`, for people; `body` is an object unless somebody made it something else."""
    seq, at, run, what, about, by, _, before, hash = entry
    told = (seq, moment(at), at, run, what, about, by, _body(entry), before, hash)
    return _encode(dict(zip(FIELDS, told, strict=True)))


def entry_of(written: str) -> Entry:
    """Raises ValueError when this is no line of an export, or says anything else than it did."""
    try:
        told = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no entry") from error
    if not isinstance(told, dict) or list(told) != FIELDS or not isinstance(told["seq"], int):
        raise ValueError("it is no entry")
    if _encode(told) != written or told.pop("time") != moment(told["at"]):
        raise ValueError("it was changed after it was exported")
    body = told["body"]
    told["body"] = read_back(body) if isinstance(body, dict) else body
    return Entry(**told)


def verify_lines(
    written: Iterable[str], anchors: Iterable[Anchor] = (), is_part: bool = False
) -> Verdict:
    """Of an export, in whatever order its lines are now."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    for number, one in enumerate(written, start=1):
        try:
            entries.append(entry_of(one.rstrip("\r\n")))
        except ValueError as error:
            faults.append(Fault(0, f"Line {number} cannot be read as an entry: {error}."))
    faults += misplaced(entries)
    walk = Walk(anchors, is_part)
    walk.see(sorted(entries, key=lambda entry: entry.seq))
    verdict = walk.end()
    return replace(verdict, faults=[*faults, *verdict.faults])


def csv_head() -> str:
    return _csv(COLUMNS)


def csv_line(entry: Entry) -> str:
    """No cell of it is one that a spreadsheet calculates."""
    cells = entry._asdict() | {"time": moment(entry.at)}
    return _csv([_harmless(cells[name]) for name in COLUMNS])


def whole_cell(text: str) -> str:
    """Within which no formula begins, wherever a spreadsheet takes it apart."""
    return WITHIN.sub(r"\1'", text)


def _body(entry: Entry) -> Any:
    try:
        body = json.loads(entry.body)
        return body if isinstance(body, dict) and canonical(body) == entry.body else entry.body
    except (ValueError, TypeError, RecursionError):
        return entry.body


def _harmless(cell: object) -> object:
    if isinstance(cell, int):
        return cell
    text = "" if cell is None else written_out(str(cell))
    text = whole_cell(text)
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv(cells: Sequence[object]) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    return written.getvalue()


_encode = json.JSONEncoder(default=repr).encode
