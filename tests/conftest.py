"""What holds for every test."""

from collections.abc import Iterator

import pytest

from bot.secrets.redaction import REDACTOR


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """The redactor is the process's, and so knows the secrets of all tests before."""
    yield
    REDACTOR.forget()
