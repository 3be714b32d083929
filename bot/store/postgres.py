"""
The store on PostgreSQL, for several replicas. Nobody waits for ever for a database that hangs, and
a replica that stops in the middle of a transaction keeps the others waiting for seconds only.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.store.clean import redact
from bot.store.others import CHANNEL

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Of one bot to PostgreSQL: for transactions and looks, and one to hear other replicas on.
CONNECTIONS = 8 + 1
#: Seconds within which PostgreSQL must have answered; and after which it ends a transaction whose
#: bot has stopped in the middle of it, for others wait for what that one has locked.
ANSWERS_WITHIN_S, IDLE_AT_MOST_S = 10.0, 5
IDLE = "idle_in_transaction_session_timeout"
HEARD_EVERY_S = 10.0  #: Between two looks whether other replicas could still be heard.
#: How PostgreSQL's codes begin that say that it is gone, has ended a transaction that was idle,
#: or has no connection left.
GONE = ("08", "57P", "53300", "25P03")

UNHEARD = "the connection on which other replicas are heard has ended"


class StoreAway(Exception):
    """The database does not answer; whether what was asked happened is not known."""


class Postgres:
    def __init__(self, url: sa.URL) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,
            connect_args={
                "timeout": ANSWERS_WITHIN_S,
                "server_settings": {IDLE: f"{IDLE_AT_MOST_S}s"},
            },
        )
        redact(self._engine.sync_engine)
        sa.event.listen(self._engine.sync_engine, "handle_error", _forget_the_confused)
        self._given_up: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        return None

    async def change(self, schema: Callable[[sa.Connection], None]) -> None:
        """However long that takes, and however long another replica is at it."""
        async with _answering(), self._engine.begin() as connection:
            await connection.run_sync(schema)

    async def tx(self, _first: bool, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        async def whole() -> T:
            async with self._connection() as connection, connection.begin():
                return await connection.run_sync(run, *args, **kwargs)

        return await self._unless_given_up(whole())

    async def read(self, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        async def whole() -> T:
            async with self._connection() as connection:
                return await connection.run_sync(run, *args, **kwargs)

        return await self._unless_given_up(whole())

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Waiting for one that is free does not count; giving it back does, for that asks too."""
        async with _answering():
            connection = await self._engine.connect()
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                try:
                    yield connection
                finally:
                    await connection.close()

    async def _unless_given_up(self, whole: Coroutine[Any, Any, T]) -> T:
        """
        A connection that hangs is not let go at once: SQLAlchemy says goodbye for 2 s. Whoever
        gives up waiting does not wait for that.
        """
        task = asyncio.create_task(whole)
        try:
            await asyncio.wait({task})
        finally:
            if not task.done():
                task.cancel()
                self._given_up.add(task)
                task.add_done_callback(self._let_go)
        return task.result()

    def _let_go(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.info("a connection to the store was given up: %s", error)

    async def listen(self, hear: Callable[[str], None]) -> None:
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            driver: Any = (await connection.get_raw_connection()).driver_connection
            ended = asyncio.Event()
            driver.add_termination_listener(lambda _: ended.set())
            try:
                await driver.add_listener(CHANNEL, lambda *told: hear(told[-1]))
                while not await _happens(ended, HEARD_EVERY_S):  # hanging is no end
                    async with asyncio.timeout(ANSWERS_WITHIN_S):
                        await connection.exec_driver_sql("select 1")
            except Exception as error:  # the driver's own kinds, too
                raise ConnectionError(f"{UNHEARD}: {error}") from error
            finally:
                await connection.invalidate()
        raise ConnectionError(UNHEARD)

    async def close(self) -> None:
        await asyncio.gather(*self._given_up, return_exceptions=True)
        await self._engine.dispose()


def _forget_the_confused(context: sa.ExceptionContext) -> None:
    """
    What a driver says that has lost count of its own questions, such as after one was cut off: its
    connection is of no use any more, and what was asked may have happened.
    """
    if isinstance(context.original_exception.__cause__, asyncpg.InternalClientError):
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
    return event.is_set()


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """What is no answer is told as that, and not as a mistake of whoever asked."""
    try:
        yield
    except (OSError, sa.exc.TimeoutError) as error:
        raise StoreAway(str(error) or "no answer in time") from error
    except sa.exc.DBAPIError as error:
        code = str(getattr(error.orig, "sqlstate", None) or "")
        if error.connection_invalidated or code.startswith(GONE):
            raise StoreAway(str(error.orig).split("\n")[0]) from error
        raise
