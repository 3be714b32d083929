"""Every runbook there is can be chosen from the catalogue and started from a form."""

import pytest

from bot.runbook import Runbook
from bot.runbook.outline import outline
from bot.slack.views.catalogue import catalogue_modal, summaries
from bot.slack.views.fields import form_fields
from bot.slack.views.start import start_modal
from commands import RUNBOOKS
from tests.slack.views.checking import assert_view

OUTLINES = {key: outline(book) for key, book in RUNBOOKS.items()}


@pytest.mark.parametrize("book", RUNBOOKS.values(), ids=RUNBOOKS)
def test_its_form_and_its_page_are_taken(book: Runbook) -> None:
    assert_view(start_modal(OUTLINES[book.id]))
    assert_view(catalogue_modal(summaries(OUTLINES, []), "", book.id))


@pytest.mark.parametrize("book", RUNBOOKS.values(), ids=RUNBOOKS)
def test_none_of_its_inputs_has_to_be_typed_as_json(book: Runbook) -> None:
    assert "json" not in {field.kind for field in form_fields(OUTLINES[book.id].inputs)}
