"""
The company's services at their database: each has a connection of its own, under its own name,
reads what it always reads, and notes an event now and then.

A service without tasks has no connection. What it meets it tells at its /health.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from sandbox.postgres import Database

EVERY_S, LIMIT_S = 0.1, 2.0
READ = "SELECT count(o) FROM organizations o"
NOTE = "INSERT INTO activity_events (action) VALUES ('health_probe')"
TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Clients:
    """`tasks` of a service that run. Nobody connects before they are at work."""

    def __init__(
        self, database: Database, services: Sequence[str], tasks: Callable[[str], int]
    ) -> None:
        self._database, self._services, self._tasks = database, services, tasks
        self._working: list[asyncio.Task[None]] = []
        self._troubled: set[str] = set()
        self._round = asyncio.Condition()

    def begin(self) -> None:
        if not self._working:
            self._working = [asyncio.create_task(self._work(one)) for one in self._services]

    async def end(self) -> None:
        working, self._working = self._working, []
        for one in working:
            one.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        self._troubled.clear()

    def is_troubled(self, service: str) -> bool:
        """It could not read, the last time it tried."""
        return service in self._troubled

    async def have_read(self) -> None:
        """Each of them tries again, and once more: what is so now they know."""
        if self._working:
            async with self._round:
                for _ in range(2 * len(self._services)):
                    await self._round.wait()

    async def _work(self, service: str) -> None:
        connection: Any = None
        try:
            while True:
                connection = await self._try(service, connection)
                async with self._round:
                    self._round.notify_all()
                await asyncio.sleep(EVERY_S)
        finally:
            if connection is not None:
                connection.terminate()

    async def _try(self, service: str, connection: Any) -> Any:
        """The connection to go on with, or None."""
        if not self._tasks(service):
            if connection is not None:
                connection.terminate()
            self._troubled.discard(service)
            return None
        try:
            if connection is None or connection.is_closed():
                told = {"application_name": service}
                connection = await asyncpg.connect(
                    self._database.dsn, timeout=LIMIT_S, server_settings=told
                )
            await connection.fetchval(READ, timeout=LIMIT_S)
            await connection.execute(NOTE, timeout=LIMIT_S)
            self._troubled.discard(service)
        except TROUBLE:
            self._troubled.add(service)
        return connection
