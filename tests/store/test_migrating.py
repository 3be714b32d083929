"""Among replicas that begin at once one moves the schema, and the others wait for it."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from bot.store import migrate
from bot.store.migrate import NewerSchema
from bot.store.store import Store
from bot.store.tables import runs
from bot.store.unusable import StoreUnusable
from tests.engine.approval_sites import OnServer, postgres
from tests.store.databases import Place

pytestmark = pytest.mark.slow

BOTS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[OnServer]:
    with postgres() as running:
        yield running


@pytest.fixture
def url(server: OnServer) -> str:
    """Of an empty database."""
    return server.new_url()


@pytest.fixture
async def there(url: str) -> AsyncIterator[Place]:
    async with contextlib.AsyncExitStack() as stack:
        yield Place(url, stack)


async def begin(url: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tests.store.opening", url]
    bot = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    assert bot.stdout and await bot.stdout.readline() == b"ready\n"
    return bot


async def all_at_once(url: str) -> list[str]:
    """What each of them says."""
    bots = await asyncio.gather(*(begin(url) for _ in range(BOTS)))
    told = await asyncio.gather(*(bot.communicate(b"go\n") for bot in bots))
    assert [bot.returncode for bot in bots] == [0] * BOTS, told
    return sorted(said.decode().strip() for said, _ in told)


def revision(c: sa.Connection) -> list[str]:
    return list(c.execute(sa.text("select version_num from alembic_version")).scalars())


async def test_of_three_bots_on_an_empty_database_one_makes_the_schema(there: Place) -> None:
    assert await all_at_once(there.url) == ["open 0", "open 0", "open 1"]


async def test_of_three_bots_on_an_older_schema_one_moves_it_and_keeps_what_is_there(
    there: Place,
) -> None:
    run = sa.text(
        "insert into runs (id, book, outline, inputs, state, status, started_by, origin_name,"
        " dry, started_at, updated_at) values ('7F3K', 'RB-T-001', '{}', '{}', '{}', 'running',"
        " 'U1', '', 0, 0, 0)"
    )

    def write(c: sa.Connection) -> None:
        c.execute(run)

    await there.made_at("0005", write)
    assert await all_at_once(there.url) == ["open 0", "open 0", "open 1"]
    store = await there.open()
    assert await store.read(lambda c: c.execute(sa.select(runs.c.id)).scalar_one()) == "7F3K"
    assert await store.read(revision) == sorted(migrate._revisions()[0])


async def test_when_one_is_killed_while_it_moves_the_schema_another_one_moves_it(
    there: Place,
) -> None:
    """Nothing of what the first one did is there, and its lock is not either."""
    await there.made_at("0005", lambda _c: None)
    first = Store(there.url)
    half = asyncio.Event()

    def moves_half(c: sa.Connection) -> None:
        c.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": migrate.ADVISORY_LOCK})
        c.execute(sa.text("alter table outbox drop column sure_at"))

    async def dies() -> None:
        async with first._side._engine.connect() as connection:  # type: ignore[union-attr]
            await connection.run_sync(moves_half)
            half.set()
            await asyncio.Event().wait()

    dying = asyncio.create_task(dies())
    await half.wait()
    opening = asyncio.create_task(there.open())
    await asyncio.sleep(0.1)
    assert not opening.done()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await (await opening).read(revision) == sorted(migrate._revisions()[0])
    await first.close()


async def test_an_older_bot_refuses_a_newer_schema_in_a_sentence(there: Place) -> None:
    store = await there.open()
    newer = sa.text("update alembic_version set version_num = '9999'")
    await store.tx(lambda c: c.execute(newer))
    with pytest.raises(NewerSchema, match="written by a newer version of this bot"):
        await Store(there.url).open()


async def test_a_schema_that_is_read_for_long_is_not_waited_for_by_everybody(
    there: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there.made_at("0005", lambda _c: None)
    monkeypatch.setattr(migrate, "TABLE_WITHIN_S", 0.2)
    reader = Store(there.url)
    async with reader._side._engine.connect() as reading:  # type: ignore[union-attr]
        await reading.execute(sa.text("select count(*) from outbox"))
        with pytest.raises(StoreUnusable, match="could not be moved, because something else"):
            await Store(there.url).open()
    await there.open()
    await reader.close()
