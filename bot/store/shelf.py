"""Sealed secrets as rows. Nobody here can open them: bot/secrets/keeping.py can."""

import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.store import Store
from bot.store.tables import kept_secrets


class StoreShelf:
    """Implements bot.secrets.keeping.Shelf."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store, self._now = store, now

    async def put(self, name: str, version: str, sealed: bytes) -> None:
        await self._store.tx(_put, name, version, sealed, self._now())

    async def get(self, name: str, version: str) -> bytes | None:
        return await self._store.read(_get, name, version)

    async def reseal(self, seal: Callable[[bytes], bytes]) -> None:
        await self._store.tx(_reseal, seal)


def _put(c: sa.Connection, name: str, version: str, sealed: bytes, now: float) -> None:
    insert = sqlite.insert if c.dialect.name == "sqlite" else postgresql.insert
    made = insert(kept_secrets).values(name=name, version=version, sealed=sealed, at=now)
    c.execute(made.on_conflict_do_nothing())


def _get(c: sa.Connection, name: str, version: str) -> bytes | None:
    query = sa.select(kept_secrets.c.sealed).where(_is(name, version))
    return c.execute(query).scalar()


def _reseal(c: sa.Connection, seal: Callable[[bytes], bytes]) -> None:
    for row in c.execute(sa.select(kept_secrets).with_for_update()).all():
        again = seal(row.sealed)
        if again != row.sealed:
            mine = sa.update(kept_secrets).where(_is(row.name, row.version))
            c.execute(mine.values(sealed=again))


def _is(name: str, version: str) -> sa.ColumnElement[bool]:
    return sa.and_(kept_secrets.c.name == name, kept_secrets.c.version == version)
