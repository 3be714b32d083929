"""What the bot looks for all the time is found by an index, however much lies in the store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine import claiming, engine, freezing, noted, reading
from bot.store import delivering, outbox
from bot.store.deliveries import message
from bot.store.store import Store
from bot.store.tables import metadata
from tests.engine.approval_sites import postgres
from tests.store.databases import DATABASES
from tests.store.empty import empty_store

#: They have a row for each of very few things, or of what is under way.
SMALL = {"audit_head", "freezes", "kept_secrets", "outbox_lease", "replicas", "starts"}
LARGE = set(metadata.tables) - SMALL
LOOKS: dict[str, Callable[[sa.Connection], Any]] = {
    "what is to be delivered": delivering.board,
    "work that nobody does": lambda c: claiming.swept(c, "me"),
    "waits that are over": lambda c: engine._due(c, 1e9),
    "the next deadline": engine._next_deadline,
    "what a freeze is told to": freezing._under_way,
    "starts that are not begun": lambda c: noted.kept(c, 1e9),
    "the runs that are under way": lambda c: reading.recent_runs(c, 50, True, {}),
    "the newest runs": lambda c: reading.recent_runs(c, 50, False, {}),
}


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres() as server:
        yield server.new_url()


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return empty_store(tmp_path)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
async def test_no_look_reads_a_whole_table(look: Callable[[sa.Connection], Any], url: str) -> None:
    store = Store(url)
    await store.open()
    await store.tx(outbox.put, "R", [message("R/card", "to be delivered")])
    found = await store.read(_how, look)
    await store.close()
    assert found
    whole = {f"SCAN {table}" for table in LARGE} | {f"Seq Scan on {table}" for table in LARGE}
    assert not [line for line in found if line in whole]


def _how(c: sa.Connection, look: Callable[[sa.Connection], Any]) -> list[str]:
    """How the database finds what is looked for: a line for each step of its plans."""
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        asked.append((statement, given))

    sa.event.listen(c, "before_cursor_execute", note)
    look(c)
    sa.event.remove(c, "before_cursor_execute", note)
    if c.dialect.name == "sqlite":
        plans = [c.exec_driver_sql(f"explain query plan {one}", given) for one, given in asked]
        return [row[3] for plan in plans for row in plan]
    c.exec_driver_sql("set local enable_seqscan = off")  # Only where there is no other way.
    plans = [c.exec_driver_sql(f"explain (costs off) {one}", given) for one, given in asked]
    return [row[0].strip(" ->") for plan in plans for row in plan]
