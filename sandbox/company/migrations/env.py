"""
How the company's image migrates: one at a time, each revision in a transaction of its own, and
never waiting for long for a table that is busy, for everybody else would wait behind it.
"""

import asyncio
import os
from logging.config import fileConfig

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import create_async_engine

LOCK_WAIT = "2s"
ONE_AT_A_TIME = 2_026_114
TAKEN = "Somebody else is migrating this database. Nothing was changed: try again after them."
URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1)


def write() -> None:
    """As SQL, without a database."""
    context.configure(url=URL, literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def migrate(connection: sa.Connection) -> None:
    locked = connection.execute(sa.select(sa.func.pg_try_advisory_lock(ONE_AT_A_TIME))).scalar()
    connection.commit()
    if not locked:
        raise CommandError(TAKEN)
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def run() -> None:
    session = {"lock_timeout": LOCK_WAIT, "application_name": "alembic"}
    engine = create_async_engine(URL, connect_args={"server_settings": session})
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


fileConfig(str(context.config.config_file_name), disable_existing_loggers=False)
if context.is_offline_mode():
    write()
else:
    asyncio.run(run())
