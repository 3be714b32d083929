"""The company's database with what people do in it, and connections that lose what it answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from adapters.postgres import Postgres
from bot.runbook import Run
from sandbox.postgres import Database
from tests.adapters.databases import Talk, parts_of, peer
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


@asynccontextmanager
async def deaf_to_the_answer(
    database: Database, dsn: str, word: bytes, parts: int = 1
) -> AsyncIterator[str]:
    """
    A way there that breaks: all that is said comes to the server; what it answers to that word
    does not come back. `parts`: 2 for a statement that is prepared before it is carried out.
    """
    *_, place = parts_of(dsn)
    async with peer(_losing(word, parts, database.writer.port)) as other:
        *_, between = parts_of(other)
        yield dsn.replace(place, between)


def _losing(word: bytes, parts: int, port: int) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        said = 0

        async def answers() -> None:
            while part := await there.read(65536):
                if said >= parts:
                    writer.transport.abort()
                    return
                writer.write(part)

        async with asyncio.TaskGroup() as group:
            group.create_task(answers())
            with suppress(ConnectionError):
                while part := await reader.read(65536):
                    said += bool(said or word in part)
                    back.write(part)
            back.close()

    return talk
