"""
RDS and the servers behind it, joined: what RDS says is being restored is restored, and the
company's address leads to the database that has the company's name.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from sandbox.aws import AwsWorld
from sandbox.postgres import Database
from sandbox.postgres.server import HOST, Server


class Restores:
    """`begun`: told when something is restored for the first time."""

    def __init__(self, aws: AwsWorld, database: Database, begun: Callable[[], None]) -> None:
        self._aws, self._database, self._begun = aws, database, begun
        self._servers: dict[str, Server] = {}  #: By resource id.
        self._holder: str | None = ""  #: Whose the company's name is; None: nobody's.
        self._ready: set[str] = set()
        self._at_work: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Lock()

    def follow(self) -> None:
        """From now on, in this loop."""
        self._holder = self._aws.resource_of(self._aws.company.database)
        self._aws.on_restored(self._restored, self._ready.__contains__)
        self._aws.on_renamed(lambda: self._begin(self._renamed()))
        self._aws.on_backup(lambda: self._begin(self._back_up()))

    async def settle(self) -> None:
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    def _restored(self, resource_id: str, at: float) -> None:
        self._begun()
        self._begin(self._restore(resource_id, datetime.fromtimestamp(at, UTC)))

    async def _restore(self, resource_id: str, at: datetime) -> None:
        self._servers[resource_id] = await self._database.restore(at)
        self._show()
        self._ready.add(resource_id)

    async def _back_up(self) -> None:
        """A snapshot holds what is there now: so it is archived from now on."""
        await self._database.archive()

    async def _renamed(self) -> None:
        async with self._moving:
            holder = self._aws.resource_of(self._aws.company.database)
            if holder == self._holder:
                return
            if self._holder is not None:
                self._servers[self._holder] = await self._database.leave()
            self._holder = holder
            self._show()
            if holder is not None:
                await self._database.take_over(self._servers[holder])

    def _show(self) -> None:
        """Who asks RDS for the address of one that is beside the company's is told it."""
        self._aws.set_resource_endpoints(
            {
                resource_id: (HOST, server.port)
                for resource_id, server in self._servers.items()
                if resource_id != self._holder
            }
        )
