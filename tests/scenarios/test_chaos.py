"""Whatever befalls whole bots: see tests/scenarios/chaos.py."""

from pathlib import Path

import pytest

from tests.scenarios.chaos import chaos


@pytest.mark.timeout(480)
async def test_whatever_befalls_whole_bots_every_run_ends_and_nothing_is_done_twice_or_lost(
    tmp_path: Path,
) -> None:
    print(await chaos(tmp_path, runs=3, seconds=25, seed=4))
