"""What is exported can be verified by itself, and opened by a spreadsheet without harm."""

import csv
import io

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.runbook.terminal import written_out
from bot.store.chain import Entry, canonical
from bot.store.exporting import FORMULA, csv_head, csv_line, entry_of, line, verify_lines
from bot.store.verifying import Anchor
from tests.store.chains import chain, chains


@given(chains())
def test_what_is_exported_is_read_back_as_it_was(entries: list[Entry]) -> None:
    lines = [line(one) for one in entries]
    assert [entry_of(one) for one in lines] == entries
    assert all(one.isascii() and "\n" not in one for one in lines)
    newest = entries[-1]
    verdict = verify_lines(lines, [Anchor(newest.seq, newest.hash)])
    assert verdict.is_whole and verdict.count == len(entries)


@settings(deadline=None)
@given(chains(), st.data())
def test_no_character_of_an_export_can_be_changed_unseen(
    entries: list[Entry], data: st.DataObject
) -> None:
    lines = [line(one) for one in entries]
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    put = data.draw(st.characters())
    assume(put != lines[number][at])
    lines[number] = lines[number][:at] + put + lines[number][at + 1 :]
    assert not verify_lines(lines).is_whole


@pytest.mark.parametrize(
    "broken",
    ["", "{}", "[]", "7", "null", '{"seq": "1"}', '{"seq": 1, "seq": 1}', "\x00", "[" * 99_999],
)
def test_a_line_that_is_no_entry_is_named_and_the_others_are_read(broken: str) -> None:
    lines = [line(one) for one in chain(3)]
    verdict = verify_lines([*lines[:2], broken, *lines[2:]])
    (fault,) = verdict.faults
    assert fault.says == "Line 3 cannot be read as an entry: it is no entry."
    assert verdict.count == 3


@given(st.text(alphabet="a;=+-@\"',\uff1d", max_size=9))
def test_no_cell_is_calculated_either_where_a_spreadsheet_separates_by_semicolons(
    text: str,
) -> None:
    entry = chain(1)[0]._replace(about=text, by=text, body=canonical({"why": text}))
    (cells,) = csv.reader(io.StringIO(csv_line(entry), newline=""), delimiter=";")
    assert not [one for one in cells if one.startswith(FORMULA)]


@given(
    st.text(max_size=8), st.sampled_from(["", "=", "+", "-", "@", "\t=", "\r=", "\n=", "\uff1d"])
)
def test_no_cell_is_one_that_a_spreadsheet_calculates(text: str, evil: str) -> None:
    hostile = f"{evil}{text}"
    entry = chain(1)[0]._replace(run=hostile, what=hostile, about=hostile, by=hostile)
    written = "\n".join((csv_head(), csv_line(entry)))
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    for name in ("run", "what", "about", "by", "body"):
        cell = row[name]
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
        shown = written_out(hostile)
        said = (shown, f"'{shown}", entry.body)
        assert cell.replace(";'", ";") in [one.replace(";'", ";") for one in said]
