"""Whatever is stored with a run can be read back, whatever people and systems say."""

import pytest
from pydantic import ValidationError

from bot.runbook import Person
from bot.runbook.values import Value
from tests.hostile import MALICE


@pytest.mark.parametrize("wrong", ["<!channel>", "U0DANA> <!channel", "", "u0dana", "U0DANA\n"])
def test_a_person_is_an_id_and_nothing_else(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Person(user_id=wrong)


class Anything(Value):
    text: str = ""
    texts: tuple[str, ...] = ()
    named: dict[str, str] = {}  # noqa: RUF012 -- pydantic copies it
    number: float = 0.0


@pytest.mark.parametrize("malice", MALICE.values(), ids=MALICE)
def test_a_value_that_was_stored_can_be_read_back(malice: str) -> None:
    put = Anything(text=malice, texts=(malice,), named={malice: malice})
    stored = put.model_dump_json()
    stored.encode()  # Raises where a database would.
    assert Anything.model_validate_json(stored) == put


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_no_store_keeps_is_refused(number: float) -> None:
    with pytest.raises(ValidationError):
        Anything(number=number)
