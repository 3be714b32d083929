"""What the bot looks for all the time is found by an index, however much lies in the store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.engine import engine, freezing, noted, reading
from bot.store import delivering
from bot.store.store import Store
from bot.store.tables import metadata
from tests.store.empty import empty_store

#: They have a row for each of very few things, or of what is under way.
SMALL = {"audit_head", "freezes", "kept_secrets", "outbox_lease", "replicas", "starts"}
LARGE = set(metadata.tables) - SMALL
LOOKS: dict[str, Callable[[sa.Connection], Any]] = {
    "what is to be delivered": delivering.board,
    "work that nobody does": lambda c: engine._orphans(c, "me"),
    "waits that are over": lambda c: engine._due(c, 1e9),
    "the next deadline": engine._next_deadline,
    "what a freeze is told to": freezing._under_way,
    "starts that are not begun": lambda c: noted.kept(c, 1e9),
    "the runs that are under way": lambda c: reading.recent_runs(c, 50, True, {}),
    "the newest runs": lambda c: reading.recent_runs(c, 50, False, {}),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
async def test_no_look_reads_a_whole_table(
    look: Callable[[sa.Connection], Any], tmp_path: Path
) -> None:
    store = Store(empty_store(tmp_path))
    await store.open()
    plans = await store.read(_plans, look)
    await store.close()
    assert plans
    assert not [one for one in plans if one in {f"SCAN {table}" for table in LARGE}]


def _plans(c: sa.Connection, look: Callable[[sa.Connection], Any]) -> list[str]:
    """How SQLite finds what is looked for, a line for each table."""
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        asked.append((statement, given))

    sa.event.listen(c, "before_cursor_execute", note)
    look(c)
    sa.event.remove(c, "before_cursor_execute", note)
    return [
        row[3]
        for statement, given in asked
        for row in c.exec_driver_sql(f"explain query plan {statement}", given)
    ]
