"""Whatever befalls replicas: see tests/engine/chaos.py."""

from pathlib import Path

import pytest

from bot.engine import engine, leases, versions
from tests.engine.chaos import chaos


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_whatever_befalls_replicas_every_run_ends_and_each_change_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = ((leases, "LASTS_S"), (leases, "SEEN_EVERY_S"), (engine, "SWEEP_EVERY_S"))
    for module, name in (*hurried, (versions, "LEFT_FOR_LEASES")):
        monkeypatch.setattr(module, name, getattr(module, name))  # chaos hurries all of them
    print(await chaos(tmp_path, runs=12, misfortunes=10, seed=4))
