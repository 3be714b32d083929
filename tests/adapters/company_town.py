"""The company for tests of what is changed in it: database, Meta, internal API, queue, workers."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from adapters.company_data import CompanyData
from adapters.http_calls import HttpCalls
from adapters.internal_api import InternalApi
from bot.runbook.errors import Refused
from bot.runbook.values import Secret
from sandbox.company import internal_api
from sandbox.company.syncing import Syncing
from sandbox.company.work import Work
from sandbox.meta import Graph, Token
from sandbox.postgres import Database
from sandbox.postgres.data import ENCRYPTION_KEY
from tests.adapters.databases import Talk, peer
from tests.credentials import given

NEW = Secret(name="runbook-bot/new", version="v1")
NEW_VALUE = "new-system-user-token-not-to-be-shown"


@dataclass
class Typed:
    """What people have typed."""

    values: dict[Secret, str] = field(default_factory=lambda: {NEW: NEW_VALUE})

    async def value(self, secret: Secret) -> str:
        if secret not in self.values:
            raise Refused(f"There is no {secret}.")
        return self.values[secret]


@dataclass
class Town:
    database: Database
    graph: Graph
    api: internal_api.InternalApi
    work: Work
    syncing: Syncing
    calls: HttpCalls
    typed: Typed

    def data(
        self, dsn: str = "", keys: str = ENCRYPTION_KEY, timeout_s: float = 5.0
    ) -> CompanyData:
        dsn = dsn or self.database.dsn
        return CompanyData(given(dsn), given(keys), self.typed, timeout_s)

    def internal(self, key: str = "") -> InternalApi:
        return InternalApi(self.calls, self.api.url, given(key or self.api.key), self.data())

    async def ask(self, query: str, *values: object) -> Any:
        connection = await asyncpg.connect(self.database.admin_dsn)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    @asynccontextmanager
    async def behind(self, talk: Talk) -> AsyncIterator[str]:
        """The DSN of the database behind something that talks as told."""
        async with peer(talk) as other:
            (port,) = re.findall(r":(\d+)/", other)
            yield re.sub(r":\d+/", f":{port}/", self.database.dsn)

    @property
    def port(self) -> int:
        (port,) = re.findall(r":(\d+)/", self.database.dsn)
        return int(port)


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    calls, graph = HttpCalls(0.7), Graph()
    async with Database(90, with_replica=False) as database:
        syncing = Syncing(lambda: database.dsn, graph, scale=0.005)
        work = Work(syncing, inspect_s=0.05)
        api = internal_api.InternalApi(lambda: database.dsn, work.start_sync)
        async with api:
            await work.start()
            try:
                found = Town(database, graph, api, work, syncing, calls, Typed())
                graph.also_know(lambda value: Token(value))
                yield found
            finally:
                await work.stop()
    await calls.close()
