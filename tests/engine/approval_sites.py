"""Where the stores of the approval machine's examples are: each has one of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import asyncpg
import sqlalchemy as sa

from sandbox.postgres.database import Database
from tests.store.empty import empty_store


class Site(Protocol):
    def new_url(self) -> str: ...


class OnDisk:
    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    def new_url(self) -> str:
        self._count += 1
        return empty_store(self._folder / str(self._count))


class OnServer:
    """Databases of one PostgreSQL, made on a loop beside that of the example."""

    def __init__(self, runner: asyncio.Runner, server: Database) -> None:
        self._runner, self._server, self._count = runner, server, 0

    def new_url(self) -> str:
        self._count += 1
        name = f"example{self._count}"
        self._runner.run(self._make(name))
        return sa.make_url(self._server.admin_dsn).set(database=name).render_as_string(False)

    async def _make(self, name: str) -> None:
        connection = await asyncpg.connect(self._server.admin_dsn)
        await connection.execute(f"create database {name}")
        await connection.close()


@contextmanager
def postgres() -> Iterator[OnServer]:
    server = Database(organizations=0, with_replica=False)
    with asyncio.Runner() as runner:
        runner.run(server.start())
        try:
            yield OnServer(runner, server)
        finally:
            runner.run(server.stop())
