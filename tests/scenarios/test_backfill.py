"""RB-DB-002 as it goes in the afternoon: the bot's own process, and a real PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from bot.slack.views import names
from sandbox.box import Box
from sandbox.postgres import Database
from tests.adapters.harmed import run
from tests.scenarios.company import company_in
from tests.scenarios.life import Lives, lives
from tests.scenarios.stage import Incident, Message, Person, has, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

ROOM, TYPED = "C0GENERAL", "public.org_ads"
DANA, RAVI, LENA = "U0DANA", "U0RAVI", "U0LENA"
#: Ten batches, so far apart that there is time to press a button between two.
COMMAND = "RB-DB-002 backfill=org-ads-search-name batch_size=1000 pause_ms=600"
#: How often each row was written.
COUNT_WRITES = """
    CREATE TABLE touched (id bigint, at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN INSERT INTO touched (id) VALUES (NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER touch AFTER UPDATE OF search_name ON org_ads
        FOR EACH ROW EXECUTE FUNCTION touch();
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    async with (
        Database(organizations=50) as database,
        company_in(tmp_path_factory.mktemp("company"), database) as found,
    ):
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def bot(box: Box, tmp_path: Path) -> AsyncIterator[Lives]:
    async with lives(box, tmp_path) as found:
        yield found


async def value(box: Box, query: str) -> Any:
    connection = await asyncpg.connect(box.database.admin_dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def filled(box: Box) -> int:
    return int(await value(box, "SELECT count(*) FROM org_ads WHERE search_name IS NOT NULL"))


async def approved(box: Box, room: Incident) -> None:
    """Whatever the hour: a run that is held because it is not quiet is let go on."""
    assert (await Person(box, DANA).types(COMMAND, ROOM)).acked
    asked = await until(box, lambda: _with(room, names.DONE))
    await Person(box, DANA).presses(asked, ROOM, names.DONE)
    held: set[str] = set()

    def next_thing() -> Message | None:
        waiting = _with(room, names.GO_ON)
        fresh = waiting if waiting and (_held(waiting) - held) else None
        return _with(room, names.DENY) or fresh

    while not has(found := await until(box, next_thing), names.DENY):
        held |= _held(found)
        for action in _held(found):
            await Person(box, DANA).presses(found, ROOM, action)
    for who in (RAVI, LENA):
        person = Person(box, who)
        await person.presses(found, ROOM, names.APPROVE_DESTROY)
        form = await person.sees_form(names.APPROVE_MODAL)
        assert not (await person.submits(form, {names.TYPED: TYPED})).errors


def _with(room: Incident, action: str) -> Message | None:
    return next((one for one in room.messages if has(one, action)), None)


def _held(message: Message) -> set[str]:
    """The buttons to go on over what holds the run."""
    found = (e for b in message.get("blocks", ()) for e in b.get("elements", ()))
    ids = (str(one.get("action_id", "")) for one in found)
    return {one for one in ids if one.startswith(names.GO_ON)}


async def presses(room: Incident, who: str, action: str) -> None:
    card = await room.offers(f"{action}:fill")
    await Person(room.box, who).presses(card, ROOM, f"{action}:fill")


async def test_a_backfill_is_paused_resumed_and_survives_a_death_and_no_row_is_done_twice(
    box: Box, bot: Lives
) -> None:
    await run(box.database.admin_dsn, COUNT_WRITES)
    room = Incident(box, ROOM, "general")
    rows = await value(box, "SELECT count(*) FROM org_ads")
    await approved(box, room)
    while not await filled(box):
        assert not room.saying("FINISHED")
    await presses(room, LENA, names.PAUSE)
    await room.shows("PAUSED · Run the backfill")
    await room.shows(f"<@{LENA}> has paused")
    done = await filled(box)
    assert 0 < done < rows
    await bot.kill()
    await bot.begin()
    assert await filled(box) == done
    await presses(room, RAVI, names.RESUME)
    while await filled(box) == done:
        assert has(room.card, names.CANCEL)
    await bot.kill()
    assert await filled(box) < rows
    await bot.begin()
    await room.shows(f"{rows:,} rows were filled, and none is left to be")
    await room.says("FINISHED")
    assert await filled(box) == await value(box, "SELECT count(*) FROM touched") == rows
    assert await value(box, "SELECT count(DISTINCT id) FROM touched") == rows
    assert await value(box, "SELECT is_analyzed FROM runbook_bot.backfills")
