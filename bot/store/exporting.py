"""
The audit log as text: JSON lines, which can be verified without the store, and CSV, for people.

A line is verified as it was written, byte for byte. It is ASCII: what is hostile in an entry can
neither steer a terminal nor disguise itself.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from bot.store.chain import Entry, canonical, moment
from bot.store.verifying import Anchor, Fault, Verdict, Walk, misplaced

#: What makes a spreadsheet take a cell for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
COLUMNS = ("seq", "time", "run", "what", "about", "by", "body", "before", "hash")


def line(entry: Entry) -> str:
    """`time` is `at`, for people; `body` is an object unless somebody made it something else."""
    told = {"seq": entry.seq, "time": moment(entry.at), **entry._asdict(), "body": _body(entry)}
    return json.dumps(told, default=repr)


def entry_of(written: str) -> Entry:
    """Raises ValueError when this is no line of an export, or is not as it was written."""
    try:
        told = json.loads(written)
        body = told["body"]
        fields = {name: told[name] for name in Entry._fields}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("it is no entry") from error
    fields["body"] = canonical(body) if isinstance(body, dict) else body
    entry = Entry(**fields)
    if not isinstance(entry.seq, int) or line(entry) != written:
        raise ValueError("it was changed after it was exported")
    return entry


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
    return Verdict(verdict.count, verdict.first, verdict.last, [*faults, *verdict.faults])


def csv_head() -> str:
    return _csv(COLUMNS)


def csv_line(entry: Entry) -> str:
    """No cell of it is one that a spreadsheet calculates."""
    cells = entry._asdict() | {"time": moment(entry.at)}
    return _csv([_harmless(cells[name]) for name in COLUMNS])


def _body(entry: Entry) -> Any:
    try:
        body = json.loads(entry.body)
        return body if isinstance(body, dict) and canonical(body) == entry.body else entry.body
    except (ValueError, TypeError):
        return entry.body


def _harmless(cell: object) -> object:
    if isinstance(cell, int):
        return cell
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv(cells: Sequence[object]) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    return written.getvalue()
