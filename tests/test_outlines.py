"""What a reviewer reads is what the code does: golden outlines, and the prose line by line."""

import re
from pathlib import Path

import pytest

import app
from bot.runbook.coverage import coverage
from bot.runbook.errors import BookError
from bot.runbook.outline import Outline, outline, text
from bot.runbook.pages import CAPTIONS
from commands import IN_PROSE, RUNBOOKS

DOCS = Path(app.__file__).with_name("docs")
PICTURE = re.compile(r"\]\((pictures/[^)]+)\)")
LARGEST_PICTURE = 120_000  #: Bytes.


@pytest.mark.parametrize("book_id", RUNBOOKS)
def test_the_outline_is_as_in_the_docs(book_id: str) -> None:
    golden = (DOCS / "outlines" / f"{book_id}.txt").read_text()
    assert "\n".join(text(outline(RUNBOOKS[book_id]))) + "\n" == golden, "run `make outlines`"


@pytest.mark.parametrize("book_id", RUNBOOKS)
def test_an_outline_survives_being_stored_with_a_run(book_id: str) -> None:
    whole = outline(RUNBOOKS[book_id])
    assert Outline.from_json(whole.as_json()) == whole


def test_every_line_of_the_prose_has_a_step_and_the_page_says_so() -> None:
    assert app.coverage_page() == (DOCS / "coverage.md").read_text(), "run `make outlines`"


def test_a_line_of_the_prose_without_a_step_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "RB-INC-001.toml"
    path.write_text(
        '[[line]]\npart = "Recovery"\nprose = "Turn it off and on"\nstep = "restart"\n'
    )
    with pytest.raises(BookError, match="Turn it off and on"):
        coverage(outline(RUNBOOKS["RB-INC-001"]), tmp_path)


def test_a_line_that_would_lead_to_a_runbook_the_book_never_offers_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "RB-DB-001.toml"
    path.write_text(
        '[[line]]\npart = "Rollback"\nprose = "Restore"\nstep = "back"\noffers = "RB-INT-001"\n'
    )
    with pytest.raises(BookError, match="leads nobody to RB-INT-001"):
        coverage(outline(RUNBOOKS["RB-DB-001"]), tmp_path)


@pytest.mark.parametrize("book_id", RUNBOOKS)
def test_every_step_carries_out_some_line_of_the_prose(book_id: str) -> None:
    whole = outline(RUNBOOKS[book_id])
    carried = {key for line in coverage(whole, DOCS / "prose") for key in line.keys}
    proofs = {key for section in whole.sections for step in section.steps for key in step.proofs}
    steps = {step.key for section in whole.sections for step in section.steps}
    included = {key for key in steps if key.partition(".")[0] in carried and "." in key}
    assert steps - carried - included <= proofs


@pytest.mark.parametrize("book_id", RUNBOOKS)
def test_the_page_for_its_users_is_as_the_outline_and_has_pictures(book_id: str) -> None:
    written = (DOCS / "runbooks" / f"{book_id}.md").read_text()
    assert written == app.book_page(book_id), "run `make outlines`"
    shown = PICTURE.findall(written)
    assert shown, f"tests/scenarios/tales.py wants an entry; then `make pictures ONLY={book_id}`"
    for name in shown:
        assert 0 < (DOCS / "runbooks" / name).stat().st_size < LARGEST_PICTURE


def test_no_picture_is_of_a_runbook_that_is_not_there_or_shows_what_has_no_name() -> None:
    for path in (DOCS / "runbooks" / "pictures").glob("*.png"):
        book_id, number, what = path.stem.rsplit("-", 2)
        assert book_id in RUNBOOKS and number.isdecimal() and what in CAPTIONS


def test_what_is_only_prose_is_not_executable_as_well() -> None:
    assert not set(IN_PROSE) & set(RUNBOOKS)
