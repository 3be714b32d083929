"""Three whole bots on one PostgreSQL tell one outage, though one after another of them dies."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from sandbox.box import Box
from tests.scenarios.life import ROOT
from tests.scenarios.outage import CORE, Outage
from tests.scenarios.stage import until

pytestmark = pytest.mark.timeout(300)

REPLICAS = 3
DEATHS = ("typed", "asked", "approved")
STORE = "runbook_bot"


class Replicas:
    """The one that was begun first is the next to die."""

    def __init__(self, box: Box, url: str, log: Path) -> None:
        told = {
            "RUNBOOK_BOT_STORE": json.dumps({"url": "env:STORE_OF_ALL"}),
            "STORE_OF_ALL": url,
        }
        self._environment = {**os.environ, **box.environment(), **told}
        self._box, self._log = box, log
        self._living: list[asyncio.subprocess.Process] = []

    async def begin(self) -> None:
        with self._log.open("a") as log:
            started = await asyncio.create_subprocess_exec(
                sys.executable, "app.py", cwd=ROOT, env=self._environment, stderr=log
            )
        self._living.append(started)
        await self._all_connected()

    async def die(self, moment: str) -> None:
        """Another is begun at once, as an orchestrator would."""
        if moment not in DEATHS:
            return
        victim = self._living.pop(0)
        victim.kill()
        await victim.wait()
        await self._all_connected()
        await self.begin()

    async def end(self) -> list[int]:
        for one in self._living:
            one.terminate()
        return [await one.wait() for one in self._living]

    def cut(self) -> None:
        for one in self._living:
            if one.returncode is None:
                one.kill()

    async def _all_connected(self) -> None:
        living = len(self._living)
        await until(self._box, lambda: self._box.slack.socket_mode.connections == living or None)


@asynccontextmanager
async def replicas(box: Box, folder: Path) -> AsyncIterator[Replicas]:
    """On a database of their own, on the company's server."""
    admin = await asyncpg.connect(box.database.admin_dsn)
    try:
        await admin.execute(f"create database {STORE}")
    finally:
        await admin.close()
    found = Replicas(box, f"{box.database.admin_dsn.rsplit('/', 1)[0]}/{STORE}", folder / "log")
    try:
        for _ in range(REPLICAS):
            await found.begin()
        yield found
    finally:
        found.cut()


async def test_an_outage_is_ended_once_by_whichever_replicas_are_left(
    box: Box, tmp_path: Path
) -> None:
    outage = Outage(box)
    async with replicas(box, tmp_path) as bots:
        room = await outage.live(bots.die)
        outage.check(room)
        assert box.updates(CORE) == 1
        assert await bots.end() == [0] * REPLICAS
