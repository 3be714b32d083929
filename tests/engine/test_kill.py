"""kill -9 between any two moments: the run goes on, and every change is made once."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store.auditing import verdict_of
from bot.store.beside import beside
from bot.store.verifying import Verdict

pytestmark = pytest.mark.slow

WANTED = ["say hello hall", "paint hall green", "say goodbye all"]


def live(folder: Path, point: int, when: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.engine.killed_bot", str(folder), str(point), when]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", range(3, 40, 9))
def test_a_bot_killed_at_a_transaction_finishes_in_its_next_life_and_does_nothing_twice(
    tmp_path: Path, point: int, when: str
) -> None:
    first = live(tmp_path, point, when)
    assert first.returncode in (0, -9), first.stderr
    if first.returncode:
        second = live(tmp_path, 0, when)
        assert second.returncode == 0, second.stderr
    assert (tmp_path / "world").read_text().splitlines() == WANTED
    assert is_whole(tmp_path)


def test_a_bot_that_dies_again_and_again_finishes_all_the_same(tmp_path: Path) -> None:
    for point in (9, 6, 4, 7):
        assert live(tmp_path, point, "after").returncode in (0, -9)
    assert live(tmp_path, 0, "after").returncode == 0
    assert (tmp_path / "world").read_text().splitlines() == WANTED
    assert is_whole(tmp_path)


def is_whole(folder: Path) -> bool:
    """The audit log, after all of it."""

    async def look() -> Verdict:
        async with beside(sa.make_url(f"sqlite:///{folder}/bot.db")) as store:
            return await store.read(verdict_of, [])

    verdict = asyncio.run(look())
    return verdict.is_whole and verdict.count > 0
