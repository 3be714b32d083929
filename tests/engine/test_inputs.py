"""Whether what a run is started with exists is asked where it is known, and only then."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.engine import inputs as judged
from bot.engine.calling import Surroundings
from bot.engine.inputs import not_there
from bot.engine.systems import Systems
from bot.runbook import Adapter, Runbook, RunbookInputs
from bot.runbook.errors import Unreachable


class Shelf(Adapter):
    def __init__(self) -> None:
        self.asked, self.is_away, self.hangs = 0, False, False

    async def lamps(self) -> Sequence[str]:
        self.asked += 1
        if self.is_away:
            raise Unreachable("the shelf does not answer")
        if self.hangs:
            await asyncio.Event().wait()
        return ("hall", "attic")


class Inputs(RunbookInputs):
    lamps: tuple[str, ...] = ()


book = Runbook(id="RB-T-002", title="Lamps", severity="P3", category="Test", inputs=Inputs)


@book.choices("lamps")
async def existing(shelf: Shelf) -> Sequence[str]:
    return await shelf.lamps()


async def strange(shelf: Shelf, *lamps: str) -> str:
    around = Surroundings(Systems(shelf))
    return (await not_there(book, Inputs(lamps=lamps), around)).get("lamps", "")


async def test_what_does_not_exist_is_named_with_what_may_have_been_meant() -> None:
    assert await strange(Shelf(), "hall", "atic") == "There is no atic. Did you mean attic?"
    assert await strange(Shelf(), "xyz") == "There is no xyz. There are: hall, attic"
    assert await strange(Shelf(), "hall", "attic") == ""


async def test_nobody_is_asked_about_what_was_not_given() -> None:
    shelf = Shelf()
    assert await strange(shelf) == ""
    assert shelf.asked == 0


async def test_what_cannot_be_looked_up_is_taken_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judged, "MENU_LIMIT_S", 0.01)
    shelf = Shelf()
    shelf.is_away = True
    assert await strange(shelf, "xyz") == ""
    shelf.is_away, shelf.hangs = False, True
    assert await strange(shelf, "xyz") == ""
