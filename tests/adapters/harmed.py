"""The company's database, with what people do in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from adapters.postgres import Postgres
from bot.runbook import Run
from sandbox.postgres import Database
from tests.credentials import given

RUN = Run(id="7F3K", started_at=datetime(2026, 11, 24, 3, 12, tzinfo=UTC), started_by="U1")
NOW = timedelta(0)


def postgres_of(database: Database, maintenance_dsn: str = "") -> Postgres:
    """As the bot is set up for it."""
    writing = maintenance_dsn or database.maintenance_dsn
    return Postgres(given(database.dsn), None, 5.0, given(writing))


@asynccontextmanager
async def client(dsn: str, name: str = "app") -> AsyncIterator[Any]:
    """Somebody's session. Whatever it still does ends with it."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": name})
    pid = connection.get_server_pid()
    try:
        yield connection
    finally:
        connection.terminate()
        other = await asyncpg.connect(dsn)
        await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        await other.close()


async def run(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def until(dsn: str, query: str, *values: object) -> None:
    """Until the query says yes."""
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(20):
            while not await connection.fetchval(query, *values):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


async def made(applying: Any) -> None:
    """A change that yields how far it is, made to its end."""
    async for _ in applying:
        pass
