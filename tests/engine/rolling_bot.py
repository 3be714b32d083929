"""
One replica of a rolling update: `python -m tests.engine.rolling_bot URL FOLDER VERSION` works, as
the old or the new version of the bot, until it is killed. See tests/engine/chaos_bot.py.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from bot.runbook import Found, Runbook, Watched
from bot.runbook.durations import seconds
from bot.runbook.words import not_yet, ok
from bot.store import postgres
from tests.engine import chaos_bot
from tests.engine.chaos_bot import work
from tests.engine.small_world import Lamp, Lamps, make_book


def _old() -> Runbook:
    """Lamps, and a watch that lasts until somebody paints the dawn."""
    book = make_book()
    night = book.section("Night")

    @night.watch("Wait for the dawn", every=seconds(0.5), lasting=seconds(90), until="ok")
    async def dawn(lamps: Lamps) -> Watched[Lamp]:
        lamp = await lamps.lamp("dawn")
        return ok("It dawns", lamp) if lamp.color == "green" else not_yet("It is dark", lamp)

    return book


def _new() -> Runbook:
    """As the old one, with a step less, a step more, and a step that is called otherwise."""
    book = _old()
    more = book.section("More", holds=False)

    @more.check("Is the cellar there?")
    async def cellar(lamps: Lamps) -> Found[Lamp]:
        return ok("It is", await lamps.lamp("cellar"))

    kept = {key: step for key, step in book.steps.items() if key != "attic"}
    kept["color"] = replace(kept["color"], title="Which color is it?")
    return replace(book, steps=kept)


VERSIONS = {"old": _old(), "new": _new()}


def hurry() -> None:
    """With fewer connections, for there are more bots than the tests' PostgreSQL has room for."""
    chaos_bot.hurry()
    postgres.CONNECTIONS = 5


if __name__ == "__main__":
    hurry()
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), VERSIONS[sys.argv[3]]))
