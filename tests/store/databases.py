"""Both kinds of database that a store can be in, for tests that hold for both."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from bot.store.migrate import MIGRATIONS
from bot.store.store import Store
from sandbox.postgres import Database

DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@dataclass
class Place:
    """Where stores are opened; they are closed with it."""

    url: str
    stack: contextlib.AsyncExitStack = field(repr=False)

    async def open(self) -> Store:
        store = Store(self.url)
        await store.open()
        self.stack.push_async_callback(store.close)
        return store

    async def made_at(self, revision: str, write: Callable[[sa.Connection], None]) -> None:
        """As an older version of the bot left it behind."""
        store = Store(self.url)
        await store._side.open()

        def make(c: sa.Connection) -> None:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = c
            command.upgrade(config, revision)
            write(c)

        await store.tx(make)
        await store.close()


@asynccontextmanager
async def place(kind: str, folder: Path) -> AsyncIterator[Place]:
    async with contextlib.AsyncExitStack() as stack:
        url = f"sqlite:///{folder}/bot.db"
        if kind == "postgresql":
            database = Database(organizations=0, with_replica=False)
            url = (await stack.enter_async_context(database)).admin_dsn
        yield Place(url, stack)
