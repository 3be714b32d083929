"""
`python app.py audit ...`: verifies the audit log and exports it, beside the bot or without it.

Exit status: 0 it is whole, 1 it is not, 2 it could not be looked at.
"""

import argparse
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from assembly.secrets import open_vault, store_url
from bot.runbook.terminal import written_out
from bot.settings import Settings
from bot.store.auditing import entries_after, verdict_of
from bot.store.beside import NoStore, beside
from bot.store.chain import Entry, moment
from bot.store.exporting import csv_head, csv_line, line, verify_lines
from bot.store.verifying import Anchor, Verdict

WHOLE, NOT_WHOLE, NOT_LOOKED_AT = 0, 1, 2
ANCHOR = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
NAMED = 50  #: Faults that are told one by one.


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    whole = commands.add_parser("audit", help="verify the audit log, or export it")
    asked = whole.add_subparsers(dest="asked", metavar="COMMAND", required=True)
    verify = asked.add_parser("verify", help="find what was changed, removed, inserted or moved")
    place = verify.add_mutually_exclusive_group()
    export = asked.add_parser("export", help="write it to standard output, as JSON lines")
    for one in (place, export):
        one.add_argument(
            "--store", type=Path, help="a SQLite file, such as a backup (default: the bot's)"
        )
    place.add_argument("--file", type=Path, help="an export in JSON lines; needs no store")
    verify.add_argument(
        "--anchor",
        type=_anchor,
        action="append",
        default=[],
        help="as posted: SEQ:HASH; any number",
    )
    verify.add_argument(
        "--part", action="store_true", help="the file is a selection: gaps in it say nothing"
    )
    export.add_argument("--csv", action="store_true", help="for a spreadsheet")
    export.add_argument("--run", help="the entries of one run")
    export.add_argument("--since", type=_since, help="a day or time of UTC: 2026-01-31")


async def carry_out(told: argparse.Namespace) -> int:
    """Raises ValidationError when the settings are needed and wrong."""
    try:
        if told.asked == "export":
            await _export(told)
            return WHOLE
        if told.file is None and told.part:
            print("--part is about a --file: of a store nothing may be missing", file=sys.stderr)
            return NOT_LOOKED_AT
        if told.file:
            verdict = verify_lines(_lines(told.file), told.anchor, told.part)
        else:
            async with beside(await _url(told)) as store:
                verdict = await store.read(verdict_of, told.anchor)
    except (NoStore, OSError, UnicodeDecodeError) as error:
        print(written_out(str(error)), file=sys.stderr)
        return NOT_LOOKED_AT
    print("\n".join(map(written_out, _told(verdict, told.anchor, told.part))))
    return WHOLE if verdict.is_whole else NOT_WHOLE


async def _export(told: argparse.Namespace) -> None:
    try:
        if told.csv:
            print(csv_head())
        async for entries in _pages(told):
            print(*map(csv_line if told.csv else line, entries), sep="\n")
        sys.stdout.flush()
    except BrokenPipeError:  # Whoever reads has seen enough, as `head` has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _pages(told: argparse.Namespace) -> AsyncIterator[Sequence[Entry]]:
    """Each is read on its own: nothing is held up while somebody pages through an export."""
    async with beside(await _url(told)) as store:
        after = 0
        while entries := await store.read(entries_after, after, told.run, told.since):
            yield entries
            after = entries[-1].seq


def _told(verdict: Verdict, anchors: Sequence[Anchor], is_part: bool) -> Iterator[str]:
    if not verdict.is_whole:
        yield from (fault.says for fault in verdict.faults[:NAMED])
        if len(verdict.faults) > NAMED:
            yield f"... and {len(verdict.faults) - NAMED:,} more."
        yield f"NOT WHOLE: {verdict.count:,} entries were read."
    elif verdict.first is None or verdict.last is None:
        yield "Whole: there is no entry yet."
    else:
        first, last = verdict.first, verdict.last
        yield f"Whole: {verdict.count:,} entries, {moment(first.at)} to {moment(last.at)}."
        yield from _anchored(verdict, anchors)
        if is_part:
            yield "It is a selection, so whether any entry is missing between them is not known."
        yield f"Newest entry, to compare with what was posted: {last.seq}:{last.hash}"


def _anchored(verdict: Verdict, anchors: Sequence[Anchor]) -> Iterator[str]:
    """What was given says something only of an entry that was read."""
    if not anchors:
        return
    unmet = [one for one in anchors if one in verdict.unmet]
    yield f"Anchors that fit: {len(anchors) - len(unmet)}."
    if unmet:
        named = ", ".join(str(one.seq) for one in unmet)
        yield f"NOT COMPARED, because this selection does not have them: anchors of entry {named}."


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="ascii", newline="\n") as file:
        yield from file


async def _url(told: argparse.Namespace) -> sa.URL:
    """Raises Refused, Unreachable when the address is kept where it cannot be read."""
    if told.store:
        return sa.URL.create("sqlite", database=str(told.store))
    settings = Settings()
    async with contextlib.AsyncExitStack() as stack:
        return sa.make_url(await store_url(settings, open_vault(settings, stack)))


def _anchor(text: str) -> Anchor:
    found = ANCHOR.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the number of an entry, :, and 64 digits"
        )
    return Anchor(int(found[1]), found[2])


def _since(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
