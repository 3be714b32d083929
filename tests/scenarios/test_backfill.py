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

COUNT, BEHIND = "SELECT count(*) FROM activity_events", 3
#: After it was planned, and before it is begun: every fourth has no address.
COME_MEANWHILE = """
    INSERT INTO activity_events (action, ip)
    SELECT 'login', CASE WHEN i % 4 <> 0 THEN '203.0.113.9'::inet END
    FROM generate_series(1, 400) i
"""
#: As soon as it is done: whoever writes them does not know the column yet.
COME_BEHIND = f"""
    CREATE FUNCTION behind() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            INSERT INTO activity_events (action, ip)
            SELECT 'login', '203.0.113.9' FROM generate_series(1, {BEHIND});
            RETURN NULL;
        END $$;
    CREATE TRIGGER behind AFTER UPDATE ON runbook_bot.backfills FOR EACH ROW
        WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION behind();
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
    """Once nobody is connected any more whom an earlier test has left."""
    await until(box, lambda: not box.slack.socket_mode.connections or None)
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


async def asked_for(room: Incident, command: str = COMMAND) -> Message:
    """Whatever the hour: a run that is held because it is not quiet is let go on."""
    box = room.box
    assert (await Person(box, DANA).types(command, room.channel)).acked
    asked = await until(box, lambda: _with(room, names.DONE))
    await Person(box, DANA).presses(asked, room.channel, names.DONE)
    held: set[str] = set()

    def next_thing() -> Message | None:
        waiting = _with(room, names.GO_ON)
        fresh = waiting if waiting and (_held(waiting) - held) else None
        return _with(room, names.DENY) or fresh

    while not has(found := await until(box, next_thing), names.DENY):
        held |= _held(found)
        for action in _held(found):
            await Person(box, DANA).presses(found, room.channel, action)
    return found


async def approved(room: Incident, asked: Message, typed: str = TYPED) -> None:
    for who in (RAVI, LENA):
        person = Person(room.box, who)
        await person.presses(asked, room.channel, names.APPROVE_DESTROY)
        form = await person.sees_form(names.APPROVE_MODAL)
        assert not (await person.submits(form, {names.TYPED: typed})).errors


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
    await approved(room, await asked_for(room))
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


async def test_rows_without_a_value_and_rows_that_come_meanwhile_are_counted_and_said(
    box: Box, bot: Lives
) -> None:
    room = Incident(box, "C0SUPPORT", "support")
    rows, nulls = [await value(box, f"{COUNT} WHERE ip IS {how}") for how in ("NOT NULL", "NULL")]
    asked = await asked_for(room, "RB-DB-002 backfill=activity-events-network batch_size=5000")
    stay = "rows are left as they are, because the expression gives NULL"
    await room.shows(f"{rows:,} of {rows + nulls:,} rows of activity_events are to be filled")
    await room.shows(f"{nulls:,} {stay}")
    await room.shows("by hand: UPDATE activity_events SET network = NULL, in batches")
    assert not await value(box, f"{COUNT} WHERE network IS NOT NULL")
    await run(box.database.admin_dsn, COME_MEANWHILE, COME_BEHIND)
    await approved(room, asked, "public.activity_events")
    await room.shows(f"{BEHIND} rows came in behind it without a value: whatever writes them must")
    await room.shows(f"fill them. Run it again. {nulls + 100:,} {stay}")
    await room.says("FINISHED")
    filled = f"{COUNT} WHERE network IS NOT NULL AND network >>= ip"
    assert await value(box, filled) == rows + 300
    assert await value(box, f"{COUNT} WHERE network IS NULL") == nulls + 100 + BEHIND
