"""Where the stores of the approval machine's examples are: each has one of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import asyncpg

from sandbox.postgres.binaries import find
from sandbox.postgres.server import HOST, Server

USER, PASSWORD = "bot", "nobody-else-listens"


class Site(Protocol):
    def new_url(self) -> str: ...


class OnDisk:
    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    def new_url(self) -> str:
        self._count += 1
        return f"sqlite:///{self._folder}/{self._count}/bot.db"


class OnServer:
    """Databases of one PostgreSQL, made on a loop beside that of the example."""

    def __init__(self, runner: asyncio.Runner, port: int) -> None:
        self._runner, self._count = runner, 0
        self._address = f"postgresql://{USER}:{PASSWORD}@{HOST}:{port}"

    def new_url(self) -> str:
        self._count += 1
        name = f"example{self._count}"
        self._runner.run(self._make(name))
        return f"{self._address}/{name}"

    async def _make(self, name: str) -> None:
        connection = await asyncpg.connect(f"{self._address}/postgres")
        await connection.execute(f"create database {name}")
        await connection.close()


@contextmanager
def postgres(folder: Path) -> Iterator[OnServer]:
    server = Server(find(folder), folder / "server")
    with asyncio.Runner() as runner:
        runner.run(server.make(USER, PASSWORD))
        runner.run(server.start())
        try:
            yield OnServer(runner, server.port)
        finally:
            runner.run(server.stop())
