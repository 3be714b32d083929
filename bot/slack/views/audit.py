"""The audit log as people read it: a run's entries, whether the log is whole, and its anchors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bot.slack.views.escape import cut, mrkdwn, one_line, set_in
from bot.slack.views.kit import (
    Element,
    Rendered,
    context,
    header,
    person,
    plain,
    rich,
    table,
    text,
)
from bot.slack.views.limits import TABLE_ROWS, fit_message, table_fits
from bot.slack.views.words import count
from bot.store.chain import Entry, moment
from bot.store.verifying import Verdict

COLUMNS = ("#", "UTC", "Who", "What", "About")
LONGEST_CELL = 160
#: What says most about an entry, in the order of saying it.
TELLING = ("book", "command", "why", "outcome", "seen", "says", "reason", "where")
DIGEST = 12  #: Digits of a digest that are shown beside the rest; the file has them all.
THE_BOT = "the bot"
FAULTS = 5
SET_IN = 8


class Trail(NamedTuple):
    """`left`: how many of the oldest entries are not in the message."""

    says: Rendered
    left: int


def trail(run_id: str, entries: Sequence[Entry], verdict: Verdict) -> Trail:
    """The newest entries that fit, oldest first."""
    shown = [_row(one) for one in entries[1 - TABLE_ROWS :]]
    while shown and not table_fits(COLUMNS, shown):
        del shown[0]
    left = len(entries) - len(shown)
    head = f"Run {run_id}: {count(len(entries), 'entry', 'entries')} in the audit log."
    whole = rich(*([text(one)] for one in _whole(verdict)))
    blocks = [header(f"Audit log of run {run_id}"), whole]
    if shown:
        blocks.append(table(COLUMNS, list(map(_cells, shown))))
    if left:
        earlier = count(left, "earlier entry", "earlier entries")
        blocks.append(context(plain(f"{earlier}: see the file.", 200)))
    newest = "; ".join(" ".join(map(str, one)) for one in shown[-3:])
    said = " ".join(mrkdwn(one, 1000) for one in (head, *_whole(verdict), f"Newest: {newest}"))
    return Trail(Rendered(fit_message(said), blocks), left)


def trail_text(run_id: str, entries: Sequence[Entry], verdict: Verdict) -> str:
    """All of it, nothing cut."""
    lines = [f"Audit log of run {run_id}", *_whole(verdict), ""]
    for one in entries:
        by = one.by or THE_BOT
        lines += [f"{one.seq}  {moment(one.at)}  {by}  {one.what}  {one.about}".rstrip()]
        lines += [f"    {name}: {_value(value)}" for name, value in _body(one).items()]
        lines += [f"    hash: {one.hash}"]
    return "\n".join(set_in(one, SET_IN) for one in lines) + "\n"


def anchor(day: str, seq: int, hash: str) -> Rendered:
    """What is told once a day, to be compared with later."""
    what = f"Audit log, {day}: its newest entry is {seq}, and its sha-256 is {hash}."
    looks = "Whether the log still has it:"
    command = f"python app.py audit verify --anchor {seq}:{hash}"
    blocks = [rich([text(what)], [text(f"{looks} "), text(command, code=True)])]
    return Rendered(f"{what} {looks} `{command}`", blocks)


def _whole(verdict: Verdict) -> Iterator[str]:
    if verdict.is_whole and verdict.last:
        yield f"The log is whole up to entry {verdict.last.seq}: {verdict.last.hash}"
        return
    yield "THE LOG IS NOT WHOLE. Tell whoever is responsible for security."
    yield from (cut(one_line(fault.says), 400) for fault in verdict.faults[:FAULTS])
    if len(verdict.faults) > FAULTS:
        yield f"and {len(verdict.faults) - FAULTS} more: `python app.py audit verify` names them."


Row = tuple[int, str, str, str, str]


def _row(entry: Entry) -> Row:
    at = moment(entry.at)[: len("2026-01-31 14:02:11")]
    return entry.seq, at, str(entry.by or THE_BOT), str(entry.what), _about(entry)


def _cells(row: Row) -> list[object]:
    seq, at, by, what, about = row
    who: Element = rich([person(by)]) if by != THE_BOT else {"type": "raw_text", "text": by}
    return [seq, at, who, what, about]


def _about(entry: Entry) -> str:
    body = _body(entry)
    said = [*_asked(body), *(_value(body[name]) for name in TELLING if body.get(name))]
    if digest := body.get("digest"):
        said.append(f"plan {str(digest)[:DIGEST]}")
    return cut(one_line(" · ".join(filter(None, [str(entry.about), *said]))), LONGEST_CELL)


def _asked(body: Mapping[str, Any]) -> Iterator[str]:
    """The commands that people were shown."""
    shown = body.get("shown")
    for one in shown if isinstance(shown, list) else ():
        if isinstance(one, dict):
            yield _value(one.get("command"))


def _body(entry: Entry) -> Mapping[str, Any]:
    try:
        body = json.loads(entry.body)
    except (ValueError, TypeError, RecursionError):
        return {"body": str(entry.body)}
    return body if isinstance(body, dict) else {"body": body}


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
