"""Several whole bots, `python app.py`, on one PostgreSQL: begun, killed, stopped, ended."""

import asyncio
import json
import os
import secrets
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import sqlalchemy as sa

from sandbox.box import Box
from sandbox.postgres import Database
from tests.scenarios.life import ROOT
from tests.scenarios.stage import until


class Fleet:
    """`url`: of the store that they share. `log`: the file that all of them write to."""

    def __init__(self, box: Box, url: str, log: Path) -> None:
        told = {
            "RUNBOOK_BOT_STORE": json.dumps({"url": "env:STORE_OF_ALL"}),
            "STORE_OF_ALL": url,
        }
        self._environment = {**os.environ, **box.environment(), **told}
        self.box, self.url, self.log = box, url, log
        self.living: list[Process] = []  #: The one that was begun first is first.

    async def begin(self, **told: str) -> Process:
        """`told`: what stands in the environment of this one alone."""
        with self.log.open("a") as log:
            started = await asyncio.create_subprocess_exec(
                sys.executable, "app.py", cwd=ROOT, env={**self._environment, **told}, stderr=log
            )
        self.living.append(started)
        return started

    async def kill(self, victim: Process) -> None:
        self.living.remove(victim)
        victim.kill()
        await victim.wait()

    async def ask_to_end(self, one: Process) -> int:
        """As an orchestrator does. What it says to that."""
        self.living.remove(one)
        one.terminate()
        return await one.wait()

    async def connected(self) -> None:
        """Returns once all that live are, and nobody else is."""
        socket_mode, living = self.box.slack.socket_mode, len(self.living)
        await until(self.box, lambda: socket_mode.connections == living or None)

    async def end(self) -> list[int]:
        """All at the same time."""
        return await asyncio.gather(*map(self.ask_to_end, list(self.living)))

    def tracebacks(self) -> list[str]:
        """What they say that they did not expect."""
        return [line for line in self.log.read_text().splitlines() if "Traceback" in line]

    def cut(self) -> None:
        """Nothing of them outlives the test."""
        for one in self.living:
            if one.returncode is None:
                one.kill()


@asynccontextmanager
async def fleet_of(
    box: Box, size: int, folder: Path, server: Database | None = None
) -> AsyncIterator[Fleet]:
    """On an empty database of their own: on `server`, else on the company's."""
    fleet = Fleet(box, await empty_store(server or box.database), folder / "bots.log")
    async with manned(fleet, size):
        yield fleet


@asynccontextmanager
async def manned(fleet: Fleet, size: int) -> AsyncIterator[None]:
    """All connected; those after the first are begun at once."""
    try:
        await fleet.begin()
        await fleet.connected()
        for _ in range(size - 1):
            await fleet.begin()
        await fleet.connected()
        yield
    finally:
        fleet.cut()


async def empty_store(server: Database) -> str:
    """Its address, with its password. No other is on that database."""
    name = f"runbook_bot_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(server.admin_dsn)
    try:
        await admin.execute(f"create database {name}")
    finally:
        await admin.close()
    return sa.make_url(server.admin_dsn).set(database=name).render_as_string(False)
